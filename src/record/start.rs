//! Where a stream begins and ends: the `from` and `until` parameters.
//!
//! `from` names a place relative to the log (`latest`, `earliest`, `-N`), a time, explicit offsets, or a cursor. What a
//! text means is decided here; which offsets that comes to is decided where the log is known.

use super::cursor::{Cursor, CursorError};
use super::{number, time};
use std::collections::BTreeMap;

/// The most records a start may count back.
pub const MAX_BACK: u32 = 10_000;

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The end of the log as it stands when the stream opens.
    Latest,
    /// The first record that is still held.
    Earliest,
    /// The first record stamped at or after this time, in epoch milliseconds.
    Time(i64),
    /// This many records before the end of each partition.
    Back(u32),
    /// An offset for each named partition; the partitions not named are not read.
    Offsets(BTreeMap<i32, i64>),
    /// Where an earlier stream stood.
    Cursor(Cursor),
}

/// Why a `from` was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It looked like a cursor and was none.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A partition was given twice.
    #[error("partition {0} is named twice")]
    Repeated(i32),
    /// It counts back from the end by none, or by too many.
    #[error("`-N` counts back 1 to {MAX_BACK} records")]
    Back,
    /// None of the forms.
    #[error("`{0}` is none of `latest`, `earliest`, a time, `-N`, `PARTITION:OFFSET,…` or a cursor")]
    Unknown(String),
}

impl Start {
    /// Reads the text of `from`.
    ///
    /// # Errors
    /// When it has none of the forms, names a partition twice, or is a cursor that does not decode.
    pub fn parse(text: &str) -> Result<Self, StartError> {
        match text {
            "latest" => return Ok(Self::Latest),
            "earliest" => return Ok(Self::Earliest),
            _ => {}
        }
        if let Some(count) = text.strip_prefix('-') {
            let count = number::<i64>(count).ok_or_else(|| unknown(text))?;
            let count = u32::try_from(count).ok().filter(|count| (1..=MAX_BACK).contains(count));
            return count.map(Self::Back).ok_or(StartError::Back);
        }
        if text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b',')) {
            return offsets(text).map(Self::Offsets);
        }
        if Cursor::resembles(text) {
            return Ok(Self::Cursor(Cursor::parse(text)?));
        }
        time::parse_millis(text).map(Self::Time).map_err(|_| unknown(text))
    }
}

/// Where a stream ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the end of the log as it stands when the stream opens.
    Now,
    /// Before the first record of each partition stamped at or after this time, in epoch milliseconds, or when the clock has
    /// passed it and the partition stands at its end.
    Time(i64),
}

impl Until {
    /// Reads the text of `until`.
    ///
    /// # Errors
    /// When it is neither `now` nor a time.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "now" => Ok(Self::Now),
            _ => time::parse_millis(text)
                .map(Self::Time)
                .map_err(|error| format!("neither `now` nor a time: {error}")),
        }
    }
}

fn unknown(text: &str) -> StartError {
    StartError::Unknown(text.chars().take(80).collect())
}

fn offsets(text: &str) -> Result<BTreeMap<i32, i64>, StartError> {
    let mut starts = BTreeMap::new();
    for pair in text.split(',') {
        let (partition, offset) = pair.split_once(':').ok_or_else(|| unknown(text))?;
        let partition = number(partition).ok_or_else(|| unknown(text))?;
        let offset = number(offset).ok_or_else(|| unknown(text))?;
        if starts.insert(partition, offset).is_some() {
            return Err(StartError::Repeated(partition));
        }
    }
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_from_is_read() {
        assert_eq!(Start::parse("latest"), Ok(Start::Latest));
        assert_eq!(Start::parse("earliest"), Ok(Start::Earliest));
        assert_eq!(Start::parse("3:77,0:120"), Ok(Start::Offsets(BTreeMap::from([(0, 120), (3, 77)]))));
        assert!(matches!(Start::parse("1."), Ok(Start::Cursor(_))));
        assert_eq!(Start::parse("-25"), Ok(Start::Back(25)));
        assert_eq!(Start::parse("1763795871123"), Ok(Start::Time(1_763_795_871_123)));
        assert_eq!(Start::parse("1970-01-01T00:00:01.5Z"), Ok(Start::Time(1500)));
        assert_eq!(Start::parse("2100-01-01T00:00:00+01:00"), Ok(Start::Time(4_102_441_200_000)));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "first",
            "0:",
            ":1",
            "0:1,",
            "0:-1",
            "-1:0",
            "0:+1",
            "0:99999999999999999999",
            "2.AAAA",
            "-",
            "-0",
            "-10001",
            "-1.5",
            "2026-11-22",
        ] {
            assert!(Start::parse(bad).is_err(), "{bad:?} passed");
        }
        assert_eq!(Start::parse("0:1,0:2"), Err(StartError::Repeated(0)));
    }

    #[test]
    fn an_end_is_now_or_a_time() {
        assert_eq!(Until::parse("now"), Ok(Until::Now));
        assert_eq!(Until::parse("1500"), Ok(Until::Time(1500)));
        assert!(Until::parse("later").is_err());
    }
}
