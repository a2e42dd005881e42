//! What the broker counts, for tests that ask how often and by how many connections it was used.

use super::ApiKey;
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// One more than the largest API key that is counted; Kafka 4 ends at 92.
const KEYS: usize = 128;

/// How many connections there are and were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open now.
    pub open: usize,
    /// Accepted since the start, open or not.
    pub total: u64,
}

/// The counters.
#[derive(Debug)]
pub struct Counts {
    open: AtomicUsize,
    total: AtomicU64,
    requests: [AtomicU64; KEYS],
}

impl Counts {
    /// All at zero.
    pub fn new() -> Arc<Self> {
        let requests = std::array::from_fn(|_| AtomicU64::new(0));
        Arc::new(Self { open: AtomicUsize::new(0), total: AtomicU64::new(0), requests })
    }

    /// Counts a connection, as open until the result is dropped.
    pub fn connection(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// Counts a request.
    pub fn request(&self, api: ApiKey) {
        if let Some(count) = self.requests.get(api as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The connections so far.
    pub fn connections(&self) -> Connections {
        let (open, total) = (self.open.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        Connections { open, total }
    }

    /// The requests of one API so far.
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.requests.get(api as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
