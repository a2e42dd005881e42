//! Calls that librdkafka has and its Rust binding lacks. The only `unsafe` code of the house, here and in `ffi/`.
//!
//! Every admin call follows one pattern: options and a queue of its own are made, the request is submitted, the
//! result event is awaited on that queue, its contents are copied into owned values, and all is destroyed by the
//! guards in reverse. Calls block for at most their time-out plus a second; [`super::catalog`] keeps them off the
//! async threads. Queues of messages are another matter, in `ffi/queue.rs`.

mod brokers;
mod certificate;
mod commits;
mod committed;
mod configs;
mod create;
mod describe;
mod events;
mod groups;
mod offsets;
mod partitions;
mod queue;
mod rung;

pub use brokers::find_brokers;
pub use certificate::tell_verdicts;
pub use commits::{Commits, Committed, known_end, waiting};
pub use committed::{alter_offsets, committed_offsets};
pub use configs::describe_configs;
pub use create::create_topic;
pub use describe::{describe_cluster, describe_topics, unreadable_topic};
pub use events::serve;
pub use groups::{delete_group, describe_groups, find_group, list_groups};
pub use offsets::list_offsets;
pub use queue::{Fetched, PartitionQueue, Taken, Trouble, learn_topics};

use super::admin::Client;
use super::error::{Error, Written};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::{RDKafka, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::{Duration, Instant};

/// How long past its own time-out a result event is waited for: librdkafka always sends one.
const GRACE: Duration = Duration::from_secs(1);

/// How often a call that waits looks whether it is still worth it.
const LOOK: Duration = Duration::from_millis(200);

/// From when on an answer is late. Far above a healthy one.
const LATE: Duration = Duration::from_millis(500);

/// The partition Java's default partitioner gives a non-null key; 0 of none.
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    // SAFETY: the function hashes `keylen` bytes at `key`, which the slice provides, and uses neither the topic
    // handle nor the opaques (they are there because it is also a callback).
    unsafe {
        sys::rd_kafka_msg_partitioner_murmur2(
            ptr::null(),
            key.as_ptr().cast(),
            key.len(),
            // It divides by this.
            partitions.max(1),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    }
}

/// What librdkafka knows of a failed record's fate.
pub fn written(message: &BorrowedMessage<'_>) -> Written {
    // SAFETY: the message is alive for as long as it is borrowed, and the call only reads it.
    match unsafe { sys::rd_kafka_message_status(message.ptr()) } {
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Written::No,
        _ => Written::Unknown,
    }
}

const NO_ERROR: sys::rd_kafka_resp_err_t = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Owns a result event.
struct Event(*mut sys::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by a poll that returned non-null, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

impl Event {
    /// The next event of a queue, if there is one within `patience`.
    ///
    /// # Safety
    /// The queue is alive.
    unsafe fn poll(queue: *mut sys::rd_kafka_queue_t, patience: Duration) -> Option<Self> {
        // SAFETY: by contract; an event that was polled is ours until it is destroyed.
        let event = unsafe { sys::rd_kafka_queue_poll(queue, millis(patience)) };
        (!event.is_null()).then_some(Self(event))
    }
}

/// Owns an admin call's options and queue.
struct Call {
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Call {
    /// The means of a request that may take `timeout`.
    ///
    /// # Safety
    /// The client outlives what is returned.
    unsafe fn new(client: *mut RDKafka, op: sys::rd_kafka_admin_op_t, timeout: Duration) -> Self {
        // SAFETY: by contract; the error text buffer is given with its size.
        unsafe {
            let call = Self {
                options: sys::rd_kafka_AdminOptions_new(client, op),
                queue: sys::rd_kafka_queue_new(client),
            };
            let mut reason = [0 as c_char; 256];
            sys::rd_kafka_AdminOptions_set_request_timeout(
                call.options,
                millis(timeout),
                reason.as_mut_ptr(),
                reason.len(),
            );
            call
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: both were made together for this call and are destroyed once.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_AdminOptions_destroy(self.options);
        }
    }
}

/// Runs one admin request to its result event, and not for long while the brokers do not let the gateway in.
///
/// librdkafka sends it to the broker that it last heard to be the controller, waits for that one alone, and asks no other
/// meanwhile who it is now: with that broker dead nothing would be answered for minutes, though any other could. So
/// others are asked first when no answer came last time, and meanwhile when one is late.
///
/// # Safety
/// `submit` hands its three arguments to one admin request.
unsafe fn call(
    client: &Client,
    op: sys::rd_kafka_admin_op_t,
    timeout: Duration,
    submit: impl FnOnce(*mut RDKafka, *mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
) -> Result<Event, Error> {
    // SAFETY: by contract.
    unsafe { calls(client, op, timeout, submit, Some) }
}

/// The same for requests to several brokers at once: `take` is given each answer, until it has enough.
///
/// # Safety
/// `submit` hands its three arguments to admin requests.
unsafe fn calls<T>(
    client: &Client,
    op: sys::rd_kafka_admin_op_t,
    timeout: Duration,
    submit: impl FnOnce(*mut RDKafka, *mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    mut take: impl FnMut(Result<Event, Error>) -> Option<Result<T, Error>>,
) -> Result<T, Error> {
    let (native, admittance, begun) = (client.native_ptr(), client.context().admittance(), Instant::now());
    let left = || admittance.patience(timeout + GRACE).saturating_sub(begun.elapsed());
    if !admittance.is_in_touch() {
        find_brokers(client, timeout)?;
    }
    // SAFETY: the borrow keeps the client alive, and by contract the request is one of its own.
    let answer = unsafe {
        let call = Call::new(native, op, timeout.saturating_sub(begun.elapsed()).max(LOOK));
        submit(native, call.options, call.queue);
        let mut late = Instant::now() + LATE;
        loop {
            if let Some(event) = Event::poll(call.queue, left().min(LOOK)) {
                let answer = match sys::rd_kafka_event_error(event.0) {
                    NO_ERROR => Ok(event),
                    code => Err(Error::from_code(RDKafkaErrorCode::from(code), None, Written::No)),
                };
                match take(answer) {
                    Some(enough) => break enough,
                    None => continue,
                }
            }
            if left().is_zero() {
                break Err(Error::unavailable("no answer in time"));
            }
            if Instant::now() >= late {
                // Whether it is answered or not, the other answer is what is waited for.
                let _ = brokers::ask(client, LOOK);
                late = Instant::now() + LATE;
            }
        }
    };
    admittance.judge(answer)
}

/// Sends what these options are for to that broker.
///
/// # Safety
/// The options are alive.
unsafe fn to_broker(options: *mut sys::rd_kafka_AdminOptions_t, broker: i32) {
    let mut reason = [0 as c_char; 256];
    // SAFETY: by contract; the error text buffer is given with its size. Every request has the option.
    unsafe { sys::rd_kafka_AdminOptions_set_broker(options, broker, reason.as_mut_ptr(), reason.len()) };
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("the types of names allow no NUL")
}

/// # Safety
/// `pointer` is null or a NUL-terminated string that outlives the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: by contract.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// # Safety
/// `first` is null or points to `count` elements that outlive `'a`.
unsafe fn array<'a, T>(first: *mut *const T, count: usize) -> &'a [*const T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: by contract.
    unsafe { std::slice::from_raw_parts(first, count) }
}
