//! What a member of a group needs beside its queues: offsets committed without waiting, whether it was told anything, and
//! where a partition's log ends by what was last fetched of it.
//!
//! The Rust binding can commit without waiting, too, but then nobody hears what became of it: librdkafka tells that to a
//! callback which the binding never sets. Here it is told on a queue of its own, partition by partition.

use super::partitions::elements;
use super::rung::Rung;
use super::{Error, NO_ERROR, c_string};
use crate::kafka::error::Written;
use crate::record::TopicName;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// Where a consumer's commits are answered.
pub struct Commits<C: ConsumerContext + 'static> {
    // The first to go: it outlives no consumer.
    queue: Rung,
    consumer: Arc<BaseConsumer<C>>,
}

/// What became of a partition's offset: the topic, the partition, the offset, and why it was not committed if it was not.
pub type Committed = (TopicName, i32, i64, Result<(), RDKafkaErrorCode>);

impl<C: ConsumerContext + 'static> Commits<C> {
    /// `ring` is called, on a thread of librdkafka that waits for it, when a commit was answered.
    pub fn new(consumer: &Arc<BaseConsumer<C>>, ring: impl Fn() + Send + Sync + 'static) -> Self {
        // SAFETY: the consumer is alive, and stays so while the queue does, because it is held beside it.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_new(consumer.client().native_ptr());
            Rung::new(NonNull::new(queue).expect("librdkafka always makes a queue"), ring)
        };
        Self { queue, consumer: consumer.clone() }
    }

    /// Sends offsets to the group's coordinator. What becomes of them is told once by [`Commits::take`].
    ///
    /// # Errors
    /// When they were not even sent; then nothing is told.
    pub fn send(&self, offsets: &TopicPartitionList) -> Result<(), Error> {
        // SAFETY: consumer, queue and list are alive, and the call copies the list.
        let code = unsafe {
            let client = self.consumer.client().native_ptr();
            sys::rd_kafka_commit_queue(client, offsets.ptr(), self.queue.as_ptr(), None, ptr::null_mut())
        };
        match code {
            NO_ERROR => Ok(()),
            code => Err(Error::from_code(RDKafkaErrorCode::from(code), None, Written::No)),
        }
    }

    /// The next answer, if there is one within `patience`.
    pub fn take(&self, patience: Duration) -> Option<Vec<Committed>> {
        let event = self.queue.poll(patience)?;
        // SAFETY: the event is ours until it is destroyed, and the list in it belongs to it.
        unsafe {
            let whole = sys::rd_kafka_event_error(event.0);
            let list = sys::rd_kafka_event_topic_partition_list(event.0);
            let told = elements(list).map(|(topic, element)| {
                let outcome = match (element.err, whole) {
                    (NO_ERROR, NO_ERROR) => Ok(()),
                    (NO_ERROR, code) | (code, _) => Err(RDKafkaErrorCode::from(code)),
                };
                (topic, element.partition, element.offset, outcome)
            });
            Some(told.collect())
        }
    }
}

/// How much waits in a consumer's own queue: what it is told of its group, log lines, errors. The binding's `poll` takes one of
/// them at a time, and does not tell whether there are more.
pub fn waiting<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> usize {
    // SAFETY: the consumer is alive; the reference to its queue is taken once and given back once.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        if queue.is_null() {
            return 0;
        }
        let length = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        length
    }
}

/// Where a partition ended when it was last fetched: its high watermark. Nobody is asked; `None` while nothing was fetched.
pub fn known_end<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &TopicName,
    partition: i32,
) -> Option<i64> {
    let (name, mut low, mut high) = (c_string(topic.as_str()), -1, -1);
    // SAFETY: the consumer is alive, the name outlives the call that only reads it, and both numbers are ours to write.
    let code = unsafe {
        let client = consumer.client().native_ptr();
        sys::rd_kafka_get_watermark_offsets(client, name.as_ptr(), partition, &mut low, &mut high)
    };
    (code == NO_ERROR && high >= 0).then_some(high)
}
