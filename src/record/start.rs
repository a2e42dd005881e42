//! Where a stream begins: the `from` parameter.
//!
//! `from` names a place relative to the log (`latest`, `earliest`), explicit offsets, or a cursor. Times and
//! counts from the end are resolved by the same rules when they arrive with the paging work; until then they
//! are refused by name, not misread.

use super::cursor::{Cursor, CursorError};
use std::collections::BTreeMap;

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The end of the log as it stands when the stream opens.
    Latest,
    /// The first record that is still held.
    Earliest,
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
    /// None of the forms.
    #[error("`{0}` is none of `latest`, `earliest`, `PARTITION:OFFSET,…` or a cursor")]
    Unknown(String),
}

impl Start {
    /// Reads the text of `from`.
    ///
    /// # Errors
    /// When it has none of the forms, names a partition twice, or is a cursor that does not decode.
    pub fn parse(text: &str) -> Result<Self, StartError> {
        match text {
            "latest" => Ok(Self::Latest),
            "earliest" => Ok(Self::Earliest),
            _ if text.contains(':') => offsets(text).map(Self::Offsets),
            _ if Cursor::resembles(text) => Ok(Self::Cursor(Cursor::parse(text)?)),
            _ => Err(unknown(text)),
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
        let partition = number(partition).and_then(|n| i32::try_from(n).ok()).ok_or_else(|| unknown(text))?;
        let offset = number(offset).ok_or_else(|| unknown(text))?;
        if starts.insert(partition, offset).is_some() {
            return Err(StartError::Repeated(partition));
        }
    }
    Ok(starts)
}

/// Digits only: `+1` and `-1` are numbers to the standard library and neither to us.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
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
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in
            ["", "first", "0", "0:", ":1", "0:1,", "0:-1", "-1:0", "0:+1", "0:99999999999999999999", "2.AAAA"]
        {
            assert!(Start::parse(bad).is_err(), "{bad:?} passed");
        }
        assert_eq!(Start::parse("0:1,0:2"), Err(StartError::Repeated(0)));
    }
}
