//! Times as callers write them: epoch milliseconds, Kafka's own form, or RFC 3339.

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither epoch milliseconds nor an RFC 3339 time such as `2026-11-22T17:24:00Z`")]
pub struct InvalidTime(String);

/// Epoch milliseconds of a time written in either form.
///
/// # Errors
/// When it has neither form.
pub fn parse_millis(text: &str) -> Result<i64, InvalidTime> {
    let invalid = || InvalidTime(text.chars().take(80).collect());
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| invalid());
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        for (text, millis) in [
            ("1763795871123", 1_763_795_871_123),
            ("0", 0),
            ("-1", -1),
            ("1970-01-01T00:00:01Z", 1000),
            ("2100-01-01T00:00:00.5+01:00", 4_102_441_200_500),
        ] {
            assert_eq!(parse_millis(text), Ok(millis), "{text}");
        }
        for bad in ["", "-", "now", "2026-11-22", "1.5", "99999999999999999999"] {
            assert!(parse_millis(bad).is_err(), "{bad}");
        }
    }
}
