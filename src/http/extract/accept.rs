//! What a client can read (RFC 9110, section 12.5.1), as far as the routes offer a choice.

use axum::http::{HeaderMap, header};

/// How a client speaks of a media type, with the quality it gives it in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// By its own name.
    Named(u16),
    /// By a wildcard, or by saying nothing.
    Covered(u16),
    /// Not at all.
    Refused,
}

impl Accepted {
    /// Whether it can be sent.
    pub fn is_taken(self) -> bool {
        self != Self::Refused
    }

    /// What is sent where several can be: the best quality, then what was named.
    pub fn rank(self) -> (u16, bool) {
        match self {
            Self::Named(quality) => (quality, true),
            Self::Covered(quality) => (quality, false),
            Self::Refused => (0, false),
        }
    }
}

/// How `Accept` speaks of `kind`, such as `text/event-stream`. A quality of zero refuses; the most specific range
/// decides.
pub fn accepted(headers: &HeaderMap, kind: &str) -> Accepted {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .peekable();
    if ranges.peek().is_none() {
        return Accepted::Covered(1000);
    }
    let group_of_kind = kind.split_once('/').map(|(group, _)| group);
    let (mut named, mut group, mut any) = (None, None, None);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let found = parts.next().unwrap_or("").to_ascii_lowercase();
        let quality = parts.find_map(quality).unwrap_or(1000);
        if found == kind {
            named = Some(quality);
        } else if found == "*/*" {
            any = Some(quality);
        } else if found.strip_suffix("/*").is_some_and(|found| Some(found) == group_of_kind) {
            group = Some(quality);
        }
    }
    match (named, group.or(any)) {
        (Some(quality), _) if quality > 0 => Accepted::Named(quality),
        (None, Some(quality)) if quality > 0 => Accepted::Covered(quality),
        _ => Accepted::Refused,
    }
}

/// The quality a parameter gives, if it is one; what is no number counts as the best.
fn quality(parameter: &str) -> Option<u16> {
    let text = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let quality = text.trim().parse::<f32>().ok().filter(|quality| quality.is_finite())?;
    Some((quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let table = [
            (None, Accepted::Covered(1000)),
            (Some("*/*"), Accepted::Covered(1000)),
            (Some("text/*"), Accepted::Covered(1000)),
            (Some("text/event-stream"), Accepted::Named(1000)),
            (Some("application/json, Text/Event-Stream;q=0.5"), Accepted::Named(500)),
            (Some("*/*, text/event-stream;q=0"), Accepted::Refused),
            (Some("text/*;q=0, */*"), Accepted::Refused),
            (Some("application/json"), Accepted::Refused),
            (Some("application/*"), Accepted::Refused),
            (Some("*/*;q=0.3"), Accepted::Covered(300)),
            (Some("text/event-stream;q=x"), Accepted::Named(1000)),
            (Some(""), Accepted::Refused),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
            }
            assert_eq!(accepted(&headers, "text/event-stream"), expected, "{accept:?}");
        }
    }
}
