//! `[telemetry]`: what the gateway tells about itself.

use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the keys of `[telemetry]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "telemetry",
    about: "What the gateway tells about itself.",
    fields: &[
        Field {
            key: "log",
            meaning: "What is logged, to stderr: a level for everything, and levels of single targets behind it, as \
                      in `info,sluicegate::kafka=debug`.",
            rule: Rule::Text(
                is_log_filter,
                "`LEVEL` or `target=LEVEL`, separated by commas without spaces; the levels are `off`, `error`, `warn`, `info`, \
                 `debug` and `trace`",
            ),
        },
        Field {
            key: "log_format",
            meaning: "The shape of a log line: `text` for people, `json` (one object a line) for machines.",
            rule: Rule::OneOf(&["text", "json"]),
        },
        Field {
            key: "kafka_statistics",
            meaning: "How often each client of Kafka tells the statistics behind the metrics `sluicegate_kafka_…`, in \
                      whole seconds; `0` turns them off.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(3600)),
        },
    ],
};

/// The `[telemetry]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: a level, and levels of single targets.
    pub log: String,
    /// The shape of a log line.
    pub log_format: LogFormat,
    /// How often each client of Kafka tells its statistics; never, when zero.
    #[serde(with = "duration::text")]
    pub kafka_statistics: Duration,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            kafka_statistics: Duration::from_secs(10),
        }
    }
}

/// Whether a text is a list of levels. `tracing` would take more: filters on spans and fields, and any word as
/// the name of a target. A misspelt level would then switch everything off without a word, so it is not taken.
fn is_log_filter(text: &str) -> bool {
    let is_level = |text: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .iter()
            .any(|level| text.eq_ignore_ascii_case(level))
    };
    let is_target = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte))
    };
    text.split(',').all(|directive| match directive.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(directive),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::EnvFilter;

    #[test]
    fn a_filter_that_passes_is_one_for_tracing_too() {
        for text in ["info", "OFF", "warn,sluicegate=debug", "info,sluicegate::kafka=trace,hyper=off"] {
            assert!(is_log_filter(text), "{text}");
            assert!(EnvFilter::try_new(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "inof",
            "info,",
            "sluicegate=loud",
            "=info",
            "sluicegate[span]=info",
            "a b=info",
            "info, hyper=off",
        ] {
            assert!(!is_log_filter(text), "{text}");
        }
    }
}
