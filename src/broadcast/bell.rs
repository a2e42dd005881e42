//! What wakes a viewer: one bell, whatever number of tapes it watches.

use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::task::{Context, Poll};

/// The bell of one viewer. It stays rung until it is heard, so no ring is lost that comes while nobody listens.
#[derive(Debug, Default)]
pub struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    /// Says that there may be something.
    pub fn ring(&self) {
        if !self.rung.swap(true, AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready when it was rung since it was last heard.
    pub fn heard(&self, cx: &Context<'_>) -> Poll<()> {
        if self.rung.swap(false, AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        // It may have been rung between the two.
        if self.rung.swap(false, AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}
