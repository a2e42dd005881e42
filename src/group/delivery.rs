//! How a group's records are delivered: the settings that all who take part in it must agree on.

use super::ledger::Terms;
use crate::record::{Filter, Isolation, TopicName};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use utoipa::ToSchema;

/// When a record counts as acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum AckMode {
    /// When a client says so; until then it is handed out again and again. At least once.
    #[default]
    Explicit,
    /// When its client comes back with its id, or with that of a later one: as an `EventSource` does by itself. At least
    /// once, for streams.
    Reconnect,
    /// When Kafka has committed it, which is awaited before it goes to the client. At most once.
    Written,
    /// Never: the group is read from where it stands, and stays there.
    None,
}

impl AckMode {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            AckMode::Explicit => "explicit",
            AckMode::Reconnect => "reconnect",
            AckMode::Written => "written",
            AckMode::None => "none",
        }
    }

    /// Whether a record counts as acknowledged as soon as it is handed out.
    pub fn is_at_once(self) -> bool {
        matches!(self, Self::Written | Self::None)
    }
}

/// What records keep their order among while several clients work them off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Ordering {
    /// All of a partition: one client at a time has records of it.
    #[default]
    Partition,
    /// Those of one key; those without a key keep none.
    Key,
    /// None.
    None,
}

impl Ordering {
    /// The words used on the wire.
    pub const WORDS: [(&str, Self); 3] =
        [("partition", Self::Partition), ("key", Self::Key), ("none", Self::None)];
}

/// The settings of a group's delivery. What a client does not ask for it asks for by its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which records are wanted; the others count as acknowledged, in their order.
    pub filter: Option<Arc<Filter>>,
    /// Which records of transactions are seen.
    pub isolation: Isolation,
    /// When a record counts as acknowledged.
    pub ack: AckMode,
    /// What they keep their order among.
    pub ordering: Ordering,
    /// Window, lease and attempts.
    pub terms: Terms,
    /// Where a record goes that was handed out as often as it may be; it is skipped where there is none.
    pub dead_letter: Option<TopicName>,
}

impl Delivery {
    /// A text that differs where the settings do, the same in every process of this release.
    pub fn text(&self) -> String {
        format!("{self:?}")
    }

    /// A short name of the settings and of these topics, of letters and digits: what a member is known by among the others of
    /// its group.
    pub fn tag(&self, topics: &[TopicName]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.text());
        for topic in topics {
            hash.update([0]);
            hash.update(topic.as_str());
        }
        hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The names of the settings in which the two differ.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let [a, b] = [self, other];
        let pairs = [
            ("filters", a.filter != b.filter),
            ("isolation", a.isolation != b.isolation),
            ("ack", a.ack != b.ack),
            ("ordering", a.ordering != b.ordering),
            ("window", a.terms.window != b.terms.window),
            ("ack_timeout", a.terms.lease != b.terms.lease),
            ("max_attempts", a.terms.max_attempts != b.terms.max_attempts),
            ("dead_letter", a.dead_letter != b.dead_letter),
        ];
        pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn delivery() -> Delivery {
        let terms = Terms { window: 10, lease: Duration::from_secs(1), max_attempts: None };
        Delivery {
            filter: None,
            isolation: Isolation::Committed,
            ack: AckMode::Explicit,
            ordering: Ordering::Partition,
            terms,
            dead_letter: None,
        }
    }

    #[test]
    fn settings_that_differ_have_other_texts_and_tags_and_are_named() {
        let (one, topics) = (delivery(), [TopicName::parse("orders").expect("a legal name")]);
        let written = Delivery { ack: AckMode::Written, ..delivery() };
        let wide = Delivery { terms: Terms { window: 11, ..one.terms }, ..delivery() };
        let filter = Filter::default().with_key_prefixes(vec!["a".into()]).expect("a filter");
        let filtered = Delivery { filter: Some(Arc::new(filter)), ..delivery() };
        for (other, named) in [(written, "ack"), (wide, "window"), (filtered, "filters")] {
            assert_ne!(one.text(), other.text());
            assert_ne!(one.tag(&topics), other.tag(&topics));
            assert_eq!(one.differences(&other), [named]);
        }
        assert_eq!((one.text(), one.tag(&topics)), (delivery().text(), delivery().tag(&topics)));
        assert_ne!(one.tag(&topics), one.tag(&[]));
        assert!(one.differences(&delivery()).is_empty());
    }
}
