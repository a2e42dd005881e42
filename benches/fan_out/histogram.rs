//! Latencies of very many deliveries, counted in classes of at most a hundredth of their value.
//!
//! A list of them all would cost the load client more than the delivery itself.

/// Classes within a doubling, as a power of two.
const FINENESS: u32 = 7;

/// Enough for 2^40 µs, which is twelve days.
const CLASSES: usize = (41 - FINENESS as usize) << FINENESS;

/// Counts of microseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; CLASSES], total: 0 }
    }

    pub fn add(&mut self, micros: u64) {
        // Below 2^FINENESS each number is a class; above, the leading bits are.
        let above = (u64::BITS - micros.leading_zeros()).saturating_sub(FINENESS + 1);
        let class = ((above as usize) << FINENESS) + (micros >> above) as usize;
        self.counts[class.min(CLASSES - 1)] += 1;
        self.total += 1;
    }

    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The latency below which the part `q` of all lies, in milliseconds; not a number without any.
    pub fn millis(&self, q: f64) -> f64 {
        let wanted = ((self.total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        let class = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        class.map_or(f64::NAN, |class| micros_of(class) / 1e3)
    }
}

/// The middle of a class.
fn micros_of(class: usize) -> f64 {
    let doubling = (class >> FINENESS).saturating_sub(1);
    let lowest = (class - (doubling << FINENESS)) << doubling;
    lowest as f64 + ((1u64 << doubling) - 1) as f64 / 2.0
}
