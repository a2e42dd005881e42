//! What a client can read (RFC 9110, section 12.5.1), as far as the routes offer a choice.

use axum::http::{HeaderMap, header};

/// How a client named the type of an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStream {
    /// By its own name: it is an EventSource or something like it.
    Named,
    /// By a wildcard, or by saying nothing.
    Covered,
    /// Not at all.
    Refused,
}

/// How `Accept` speaks of `text/event-stream`. A quality of zero refuses; the most specific range decides.
pub fn event_stream(headers: &HeaderMap) -> EventStream {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .peekable();
    if ranges.peek().is_none() {
        return EventStream::Covered;
    }
    let (mut named, mut group, mut any) = (None, None, None);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or("").to_ascii_lowercase();
        let taken = !parts.any(|parameter| {
            let quality = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
            quality.is_some_and(|quality| quality.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0))
        });
        match kind.as_str() {
            "text/event-stream" => named = Some(taken),
            "text/*" => group = Some(taken),
            "*/*" => any = Some(taken),
            _ => {}
        }
    }
    match (named, group.or(any)) {
        (Some(true), _) => EventStream::Named,
        (None, Some(true)) => EventStream::Covered,
        _ => EventStream::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let table = [
            (None, EventStream::Covered),
            (Some("*/*"), EventStream::Covered),
            (Some("text/*"), EventStream::Covered),
            (Some("text/event-stream"), EventStream::Named),
            (Some("application/json, Text/Event-Stream;q=0.5"), EventStream::Named),
            (Some("*/*, text/event-stream;q=0"), EventStream::Refused),
            (Some("text/*;q=0, */*"), EventStream::Refused),
            (Some("application/json"), EventStream::Refused),
            (Some(""), EventStream::Refused),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
            }
            assert_eq!(event_stream(&headers), expected, "{accept:?}");
        }
    }
}
