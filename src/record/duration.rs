//! Durations as text: the one form that queries and the configuration share.
//!
//! A duration is an integer with its unit, `250ms`, `20s`, `15m`, `24h`; `0` needs none. Any other bare
//! number is refused, because its reader would have to guess the unit. There are no sums (`1h30m`), no
//! fractions and no signs: one length has few spellings, and each is obvious.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The form in words, for messages that say what is allowed.
pub const FORM: &str = "an integer with its unit (`250ms`, `20s`, `15m`, `24h`) or `0`";

/// The longest duration the form may spell, in milliseconds: Kafka's times are signed 64-bit
/// milliseconds, so that adding a longer one to any of them could not be right.
const MAX_MS: u64 = i64::MAX as u64;

/// The units, longest first, with their length in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Only digits, and not `0`: 20 seconds or 20 milliseconds?
    #[error("a number without its unit; write {FORM}")]
    NoUnit,
    /// Digits with something behind them that is no unit.
    #[error("an unknown unit; the units are `ms`, `s`, `m` and `h`")]
    UnknownUnit,
    /// Anything else: empty, signed, fractional, words.
    #[error("not a duration; write {FORM}")]
    Malformed,
    /// More milliseconds than a signed 64-bit number holds.
    #[error("longer than any time that Kafka can tell")]
    TooLong,
}

/// Reads a duration in the form of this module.
///
/// # Errors
/// [`DurationError`] names what is wrong with the text.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Malformed);
    }
    if unit.is_empty() {
        return if number == "0" { Ok(Duration::ZERO) } else { Err(DurationError::NoUnit) };
    }
    let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let word = unit.bytes().all(|byte| byte.is_ascii_alphabetic());
        return Err(if word { DurationError::UnknownUnit } else { DurationError::Malformed });
    };
    // All digits by now, so the only way to fail is to be too large.
    let count = u64::from_str(number).map_err(|_| DurationError::TooLong)?;
    match count.checked_mul(*unit_ms) {
        Some(ms) if ms <= MAX_MS => Ok(Duration::from_millis(ms)),
        _ => Err(DurationError::TooLong),
    }
}

/// Prints a duration in the shortest exact form that [`parse`] reads: `90s`, `2m`, `24h`, `0`.
///
/// A part below a millisecond, which no text can bring in, is rounded up, so that only zero prints as `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text(pub Duration);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos().div_ceil(1_000_000);
        if ms == 0 {
            return f.write_str("0");
        }
        // The longest unit without a remainder has the fewest digits.
        for (name, unit_ms) in UNITS {
            if ms.is_multiple_of(u128::from(unit_ms)) {
                return write!(f, "{}{name}", ms / u128::from(unit_ms));
            }
        }
        unreachable!("every number of milliseconds is a multiple of one millisecond")
    }
}

/// For fields: `#[serde(with = "crate::record::duration::text")]` on a [`Duration`].
pub mod text {
    use super::{Duration, Text, parse};
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    /// Writes the duration as [`Text`] prints it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(*duration))
    }

    /// Reads a string in the form of [`parse`]; a number is refused, since it has no unit.
    ///
    /// # Errors
    /// Those of the deserializer, and a text that is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_unit_and_the_bare_zero_are_read() {
        for (text, ms) in [
            ("0", 0),
            ("0ms", 0),
            ("0h", 0),
            ("250ms", 250),
            ("20s", 20_000),
            ("15m", 900_000),
            ("24h", 86_400_000),
            ("007s", 7_000),
            ("9223372036854775807ms", i64::MAX as u64),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_reason() {
        for (text, error) in [
            ("20", DurationError::NoUnit),
            ("00", DurationError::NoUnit),
            ("20d", DurationError::UnknownUnit),
            ("20S", DurationError::UnknownUnit),
            ("20sec", DurationError::UnknownUnit),
            ("", DurationError::Malformed),
            ("s", DurationError::Malformed),
            ("-1s", DurationError::Malformed),
            ("+1s", DurationError::Malformed),
            ("1.5s", DurationError::Malformed),
            ("1h30m", DurationError::Malformed),
            (" 1s", DurationError::Malformed),
            ("1 s", DurationError::Malformed),
            ("1s ", DurationError::Malformed),
            ("٣s", DurationError::Malformed),
            ("9223372036854775808ms", DurationError::TooLong),
            ("99999999999999999999999ms", DurationError::TooLong),
            ("9223372036854775807h", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_longest_unit_that_fits_is_printed() {
        for (ms, text) in [
            (0, "0"),
            (1, "1ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_500, "1500ms"),
            (60_000, "1m"),
            (90_000, "90s"),
            (3_600_000, "1h"),
            (86_400_000, "24h"),
        ] {
            assert_eq!(Text(Duration::from_millis(ms)).to_string(), text);
        }
        assert_eq!(Text(Duration::from_nanos(1)).to_string(), "1ms");
        assert_eq!(Text(Duration::from_micros(1_001)).to_string(), "2ms");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in 0..=MAX_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&Text(duration).to_string()), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[0-9]{0,25}[a-z]{0,3}") {
            let _ = parse(&text);
        }
    }
}
