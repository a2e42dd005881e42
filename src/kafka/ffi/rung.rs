//! A queue of librdkafka's that rings when it has something: of a partition, or of answers.

use super::Event;
use rdkafka::types::RDKafka;
use rdkafka_sys as sys;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// What is called when the empty queue gets something, on a thread of librdkafka that waits for it. Boxed twice: librdkafka
/// keeps one plain pointer.
type Ring = Box<dyn Fn() + Send + Sync>;

/// A queue and its bell.
pub(super) struct Rung {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Called through its address, by librdkafka.
    _ring: Box<Ring>,
}

// SAFETY: librdkafka's queues may be used from any thread, and what rings may be, too.
unsafe impl Send for Rung {}

impl Rung {
    /// Hangs a bell to a queue.
    ///
    /// # Safety
    /// The queue was made or taken once, for this alone, and its client outlives this.
    pub(super) unsafe fn new(
        queue: NonNull<sys::rd_kafka_queue_t>,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let ring: Box<Ring> = Box::new(Box::new(ring));
        let closure: *const Ring = &*ring;
        // SAFETY: the queue is alive by contract. The callback is given the address of the boxed closure, which does not move
        // with the box, and which is freed only after the callback was taken back (see `drop`).
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(rings), closure.cast_mut().cast());
        }
        Self { queue, _ring: ring }
    }

    /// For calls that need it. It stays this one's.
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// What is there, or comes within `patience`. After `None` the queue rings when it has something again.
    pub(super) fn poll(&self, patience: Duration) -> Option<Event> {
        // SAFETY: the queue is alive until `drop`.
        unsafe { Event::poll(self.as_ptr(), patience) }
    }
}

impl Drop for Rung {
    fn drop(&mut self) {
        // SAFETY: the callback runs under the lock that taking it back needs, so it does not run any more when the first call
        // returns, and the closure may go. The queue is destroyed once, before its client.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.as_ptr());
        }
    }
}

/// # Safety
/// `closure` points to a [`Ring`] that outlives the call.
unsafe extern "C" fn rings(_: *mut RDKafka, closure: *mut c_void) {
    // SAFETY: by contract.
    let ring = unsafe { &*closure.cast::<Ring>() };
    ring();
}
