//! Where a group is to stand: from a caller's words to an offset for each partition. Pure: what the log holds is given.

use super::description::Offsets;
use crate::kafka::catalog::{Topic, Watermarks};
use crate::kafka::error::Error;
use crate::record::TopicName;
use std::collections::BTreeMap;

/// Where a group is to stand in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Where each log begins.
    Earliest,
    /// The last stable offset of each partition: where a reader of committed records ends.
    Latest,
    /// The first record of each partition stamped at or after this time, in epoch milliseconds; where there is none, as
    /// [`Target::Latest`].
    Time(i64),
    /// An offset for each named partition, from the log's beginning to its high watermark.
    Offsets(BTreeMap<i32, i64>),
}

/// A partition in which a group was moved, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset that was committed; `None` where none was.
    pub before: Option<i64>,
    /// The offset that is.
    pub after: i64,
}

/// A topic to be moved in, and what is known of its log.
pub(super) struct Place<'a> {
    pub topic: &'a Topic,
    pub log: &'a Watermarks,
    /// What [`Target::Time`] comes to, by partition number; `None` where there is no such record.
    pub at: Vec<Option<i64>>,
}

impl Place<'_> {
    /// Adds to `offsets` what the target comes to.
    ///
    /// # Errors
    /// [`Error::PartitionOutOfRange`] and [`Error::OffsetOutsideLog`] for what the topic does not have.
    pub fn aim(&self, target: &Target, offsets: &mut Offsets) -> Result<(), Error> {
        let all = match target {
            Target::Earliest => self.log.earliest.clone(),
            Target::Latest => self.log.last_stable.clone(),
            Target::Time(_) => {
                self.at.iter().zip(&self.log.last_stable).map(|(at, end)| at.unwrap_or(*end)).collect()
            }
            Target::Offsets(named) => {
                for (partition, offset) in named {
                    self.check(*partition, *offset)?;
                    offsets.insert((self.topic.name.clone(), *partition), *offset);
                }
                return Ok(());
            }
        };
        offsets
            .extend((0..).zip(all).map(|(partition, offset)| ((self.topic.name.clone(), partition), offset)));
        Ok(())
    }

    fn check(&self, partition: i32, offset: i64) -> Result<(), Error> {
        let (topic, partitions) = (self.topic.name.clone(), self.topic.partitions.len());
        let number = usize::try_from(partition).ok().filter(|number| *number < partitions);
        let Some(number) = number else { return Err(Error::PartitionOutOfRange { topic, partitions }) };
        let (earliest, end) = (self.log.earliest[number], self.log.high[number]);
        if (earliest..=end).contains(&offset) {
            return Ok(());
        }
        Err(Error::OffsetOutsideLog { topic, partition, offset, earliest, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::catalog::PartitionDescription;

    fn aimed(target: &Target) -> Result<Vec<(i32, i64)>, Error> {
        let partition = |partition| PartitionDescription {
            partition,
            leader: Some(1),
            replicas: vec![1],
            in_sync: vec![1],
        };
        let name = TopicName::parse("t").expect("a name");
        let topic = Topic { name, id: None, partitions: vec![partition(0), partition(1)] };
        let log = Watermarks { earliest: vec![5, 0], last_stable: vec![9, 0], high: vec![12, 0] };
        let place = Place { topic: &topic, log: &log, at: vec![Some(7), None] };
        let mut offsets = Offsets::new();
        place.aim(target, &mut offsets)?;
        Ok(offsets.into_iter().map(|((_, partition), offset)| (partition, offset)).collect())
    }

    #[test]
    fn every_target_comes_to_offsets() {
        assert_eq!(aimed(&Target::Earliest).expect("earliest"), [(0, 5), (1, 0)]);
        assert_eq!(aimed(&Target::Latest).expect("latest"), [(0, 9), (1, 0)]);
        assert_eq!(aimed(&Target::Time(1)).expect("a time"), [(0, 7), (1, 0)]);
        for offset in [5, 10, 12] {
            let named = Target::Offsets(BTreeMap::from([(0, offset)]));
            assert_eq!(aimed(&named).expect("in the log"), [(0, offset)]);
        }
    }

    #[test]
    fn what_the_topic_does_not_have_is_refused() {
        for (partition, offset) in [(0, 4), (0, 13), (1, 1), (1, -1)] {
            let refused = aimed(&Target::Offsets(BTreeMap::from([(partition, offset)])));
            assert!(
                matches!(refused, Err(Error::OffsetOutsideLog { .. })),
                "{partition}:{offset}: {refused:?}"
            );
        }
        for partition in [-1, 2, i32::MAX] {
            let refused = aimed(&Target::Offsets(BTreeMap::from([(0, 5), (partition, 0)])));
            assert!(matches!(refused, Err(Error::PartitionOutOfRange { partitions: 2, .. })), "{refused:?}");
        }
    }
}
