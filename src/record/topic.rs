//! Topic names: Kafka's rules, kept by the type.

use std::fmt;
use std::sync::Arc;

/// The longest name Kafka takes, in bytes.
const MAX_BYTES: usize = 249;

/// A legal Kafka topic name: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

/// Why a text is no topic name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a topic name: 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`, and neither `.` nor `..`")]
pub struct InvalidTopicName(String);

impl TopicName {
    /// Checks `text` by Kafka's rules.
    ///
    /// # Errors
    /// When it is no legal name; the message repeats at most its first 249 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidTopicName> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let refused = text.is_empty()
            || text.len() > MAX_BYTES
            || text == "."
            || text == ".."
            || !text.bytes().all(legal);
        if refused {
            return Err(InvalidTopicName(text.chars().take(MAX_BYTES).collect()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Kafka keeps it for itself (`__consumer_offsets`, `__transaction_state`, `__share_group_state`).
    pub fn is_internal(&self) -> bool {
        self.0.starts_with("__")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `name` has the form of `pattern`, in which each `*` stands for any characters, or none.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(prefix) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let suffix = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is the best one: it leaves the most for what follows.
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "orders", "sensor-1.raw_v2", "...", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(TopicName::parse(good).expect(good).as_str(), good);
        }
        for bad in ["", ".", "..", "a b", "a,b", "sensor-*", "ü", "a/b", "a\0", &"x".repeat(250)] {
            assert!(TopicName::parse(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_star_stands_for_anything_or_nothing() {
        for (pattern, name) in
            [("a", "a"), ("*", "x"), ("s-*", "s-"), ("s-*", "s-1"), ("*.raw", "a.raw"), ("a*b*c", "aXbbYc")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("s-*", "S-1"), ("*.raw", "raw"), ("ab*ba", "aba"), ("a*b*c", "acb"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
