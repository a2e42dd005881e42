//! Readers of explicit positions, of any number of topics: history from there, then the tail.
//!
//! A [`Feed`] uses `assign` only, so no group is ever joined, and it decides nothing: a position that is gone, a topic that is
//! gone, an end that is reached are told as events, and whoever takes them judges them. Each partition has a queue
//! of its own, which is the only way to know whose end or error it is.

pub(super) mod batch;
pub(super) mod bell;
mod feed;

use super::error::Error;
use crate::record::{Record, TopicName};
pub use feed::{Feed, Sink};
use rdkafka::{Offset, TopicPartitionList};

/// Where to begin in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: i32,
    /// The offset of the first record wanted.
    pub next: i64,
}

/// Positions as librdkafka takes them.
pub(super) fn listed(positions: &[Position]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for at in positions {
        list.add_partition_offset(at.topic.as_str(), at.partition, Offset::Offset(at.next))
            .expect("a position is an offset that can be said");
    }
    list
}

/// Partitions as librdkafka takes them.
pub(super) fn named<'a>(partitions: impl IntoIterator<Item = (&'a TopicName, i32)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic.as_str(), partition);
    }
    list
}

/// What a reader saw.
#[derive(Debug)]
pub enum Event {
    /// The next record of its partition.
    Record(Record),
    /// The partition was read to its end as it stood after the reader began.
    End {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: i32,
        /// Where the partition ended: the last stable offset of a reader of committed records, else the high
        /// watermark. All below it was considered, markers and aborted records too.
        next: i64,
    },
    /// The partition cannot be read on from where it stands. Nothing more of it follows.
    Failed {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: i32,
        /// Why.
        error: Error,
    },
}

/// What a feed reads, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The ends of the logs. What it has is taken from it at once.
    Tail,
    /// What lies behind them, as fast as it is wanted.
    History,
}
