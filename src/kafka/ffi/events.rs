//! What a client has to say beside answers: log lines, errors, statistics.
//!
//! The Rust binding serves the main queue of producers and consumers, but never that of its admin client: what that
//! one says would stay there, unseen, and take memory for as long as it lives.

use super::{Event, KafkaError, text};
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_int};
use std::ptr;
use std::time::Duration;

/// Owns a reference to a client's main queue.
struct MainQueue(*mut sys::rd_kafka_queue_t);

impl Drop for MainQueue {
    fn drop(&mut self) {
        // SAFETY: the reference was taken once and is given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.0) }
    }
}

/// Waits for at most `patience` for something in the client's main queue, and hands all that is there to its context.
pub fn serve<C: ClientContext>(client: &Client<C>, patience: Duration) {
    // SAFETY: the client is alive for the whole call, and the queue is ours until it is destroyed.
    let queue = MainQueue(unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) });
    let mut patience = patience;
    // SAFETY: the queue is alive, and so is the event until it is dropped.
    while let Some(event) = unsafe { Event::poll(queue.0, patience) } {
        // SAFETY: as above.
        unsafe { hand_on(&event, &**client.context()) };
        patience = Duration::ZERO;
    }
}

/// # Safety
/// The event was polled and not yet destroyed.
unsafe fn hand_on(event: &Event, context: &impl ClientContext) {
    // SAFETY: by contract; all texts belong to the event, and none is used after this.
    unsafe {
        match sys::rd_kafka_event_type(event.0) {
            sys::RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
                if sys::rd_kafka_event_log(event.0, &mut facility, &mut line, &mut level) == 0 {
                    let (facility, line) =
                        (text(facility).unwrap_or_default(), text(line).unwrap_or_default());
                    context.log(level_of(level), facility.trim(), line.trim());
                }
            }
            sys::RD_KAFKA_EVENT_STATS => {
                let json = sys::rd_kafka_event_stats(event.0);
                if !json.is_null() {
                    context.stats_raw(CStr::from_ptr(json).to_bytes());
                }
            }
            sys::RD_KAFKA_EVENT_ERROR => {
                let error = KafkaError::Global(sys::rd_kafka_event_error(event.0).into());
                let reason = text(sys::rd_kafka_event_error_string(event.0)).unwrap_or_default();
                context.error(error, reason.trim());
            }
            // Nothing else is asked for on this queue.
            _ => {}
        }
    }
}

/// syslog's levels (RFC 5424, section 6.2.1).
fn level_of(level: c_int) -> Level {
    match level {
        0 => Level::Emerg,
        1 => Level::Alert,
        2 => Level::Critical,
        3 => Level::Error,
        4 => Level::Warning,
        5 => Level::Notice,
        6 => Level::Info,
        _ => Level::Debug,
    }
}
