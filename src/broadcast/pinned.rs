//! Frames that slow sockets still hold though the rings have let go of their blocks.
//!
//! Frames are shared: while a block is in a ring they are the ring's, whoever sends them. Afterwards they are freed when the
//! last write of them is done, and until then they are pinned. They are counted once, however many sockets hold them.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many bytes are pinned.
#[derive(Debug, Default)]
pub struct Pinned {
    /// Bytes of frames that are there.
    alive: AtomicUsize,
    /// Those of them whose block is there.
    held: AtomicUsize,
}

impl Pinned {
    /// Bytes of frames whose block is gone.
    pub fn bytes(&self) -> usize {
        // What is made between the two counts as less, never as more.
        let held = self.held.load(Relaxed);
        self.alive.load(Relaxed).saturating_sub(held)
    }

    /// Counts frames that were made for a block.
    pub(super) fn hold(self: &Arc<Self>, frames: Bytes) -> Bytes {
        self.alive.fetch_add(frames.len(), Relaxed);
        self.held.fetch_add(frames.len(), Relaxed);
        Bytes::from_owner(Frames { frames, pinned: self.clone() })
    }

    /// Their block is gone.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
    }
}

struct Frames {
    frames: Bytes,
    pinned: Arc<Pinned>,
}

impl AsRef<[u8]> for Frames {
    fn as_ref(&self) -> &[u8] {
        &self.frames
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.pinned.alive.fetch_sub(self.frames.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_pinned_from_the_end_of_their_block_to_the_end_of_the_last_write() {
        let pinned = Arc::<Pinned>::default();
        let frames = pinned.hold(Bytes::from(vec![b'x'; 1000]));
        let writes = [frames.clone(), frames.slice(10..20)];
        assert_eq!(pinned.bytes(), 0, "the block is there");
        pinned.release(frames.len());
        drop(frames);
        assert_eq!(pinned.bytes(), 1000, "counted once, and whole");
        let [first, second] = writes;
        drop(first);
        assert_eq!((pinned.bytes(), second.len()), (1000, 10));
        drop(second);
        assert_eq!(pinned.bytes(), 0);
    }
}
