//! Batches of events, and what each message of a partition's queue means.

use super::Event;
use crate::kafka::error::{Error, Remedy, Written};
use crate::kafka::ffi::{Fetched, PartitionQueue, Taken, Trouble};
use crate::record::{Record, TopicName};
use bytes::Bytes;
use rdkafka::consumer::ConsumerContext;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What closes a batch: this many events, or this many bytes of records.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 128 * 1024;

/// How many events one partition may add before the next has its turn.
const TURN: usize = 100;

/// One partition as it is read.
pub struct Source<C: ConsumerContext + 'static> {
    pub topic: TopicName,
    pub partition: i32,
    pub queue: PartitionQueue<C>,
    /// A failure was told. What the queue holds after it may lie beyond records that were passed over, so none of it
    /// is given.
    pub failed: bool,
}

/// Events on their way to the holder.
#[derive(Default)]
pub struct Batch {
    pub events: Vec<Event>,
    bytes: usize,
}

impl Batch {
    /// Takes a partition's turn; `false` when its queue may hold more.
    pub fn take<C: ConsumerContext>(&mut self, source: &mut Source<C>) -> bool {
        self.take_some(source, TURN)
    }

    /// The same, of a turn of at most `most` events: as many as close a batch, where it is to hold this partition alone.
    pub fn take_some<C: ConsumerContext>(&mut self, source: &mut Source<C>, most: usize) -> bool {
        for _ in 0..most {
            if source.failed {
                return true;
            }
            if self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES {
                return false;
            }
            match source.queue.take() {
                Some(taken) => self.push(source, taken),
                None => return true,
            }
        }
        false
    }

    fn push<C: ConsumerContext>(&mut self, source: &mut Source<C>, taken: Taken) {
        let (topic, partition) = (source.topic.clone(), source.partition);
        match taken {
            Taken::Message(fetched) => {
                let record = record(topic, partition, &fetched);
                let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
                self.bytes += size(&record.key) + size(&record.value);
                self.events.push(Event::Record(record));
            }
            Taken::Trouble(Trouble { code: Code::PartitionEOF, offset: next, .. }) => {
                self.events.push(Event::End { topic, partition, next });
            }
            Taken::Trouble(trouble) => {
                let error = meaning(trouble, &topic);
                if error.remedy() == Remedy::Retry {
                    // librdkafka stands where it stood, and tries again by itself.
                    tracing::debug!(%topic, partition, %error, "reader");
                    return;
                }
                source.failed = true;
                self.events.push(Event::Failed { topic, partition, error });
            }
        }
    }
}

/// What keeps a partition from being read.
///
/// Some of it librdkafka tells and then reads on behind it: a batch whose checksum is wrong and one of a format it does not
/// know are passed over. A batch that does not decompress it asks for again and again. All three would be
/// records lost, or a partition silent for ever, if they were taken for trouble that passes.
fn meaning(trouble: Trouble, topic: &TopicName) -> Error {
    let Trouble { code, offset, reason } = trouble;
    match code {
        Code::BadMessage | Code::BadCompression | Code::NotImplemented | Code::InvalidMessage => {
            Error::Unreadable { offset, reason }
        }
        _ => Error::from_code(code, Some(topic), Written::No),
    }
}

fn record(topic: TopicName, partition: i32, fetched: &Fetched) -> Record {
    Record {
        topic,
        partition,
        offset: fetched.offset(),
        timestamp: fetched.timestamp(),
        key: fetched.key(),
        value: fetched.value(),
        headers: fetched.headers(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_would_pass_over_is_no_trouble_that_passes() {
        let topic = TopicName::parse("t").expect("a legal name");
        let meaning = |code| meaning(Trouble { code, offset: 7, reason: "why".into() }, &topic);
        for code in [Code::BadMessage, Code::BadCompression, Code::NotImplemented, Code::InvalidMessage] {
            let error = meaning(code);
            assert!(matches!(&error, Error::Unreadable { offset: 7, reason } if reason == "why"), "{code}");
            assert_ne!(error.remedy(), Remedy::Retry, "{code}");
        }
        for code in [Code::NotLeaderForPartition, Code::BrokerTransportFailure, Code::KafkaStorageError] {
            assert_eq!(meaning(code).remedy(), Remedy::Retry, "{code}");
        }
        assert!(matches!(meaning(Code::AutoOffsetReset), Error::OffsetOutOfRange));
        assert!(matches!(meaning(Code::UnknownPartition), Error::PartitionOutOfRange { .. }));
    }
}
