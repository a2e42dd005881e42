//! Who is cut when slow clients hold too much of what is sent to all: those first whose writes have stood longest.
//!
//! A client that takes nothing has `listen.write_timeout` in any case. But so long all that the rings let go of meanwhile
//! may be held by some socket that stands, so above `streams.max_pinned_bytes` the time is shorter, by as much as is needed.

use crate::broadcast::Pinned;
use crate::telemetry::Metrics;
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How often it is looked whether too much is pinned.
const LOOK: Duration = Duration::from_millis(500);

/// How long a write has to stand before its client counts as slow.
const STANDS: Duration = Duration::from_secs(1);

/// What one slow client is thought to hold at least, in bytes: a block.
const SHARE: usize = 64 * 1024;

/// The word in metrics and log lines for who is cut.
pub const OVERDUE: &str = "pinned";

/// A write that may stand: that of a connection, or of one stream of HTTP/2. Who writes tells of it, and is told to end.
#[derive(Debug, Default)]
pub struct Write(Mutex<Stand>);

#[derive(Debug, Default)]
struct Stand {
    /// Since when nothing is taken of what is written.
    since: Option<Instant>,
    /// Whether that may be shared with others: an answer is a stream.
    shares: bool,
    /// Whether it is to end if nothing is taken of it now, and who is to be told.
    cut: bool,
    task: Option<Waker>,
}

impl Write {
    /// What is written from now on may be shared with others, or is not.
    pub fn share(&self, shares: bool) {
        self.stand().shares = shares;
    }

    /// There is something to be taken, and it is not.
    pub fn stop(&self, now: Instant) {
        self.stand().since.get_or_insert(now);
    }

    /// Something is taken.
    pub fn go_on(&self) {
        let mut stand = self.stand();
        (stand.since, stand.cut) = (None, false);
    }

    /// Since when nothing is taken, and whether it is to end for that; `None` while something is.
    pub fn stands(&self) -> Option<(Instant, bool)> {
        let stand = self.stand();
        stand.since.map(|since| (since, stand.cut))
    }

    /// Wakes `task` when it is to end.
    pub fn wakes(&self, task: &Waker) {
        let mut stand = self.stand();
        if stand.task.as_ref().is_none_or(|known| !known.will_wake(task)) {
            stand.task = Some(task.clone());
        }
    }

    /// Since when it stands, if it does and what is written is shared with others.
    pub fn stands_since(&self) -> Option<Instant> {
        let stand = self.stand();
        stand.since.filter(|_| stand.shares)
    }

    /// Has it end, if it still stands.
    pub fn cut(&self) {
        let mut stand = self.stand();
        stand.cut = stand.shares && stand.since.is_some();
        let task = stand.task.clone().filter(|_| stand.cut);
        drop(stand);
        task.inspect(Waker::wake_by_ref);
    }

    fn stand(&self) -> MutexGuard<'_, Stand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writes that may stand. Clones are the same.
#[derive(Clone, Default)]
pub struct Watchlist(Arc<Mutex<Slab<Arc<Write>>>>);

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
    pub fn enlist(&self, write: Arc<Write>) -> Listed {
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
            let cut = self.cut(bytes, most, Instant::now());
            if cut > 0 {
                tracing::info!(
                    bytes,
                    cut,
                    "slow clients hold too much: those who have stood longest are cut"
                );
            }
        }
    }

    /// Cuts as many of those who stand as hold what is over `most` of the `bytes` that are pinned, if there are so many; how many
    /// it were. Who holds how much is not known: all who stand are taken to hold the same, and the next look sees what is left.
    fn cut(&self, bytes: usize, most: usize, now: Instant) -> usize {
        if bytes <= most {
            return 0;
        }
        let writes = self.writes();
        let stands = |(key, write): (usize, &Arc<Write>)| Some((write.stands_since()?, key));
        let mut stand: Vec<_> = writes.iter().filter_map(stands).collect();
        let share = bytes.checked_div(stand.len()).unwrap_or(0).max(SHARE);
        stand.retain(|(since, _)| now.saturating_duration_since(*since) >= STANDS);
        stand.sort_unstable();
        stand.truncate((bytes - most).div_ceil(share));
        stand.iter().for_each(|(_, key)| writes[*key].cut());
        stand.len()
    }

    fn writes(&self) -> MutexGuard<'_, Slab<Arc<Write>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So little that nobody is taken to hold more than a block.
    const MOST: usize = 0;

    fn write(stands: Option<Instant>) -> Arc<Write> {
        let write = Write::default();
        write.share(true);
        stands.inspect(|since| write.stop(*since));
        Arc::new(write)
    }

    #[test]
    fn those_who_have_stood_longest_are_cut_first_and_nobody_who_has_just_stopped() {
        let (list, begun) = (Watchlist::default(), Instant::now());
        let at = |millis| Some(begun + Duration::from_millis(millis));
        let writes = [at(500), None, at(0), at(9500), at(200)].map(write);
        let mut listed: Vec<_> = writes.iter().map(|write| list.enlist(write.clone())).collect();
        let cut = || writes.each_ref().map(|write| write.stands().is_some_and(|(_, cut)| cut));
        let now = begun + Duration::from_secs(10);
        assert_eq!(list.cut(MOST, MOST, now), 0, "it is not too much");
        assert_eq!(list.cut(MOST + 2 * SHARE, MOST, now), 2);
        assert_eq!(cut(), [false, false, true, false, true]);
        drop(listed.remove(2));
        let cut_all = list.cut(MOST + 9 * SHARE, MOST, now);
        assert_eq!(cut_all, 2, "one of the three is gone, and one stopped half a second ago");
        assert_eq!(cut(), [true, false, true, false, true]);
    }

    #[test]
    fn where_each_holds_much_few_are_cut_and_at_least_one() {
        let (list, begun) = (Watchlist::default(), Instant::now());
        let _listed: Vec<_> = (0..10).map(|_| list.enlist(write(Some(begun)))).collect();
        for (bytes, cut) in [(100, 0), (101, 1), (110, 1), (112, 2), (200, 5)] {
            let mib = 1 << 20;
            assert_eq!(list.cut(bytes * mib, 100 * mib, begun + STANDS), cut, "{bytes} MiB of 100");
        }
    }
}
