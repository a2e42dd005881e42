//! What the viewers of a crowd saw, and what of it should not have been.

use crate::histogram::Histogram;

/// Counts since the last [`Tally::clear`].
pub struct Tally {
    /// Records, each counted for each viewer.
    pub delivered: u64,
    /// Chunks of the answers, each of them a write.
    pub chunks: u64,
    /// From the stamp of each to its arrival.
    pub latencies: Histogram,
    /// When the last one came, in microseconds of the clock.
    pub last_us: u64,
    /// Offsets that a viewer did not see.
    pub lost: u64,
    /// Records that it had seen.
    pub repeated: u64,
    /// `gap`, `drain` and `fault` events, and connections that ended.
    pub events: u64,
    /// The first of all that should not have been, in words.
    pub trouble: Option<String>,
}

impl Tally {
    pub fn new() -> Self {
        let latencies = Histogram::new();
        Self {
            delivered: 0,
            chunks: 0,
            latencies,
            last_us: 0,
            lost: 0,
            repeated: 0,
            events: 0,
            trouble: None,
        }
    }

    pub fn clear(&mut self) {
        let mut latencies = std::mem::replace(&mut self.latencies, Histogram::new());
        latencies.clear();
        *self = Self { latencies, ..Self::new() };
    }

    /// Counts a record that came at `now_us`, and says where its viewer stands in the partition then.
    pub fn record(&mut self, expected: i64, offset: i64, latency_us: u64) -> i64 {
        if offset < expected {
            self.repeated += 1;
            self.blame(|| format!("record {offset} came where {expected} was next"));
            return expected;
        }
        if offset > expected {
            self.lost += offset.abs_diff(expected);
            self.blame(|| format!("record {offset} came where {expected} was next"));
        }
        self.delivered += 1;
        self.latencies.add(latency_us);
        offset + 1
    }

    /// Counts something that ends or tears a stream.
    pub fn event(&mut self, what: impl FnOnce() -> String) {
        self.events += 1;
        self.blame(what);
    }

    fn blame(&mut self, what: impl FnOnce() -> String) {
        self.trouble.get_or_insert_with(what);
    }
}
