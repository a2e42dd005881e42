//! Which records were seen: a bit for each, by partition and offset, shared by all who consume.

use crate::Result;
use std::sync::atomic::{AtomicU64, Ordering};

/// The records of a topic.
pub struct Tally {
    /// By partition: its end, and a bit for each offset below it.
    partitions: Vec<(u64, Vec<AtomicU64>)>,
    left: AtomicU64,
}

impl Tally {
    /// Of a topic whose partitions begin at 0 and end here; none was seen yet.
    pub fn new(ends: &[u64]) -> Self {
        let bits = |end: u64| (0..end.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let partitions = ends.iter().map(|end| (*end, bits(*end))).collect();
        Self { partitions, left: AtomicU64::new(ends.iter().sum()) }
    }

    /// A record was seen.
    ///
    /// # Errors
    /// When it was seen before, or is none of the topic's.
    pub fn see(&self, partition: u64, offset: u64) -> Result<()> {
        let of = usize::try_from(partition).ok().and_then(|partition| self.partitions.get(partition));
        let (_, bits) = of
            .filter(|(end, _)| offset < *end)
            .ok_or_else(|| format!("record {offset} of partition {partition} was never written"))?;
        let bit = 1 << (offset % 64);
        if bits[(offset / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return Err(format!("record {offset} of partition {partition} came twice").into());
        }
        Ok(())
    }

    /// So many were seen: counted by batches, as all share the counter. Returns how many are left.
    pub fn count(&self, seen: u64) -> u64 {
        self.left.fetch_sub(seen, Ordering::AcqRel) - seen
    }

    /// How many nobody has seen.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Acquire)
    }
}
