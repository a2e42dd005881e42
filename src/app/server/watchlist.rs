//! Who is cut when slow clients hold too much of what is sent to all: those first whose writes have stood longest.
//!
//! A client that takes nothing has `listen.write_timeout` in any case. But so long all that the rings let go of meanwhile
//! may be held by some socket that stands, so above `streams.max_pinned_bytes` the time is shorter, by as much as is needed.

use crate::broadcast::Pinned;
use crate::telemetry::Metrics;
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether too much is pinned.
const LOOK: Duration = Duration::from_millis(500);

/// How long a write has to stand before its client counts as slow.
const STANDS: Duration = Duration::from_secs(1);

/// What one slow client may be thought to hold, in bytes: a block.
const SHARE: usize = 64 * 1024;

/// The word in metrics and log lines for who is cut.
pub const OVERDUE: &str = "pinned";

/// A write that may stand.
pub trait Write: Send + Sync {
    /// Since when it stands, if it does.
    fn stands_since(&self) -> Option<Instant>;

    /// Ends its connection, or its stream of HTTP/2, if it still stands.
    fn cut(&self);
}

/// The writes that may stand. Clones are the same.
#[derive(Clone, Default)]
pub struct Watchlist(Arc<Mutex<Slab<Arc<dyn Write>>>>);

/// A place on the list, until it is dropped.
pub struct Listed {
    list: Watchlist,
    key: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.writes().remove(self.key);
    }
}

impl Watchlist {
    /// Watches a write.
    pub fn enlist(&self, write: Arc<dyn Write>) -> Listed {
        Listed { key: self.writes().insert(write), list: self.clone() }
    }

    /// Cuts those who have stood longest whenever more than `most` bytes are pinned, until it is dropped.
    pub async fn relieve(self, pinned: Arc<Pinned>, most: usize, metrics: Arc<Metrics>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let bytes = pinned.bytes();
            metrics.streams.pinned.set(bytes as i64);
            if bytes > most {
                let cut = self.cut((bytes - most).div_ceil(SHARE), Instant::now());
                tracing::info!(
                    bytes,
                    cut,
                    "slow clients hold too much: those who have stood longest are cut"
                );
            }
        }
    }

    /// Cuts so many of those who stand, if there are so many; how many it were.
    fn cut(&self, most: usize, now: Instant) -> usize {
        let writes = self.writes();
        let stands = |(key, write): (usize, &Arc<dyn Write>)| {
            let since = write.stands_since()?;
            (now.saturating_duration_since(since) >= STANDS).then_some((since, key))
        };
        let mut stand: Vec<_> = writes.iter().filter_map(stands).collect();
        stand.sort_unstable();
        stand.truncate(most);
        stand.iter().for_each(|(_, key)| writes[*key].cut());
        stand.len()
    }

    fn writes(&self) -> MutexGuard<'_, Slab<Arc<dyn Write>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    struct Standing(Option<Instant>, AtomicBool);

    impl Write for Standing {
        fn stands_since(&self) -> Option<Instant> {
            self.0
        }

        fn cut(&self) {
            self.1.store(true, Relaxed);
        }
    }

    #[test]
    fn those_who_have_stood_longest_are_cut_first_and_nobody_who_has_just_stopped() {
        let (list, begun) = (Watchlist::default(), Instant::now());
        let stands = |seconds| Arc::new(Standing(seconds, AtomicBool::new(false)));
        let at = |millis| Some(begun + Duration::from_millis(millis));
        let writes = [at(500), None, at(0), at(9500), at(200)].map(stands);
        let mut listed: Vec<_> = writes.iter().map(|write| list.enlist(write.clone())).collect();
        let cut = || writes.each_ref().map(|write| write.1.swap(false, Relaxed));
        let now = begun + Duration::from_secs(10);
        assert_eq!(list.cut(2, now), 2);
        assert_eq!(cut(), [false, false, true, false, true]);
        drop(listed.remove(2));
        assert_eq!(list.cut(9, now), 2, "one of the three is gone, and one stopped half a second ago");
        assert_eq!(cut(), [true, false, false, false, true]);
    }
}
