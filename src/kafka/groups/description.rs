//! Consumer groups in the house's words, as Kafka describes them.

use crate::record::{GroupId, TopicName};
use std::collections::BTreeMap;

/// Offsets by topic and partition number.
pub type Offsets = BTreeMap<(TopicName, i32), i64>;

/// What a group is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupState {
    /// It has no members.
    #[default]
    Empty,
    /// Its members have their partitions.
    Stable,
    /// Classic protocol: members are joining.
    PreparingRebalance,
    /// Classic protocol: its leader is assigning partitions.
    CompletingRebalance,
    /// KIP-848: partitions are being assigned (`Assigning`), or members have yet to follow (`Reconciling`). librdkafka has a
    /// name for neither.
    Rebalancing,
    /// It is being removed.
    Dead,
    /// None that librdkafka has a name for.
    Unknown,
}

impl GroupState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Stable,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
        Self::Rebalancing,
        Self::Dead,
        Self::Unknown,
    ];

    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Stable => "stable",
            Self::PreparingRebalance => "preparing_rebalance",
            Self::CompletingRebalance => "completing_rebalance",
            Self::Rebalancing => "rebalancing",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

/// By which protocol members join: Kafka's `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The one in which a member assigns the partitions.
    Classic,
    /// The one in which the broker does (KIP-848).
    Consumer,
}

impl GroupProtocol {
    /// Both protocols.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Consumer];

    /// Kafka's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

/// A group in a list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// Its id.
    pub id: GroupId,
    /// What it is doing.
    pub state: GroupState,
    /// The protocol of its members; `None` where the broker does not tell.
    pub protocol: Option<GroupProtocol>,
    /// How many members it has; `None` where Kafka told of the group but would not describe it.
    pub members: Option<usize>,
}

/// A group as Kafka describes it. The default is one of which Kafka knows nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupDescription {
    /// What it is doing.
    pub state: GroupState,
    /// The protocol of its members.
    pub protocol: Option<GroupProtocol>,
    /// The name of what assigns the partitions; `None` where nothing does, as in an empty classic group.
    pub assignor: Option<String>,
    /// Its members, by id.
    pub members: Vec<Member>,
}

impl GroupDescription {
    /// Whether somebody reads by it, so that its offsets are not to be moved.
    pub fn is_active(&self) -> bool {
        !self.members.is_empty() || self.state != GroupState::Empty
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id in the group, new with each joining.
    pub id: String,
    /// The id that it keeps over restarts (KIP-345), where it has one.
    pub instance_id: Option<String>,
    /// Its client's own name (`client.id`).
    pub client_id: String,
    /// The address that it comes from.
    pub host: String,
    /// The partitions that it has, by topic.
    pub partitions: BTreeMap<TopicName, Vec<i32>>,
}

/// How a group stands in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset that is read next by who takes up the partition; `None` where nothing was committed.
    pub committed: Option<i64>,
    /// The last stable offset: where a reader of committed records ends. `None` where there is no such partition (any
    /// more), or Kafka does not let the gateway see the topic.
    pub end: Option<i64>,
    /// The id of the member that has the partition.
    pub member: Option<String>,
}

impl Standing {
    /// How many offsets lie between what is committed and the end: the records that are left to read, and the holes that
    /// compaction and transactions left. Zero for a group that reads uncommitted records and is beyond the end; `None` where either
    /// is not known.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end? - self.committed?).max(0))
    }
}

/// How a group stands in all partitions in which it has committed or has a member, in order, `ends` being the last stable
/// offsets of each topic by partition number.
pub(super) fn standings(
    members: &[Member],
    mut committed: Offsets,
    ends: &BTreeMap<TopicName, Vec<i64>>,
) -> Vec<Standing> {
    let mut owners: BTreeMap<(TopicName, i32), Option<&str>> =
        committed.keys().map(|place| (place.clone(), None)).collect();
    for member in members {
        for (topic, partitions) in &member.partitions {
            owners.extend(partitions.iter().map(|p| ((topic.clone(), *p), Some(member.id.as_str()))));
        }
    }
    let standing = |((topic, partition), member): ((TopicName, i32), Option<&str>)| {
        let place = (topic, partition);
        let committed = committed.remove(&place);
        let (topic, partition) = place;
        let ends = ends.get(&topic);
        let end = ends.and_then(|ends| ends.get(usize::try_from(partition).ok()?)).copied();
        Standing { topic, partition, committed, end, member: member.map(str::to_owned) }
    };
    owners.into_iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicName {
        TopicName::parse(name).expect("a name")
    }

    #[test]
    fn a_group_stands_where_it_has_committed_and_where_it_has_members() {
        let partitions = BTreeMap::from([(topic("a"), vec![1, 2]), (topic("gone"), vec![0])]);
        let member = Member {
            id: "m".to_owned(),
            instance_id: None,
            client_id: "c".to_owned(),
            host: "127.0.0.1".to_owned(),
            partitions,
        };
        let committed = Offsets::from([((topic("a"), 0), 4), ((topic("a"), 1), 12), ((topic("a"), 9), 1)]);
        let ends = BTreeMap::from([(topic("a"), vec![10, 10, 10])]);
        let told: Vec<_> = standings(&[member], committed, &ends)
            .into_iter()
            .map(|s| (s.topic.to_string(), s.partition, s.committed, s.end, s.lag(), s.member.is_some()))
            .collect();
        let a = || "a".to_owned();
        let expected = [
            (a(), 0, Some(4), Some(10), Some(6), false),
            // It reads uncommitted records.
            (a(), 1, Some(12), Some(10), Some(0), true),
            (a(), 2, None, Some(10), None, true),
            // The topic was made anew, with fewer partitions.
            (a(), 9, Some(1), None, None, false),
            ("gone".to_owned(), 0, None, None, None, true),
        ];
        assert_eq!(told, expected);
    }
}
