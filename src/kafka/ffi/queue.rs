//! A partition's own queue of what was fetched, and the metadata of the topics a client reads.
//!
//! The Rust binding has such queues too, but it drops what the end of a partition is told with: the offset. It is taken
//! by events and not as messages, because some errors of a partition never become a message. A queue keeps its consumer alive, so whoever holds queues cannot destroy
//! the consumer under them. Errors are only handed on here; [`super::super::reader`] judges them.

use super::rung::Rung;
use super::{Error, Event, NO_ERROR, c_string, millis, text};
use crate::kafka::error::Written;
use crate::record::{Header, TopicName};
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// The queue of one partition, taken out of its consumer's main queue.
pub struct PartitionQueue<C: ConsumerContext + 'static> {
    // The first to go: it outlives no consumer.
    queue: Rung,
    /// Alive for as long as its queue.
    _consumer: Arc<BaseConsumer<C>>,
}

impl<C: ConsumerContext + 'static> PartitionQueue<C> {
    /// Takes a partition's queue out of the consumer's main queue, which has to happen before anything is fetched.
    /// `ring` is called, on a thread of librdkafka that waits for it, when the empty queue gets something.
    ///
    /// # Errors
    /// When librdkafka has no memory of the topic and cannot make one.
    pub fn split(
        consumer: &Arc<BaseConsumer<C>>,
        topic: &TopicName,
        partition: i32,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let name = c_string(topic.as_str());
        // SAFETY: the consumer is alive, and stays so while the queue does, because it is held beside it; the name
        // outlives the call that copies it; forwarding to null is how librdkafka is told not to forward.
        let queue = unsafe {
            let client = consumer.client().native_ptr();
            let queue = sys::rd_kafka_queue_get_partition(client, name.as_ptr(), partition);
            let queue = NonNull::new(queue).ok_or_else(|| Error::unavailable("no partition queue"))?;
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            Rung::new(queue, ring)
        };
        Ok(Self { queue, _consumer: consumer.clone() })
    }

    /// What is there already, next in turn. After `None` the queue rings when it has something again.
    pub fn take(&self) -> Option<Taken> {
        loop {
            let event = self.queue.poll(Duration::ZERO)?;
            // SAFETY: the event is ours until it is destroyed, which `Event` does. The message belongs to the event and is
            // kept with it.
            unsafe {
                match sys::rd_kafka_event_type(event.0) {
                    sys::RD_KAFKA_EVENT_FETCH => {
                        if let Some(message) = sys::rd_kafka_event_message_next(event.0).as_ref() {
                            return Some(Taken::Message(Fetched { message, _event: event }));
                        }
                    }
                    sys::RD_KAFKA_EVENT_ERROR => return Some(Taken::Trouble(Trouble::of(&event))),
                    // Nothing else is sent to a partition's queue.
                    _ => {}
                }
            }
        }
    }
}

/// What a queue had.
pub enum Taken {
    /// A record.
    Message(Fetched),
    /// Why there is none, or the end of the partition.
    Trouble(Trouble),
}

/// What a partition's queue tells beside records.
pub struct Trouble {
    /// Kafka's or librdkafka's code.
    pub code: RDKafkaErrorCode,
    /// The offset at which it was met; meaningless where the code has to do with no offset.
    pub offset: i64,
    /// What librdkafka says of it.
    pub reason: String,
}

impl Trouble {
    /// # Safety
    /// `event` is an error event.
    unsafe fn of(event: &Event) -> Self {
        // SAFETY: by contract; the text belongs to the event and is copied, the partition is a copy that is ours to
        // destroy, and null where the error concerns none.
        unsafe {
            let partition = sys::rd_kafka_event_topic_partition(event.0);
            let offset = partition.as_ref().map_or(-1, |partition| partition.offset);
            if !partition.is_null() {
                sys::rd_kafka_topic_partition_destroy(partition);
            }
            Self {
                code: RDKafkaErrorCode::from(sys::rd_kafka_event_error(event.0)),
                offset,
                reason: text(sys::rd_kafka_event_error_string(event.0)).unwrap_or_default(),
            }
        }
    }
}

/// A record as librdkafka holds it.
pub struct Fetched {
    message: *const sys::rd_kafka_message_t,
    /// Owns the message.
    _event: Event,
}

impl Fetched {
    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.message().offset
    }

    /// The key; `None` is Kafka's null.
    pub fn key(&self) -> Option<Bytes> {
        let message = self.message();
        // SAFETY: of a message the pointer is null or has as many bytes as it says.
        unsafe { bytes(message.key, message.key_len) }
    }

    /// The value; `None` is a tombstone.
    pub fn value(&self) -> Option<Bytes> {
        let message = self.message();
        // SAFETY: as for the key.
        unsafe { bytes(message.payload, message.len) }
    }

    /// Epoch milliseconds, where the record has a time.
    pub fn timestamp(&self) -> Option<i64> {
        use sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE as NONE;
        let mut kind = NONE;
        // SAFETY: the message is alive, and the call only reads it.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.message, &mut kind) };
        (kind != NONE && millis != -1).then_some(millis)
    }

    /// The headers, in order. A name that is not UTF-8 (the binding panics on one) is read with U+FFFD in place of what
    /// is not, so that a stranger's record cannot end a reader.
    pub fn headers(&self) -> Vec<Header> {
        let mut list = Vec::new();
        let mut native = ptr::null_mut();
        // SAFETY: the message outlives this call; librdkafka keeps ownership of the header list, and of the names and
        // values in it, which are copied before the next call. `all` stops at the first index past the end.
        unsafe {
            if sys::rd_kafka_message_headers(self.message, &mut native) != NO_ERROR {
                return list;
            }
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            while sys::rd_kafka_header_get_all(native, list.len(), &mut name, &mut value, &mut size)
                == NO_ERROR
            {
                let value = bytes(value.cast_mut(), size);
                list.push((CStr::from_ptr(name).to_string_lossy().into(), value));
            }
        }
        list
    }

    fn message(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message lives as long as its event, and nobody writes to it.
        unsafe { &*self.message }
    }
}

/// # Safety
/// `first` is null or points to `size` bytes that outlive the call.
unsafe fn bytes(first: *mut c_void, size: usize) -> Option<Bytes> {
    // SAFETY: by contract.
    (!first.is_null())
        .then(|| Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(first.cast::<u8>(), size) }))
}

/// Asks for the metadata of all topics this consumer has queues of, in one request, and tells which of them the
/// cluster does not give, and why.
///
/// # Errors
/// When no broker answers in time.
pub fn learn_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    timeout: Duration,
) -> Result<Vec<(String, RDKafkaErrorCode)>, Error> {
    let mut metadata = ptr::null();
    // SAFETY: the consumer is alive; null for the topic, without asking for all, means those the client knows of. The
    // answer is ours once the call succeeds: it is read within the counts it tells, and destroyed once.
    unsafe {
        let client = consumer.client().native_ptr();
        let code = sys::rd_kafka_metadata(client, 0, ptr::null_mut(), &mut metadata, millis(timeout));
        if code != NO_ERROR {
            return Err(Error::from_code(RDKafkaErrorCode::from(code), None, Written::No));
        }
        let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
        let missing = (0..count).filter_map(|index| {
            let topic = &*(*metadata).topics.add(index);
            (topic.err != NO_ERROR)
                .then(|| (text(topic.topic).unwrap_or_default(), RDKafkaErrorCode::from(topic.err)))
        });
        let missing = missing.collect();
        sys::rd_kafka_metadata_destroy(metadata);
        Ok(missing)
    }
}
