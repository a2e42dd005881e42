//! What became of a stream or a page, for whoever watches it from outside.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its client left, or its connection broke.
    Client,
    /// Its age.
    Lifetime,
    /// It was too slow.
    Slow,
    /// It was time for its client to come back, which acknowledges what it was given.
    Ack,
    /// The gateway was about to end.
    Shutdown,
    /// The end that was asked for was reached.
    Until,
    /// Something that no waiting mends.
    Fault,
}

impl End {
    /// Every reason.
    pub const ALL: [Self; 7] =
        [Self::Client, Self::Lifetime, Self::Slow, Self::Ack, Self::Shutdown, Self::Until, Self::Fault];

    /// The word used in logs and metrics, and to clients where they are told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Lifetime => "lifetime",
            Self::Slow => "slow",
            Self::Ack => "ack",
            Self::Shutdown => "shutdown",
            Self::Until => "until",
            Self::Fault => "fault",
        }
    }
}

/// How many records were given, and why it ended.
#[derive(Debug, Default)]
pub struct Tally {
    records: AtomicU64,
    end: OnceLock<End>,
}

impl Tally {
    /// Of a page of as many records.
    pub fn of_page(records: usize) -> Self {
        Self { records: AtomicU64::new(records as u64), end: OnceLock::new() }
    }

    /// Records given so far.
    pub fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Why the stream ended, as a word; `None` for pages, and while it goes on.
    pub fn end(&self) -> Option<&'static str> {
        self.end.get().map(|end| end.as_str())
    }

    /// So many more records were given.
    pub fn records_given(&self, records: u64) {
        self.records.fetch_add(records, Relaxed);
    }

    /// It ends for this reason, unless it has ended already; the reason that counts.
    pub fn ends(&self, end: End) -> End {
        *self.end.get_or_init(|| end)
    }
}
