//! Group ids: Kafka takes nearly any text, and so does the type.

use std::fmt;
use std::sync::Arc;

/// The longest id that Kafka's protocol has room for, in bytes.
const MAX_BYTES: usize = 32_767;

/// How much of a refused id a message repeats, in characters.
const REPEATED: usize = 80;

/// The id of a consumer group (`group.id`): 1 to 32767 bytes of any text without a NUL character, which no client library
/// in C can say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(Arc<str>);

/// Why a text is no group id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a group id: 1 to {MAX_BYTES} bytes without a NUL character")]
pub struct InvalidGroupId(String);

impl GroupId {
    /// Checks `text` by Kafka's rules.
    ///
    /// # Errors
    /// When it can be no id; the message repeats at most its first 80 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidGroupId> {
        if text.is_empty() || text.len() > MAX_BYTES || text.contains('\0') {
            return Err(InvalidGroupId(text.chars().take(REPEATED).flat_map(char::escape_debug).collect()));
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_any_text_is_a_group_id() {
        let longest = "é".repeat(MAX_BYTES / 2);
        for id in ["g", ".", "..", " ", "a/b c?d#e%", "заказы", "🦀", "a\nb\u{7f}", "*,", &longest] {
            assert_eq!(GroupId::parse(id).map(|id| id.to_string()), Ok(id.to_owned()));
        }
        for bad in ["", "\0", "a\0b", &"a".repeat(MAX_BYTES + 1)] {
            let said = GroupId::parse(bad).expect_err(bad).to_string();
            assert!(!said.contains('\0') && said.len() < 200, "{said}");
        }
    }
}
