//! One record by its address.

use super::opening::Place;
use super::survey::SIGHT_AGE;
use super::{Error, Shared, range};
use crate::kafka::Error as KafkaError;
use crate::kafka::catalog::Watermarks;
use crate::record::cursor::TopicMark;
use crate::record::{Isolation, Record, TopicName};
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a record that is there may take to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// A record's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// What stands at an address.
#[derive(Debug)]
pub enum Found {
    /// The record.
    Record(Box<Record>),
    /// Nothing that may be seen: not written yet, aborted or not yet committed, compacted away, or no record at all.
    Nothing,
    /// Nothing any more: the log begins behind it.
    Expired,
}

/// Reads the record at `address`.
pub(super) async fn read(shared: &Shared, address: &Address, isolation: Isolation) -> Result<Found, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (topic, cluster) =
            tokio::try_join!(shared.catalog.refresh(&address.topic), shared.catalog.cluster_id(SIGHT_AGE))?;
        let logs = shared.catalog.watermarks(slice::from_ref(&topic)).await?;
        let partitions = topic.partitions.len();
        let Some(p) = usize::try_from(address.partition).ok().filter(|p| *p < partitions) else {
            let topic = address.topic.clone();
            return Err(KafkaError::PartitionOutOfRange { topic, partitions }.into());
        };
        let bounds = |log: &Arc<Watermarks>| Some((*log.earliest.get(p)?, *log.end(isolation).get(p)?));
        match logs.first().and_then(bounds) {
            Some((earliest, _)) if address.offset < earliest => return Ok(Found::Expired),
            Some((_, end)) if address.offset < end => {}
            _ => return Ok(Found::Nothing),
        }
        let mark = TopicMark::new(&cluster, &topic.name, topic.id);
        match at(shared, address, (mark, partitions), (isolation, deadline)).await {
            // Retention took it just now.
            Err(Error::Kafka(KafkaError::OffsetOutOfRange)) if Instant::now() < deadline => {}
            found => return found,
        }
    }
}

async fn at(
    shared: &Shared,
    address: &Address,
    (mark, known): (TopicMark, usize),
    (isolation, deadline): (Isolation, Instant),
) -> Result<Found, Error> {
    let p = address.partition as usize;
    let [mut next, mut end] = [vec![0; known], vec![0; known]];
    (next[p], end[p]) = (address.offset, address.offset + 1);
    let selected = (0..known).map(|other| other == p).collect();
    let place = Place { name: address.topic.clone(), mark, known, next, selected, end };
    let mut found = Found::Nothing;
    let take = |record: &Record| found = Found::Record(Box::new(record.clone()));
    range::read(shared, isolation, vec![place], deadline, take).await?;
    Ok(found)
}
