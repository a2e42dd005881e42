//! Which topics a reader wants: names and patterns, as a path's `{topics}` writes them.

use super::topic::{self, InvalidTopicName, TopicName};
use std::collections::BTreeSet;

/// Topics by name, and by patterns whose topics may still be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    literals: BTreeSet<TopicName>,
    patterns: Vec<String>,
}

impl Selection {
    /// Reads a comma list whose members are names, or patterns in which `*` stands for any characters.
    ///
    /// # Errors
    /// When a member could be the name of no topic, whatever its `*` stood for.
    pub fn parse(text: &str) -> Result<Self, InvalidTopicName> {
        let mut selection = Self::default();
        for member in text.split(',') {
            if !member.contains('*') {
                selection.literals.insert(TopicName::parse(member)?);
                continue;
            }
            // A letter in place of each star makes a legal name of a legal pattern.
            TopicName::parse(&member.replace('*', "a"))?;
            if !selection.patterns.iter().any(|pattern| pattern == member) {
                selection.patterns.push(member.to_owned());
            }
        }
        Ok(selection)
    }

    /// The topics named outright.
    pub fn literals(&self) -> &BTreeSet<TopicName> {
        &self.literals
    }

    /// The patterns, each with at least one `*`.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// The only topic, when it is one and is named outright.
    pub fn only(&self) -> Option<&TopicName> {
        if self.literals.len() == 1 && self.patterns.is_empty() { self.literals.first() } else { None }
    }

    /// Whether a pattern matches `name`. Topics that Kafka keeps for itself are matched by none.
    pub fn matches(&self, name: &TopicName) -> bool {
        !name.is_internal() && self.patterns.iter().any(|pattern| topic::matches(pattern, name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).expect("a legal name")
    }

    #[test]
    fn a_list_holds_names_and_patterns() {
        let selection = Selection::parse("orders,sensor-*,orders,sensor-*").expect("a list");
        assert_eq!(selection.literals().iter().collect::<Vec<_>>(), [&name("orders")]);
        assert_eq!(selection.patterns(), ["sensor-*"]);
        assert_eq!(selection.only(), None);
        assert!(selection.matches(&name("sensor-7")) && !selection.matches(&name("orders")));
        assert_eq!(Selection::parse("orders").expect("a name").only(), Some(&name("orders")));
        assert!(!Selection::parse("*").expect("a pattern").matches(&name("__consumer_offsets")));
    }

    #[test]
    fn what_can_be_no_topic_is_refused() {
        for bad in ["", ",", "a,", "a b*", "ü-*", "a,,b", &"*".repeat(250)] {
            assert!(Selection::parse(bad).is_err(), "{bad:?} passed");
        }
    }
}
