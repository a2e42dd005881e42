//! The two forms in which metrics are told: OpenMetrics 1.0, and Prometheus' older text for whoever does not ask for it.
//!
//! The library writes OpenMetrics alone. The older form differs in four things, so it is made from the newer one.

/// A form of exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format, version 0.0.4.
    Prometheus,
}

impl Exposition {
    /// Its media type without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Prometheus => "text/plain",
        }
    }

    /// What stands in Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The same metrics, which stand in OpenMetrics, in this form.
    pub(super) fn of(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Prometheus => older(&text),
        }
    }
}

/// In the older text a counter's name has its suffix in its description too, an info is a gauge, and units and the end are
/// not told.
fn older(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A description is HELP and then TYPE, which tells the suffix that HELP needs.
    let mut help = None;
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some((_, meaning)) = help.take() {
                out.push_str(&format!("# HELP {name}{suffix} {meaning}\n"));
            }
            out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_text_has_whole_names_and_no_units() {
        let newer = "# HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total{x=\"y z\"} 1\n\
                     # HELP b Is.\n# TYPE b info\nb_info{v=\"1\"} 1\n# HELP c Now.\n# TYPE c gauge\nc 2\n# EOF\n";
        let older = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\na_seconds_total{x=\"y z\"} 1\n\
                     # HELP b_info Is.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n# HELP c Now.\n# TYPE c gauge\nc 2\n";
        assert_eq!(Exposition::Prometheus.of(newer.to_owned()), older);
        assert_eq!(Exposition::OpenMetrics.of(newer.to_owned()), newer);
    }
}
