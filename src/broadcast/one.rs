//! One record by its address.

use super::{Error, Shared};
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::{Event, Position};
use crate::record::{Isolation, Record, TopicName};
use std::slice;
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
        let topic = shared.catalog.refresh(&address.topic).await?;
        let logs = shared.catalog.watermarks(slice::from_ref(&topic)).await?;
        let at =
            |offsets: &[i64]| usize::try_from(address.partition).ok().and_then(|p| offsets.get(p)).copied();
        let bounds = logs.first().and_then(|log| Some((at(&log.earliest)?, at(log.end(isolation))?)));
        match bounds {
            None => {
                let (topic, partitions) = (address.topic.clone(), topic.partitions.len());
                return Err(KafkaError::PartitionOutOfRange { topic, partitions }.into());
            }
            Some((earliest, _)) if address.offset < earliest => return Ok(Found::Expired),
            Some((_, end)) if address.offset >= end => return Ok(Found::Nothing),
            Some(_) => {}
        }
        match tokio::time::timeout_at(deadline, first(shared, address, isolation)).await {
            // Retention took it just now.
            Ok(Err(Error::Kafka(KafkaError::OffsetOutOfRange))) => {}
            Ok(found) => return found,
            Err(_) => {
                return Err(KafkaError::unavailable("the record could not be read in time").into());
            }
        }
    }
}

async fn first(shared: &Shared, address: &Address, isolation: Isolation) -> Result<Found, Error> {
    let Address { topic, partition, offset } = address.clone();
    let mut reader = shared.reader(isolation, vec![Position { topic, partition, next: offset }]).await?;
    let events = reader.next().await.unwrap_or_default();
    match events.into_iter().next() {
        Some(Event::Record(record)) if record.offset == offset => Ok(Found::Record(Box::new(record))),
        Some(Event::Record(_) | Event::End { .. }) => Ok(Found::Nothing),
        Some(Event::Failed { error, .. }) => Err(error.into()),
        None => Err(KafkaError::unavailable("the reader ended").into()),
    }
}
