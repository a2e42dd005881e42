//! What wakes a reader's thread: librdkafka rings for a queue that has something, the holder rings to stop.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the thread sleeps at most: librdkafka wants its main queue served now and then.
const IDLE: Duration = Duration::from_secs(1);

/// A bell with a pull for each queue.
#[derive(Debug)]
pub struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

/// Whose turn it is: of those that rang, and of those that were held back and are to be asked again whenever anything rings.
#[derive(Debug, Default)]
pub struct Turns {
    rang: Vec<bool>,
    held: Vec<usize>,
    /// Who is first the next time.
    first: usize,
}

impl Turns {
    /// Waits as [`Bell::wait`] does.
    pub fn wait(&mut self, bell: &Bell, until: Option<Instant>) -> Option<()> {
        bell.wait(&mut self.rang, until)?;
        self.held.drain(..).for_each(|pull| self.rang[pull] = true);
        Some(())
    }

    /// Whether this one has a turn.
    pub fn has(&self, pull: usize) -> bool {
        self.rang.get(pull) == Some(&true)
    }

    /// Those of `pulls` that have a turn. Whoever had the last one before there was enough is not the first to have the next.
    pub fn among(&self, pulls: Range<usize>) -> Vec<usize> {
        let first = self.first.clamp(pulls.start, pulls.end);
        let all = (first..pulls.end).chain(pulls.start..first);
        all.filter(|pull| self.has(*pull)).collect()
    }

    /// This one has had its turn.
    pub fn had(&mut self, pull: usize) {
        self.first = pull + 1;
    }

    /// Nothing more is wanted of this one now.
    pub fn hold(&mut self, pull: usize) {
        self.held.push(pull);
    }
}

#[derive(Debug)]
struct Rung {
    /// By index: whether the queue may have something.
    ready: Vec<bool>,
    stopped: bool,
}

impl Bell {
    /// A bell for as many queues. All count as ready at first: they may have filled before they could ring.
    pub fn new(queues: usize) -> Self {
        Self { rung: Mutex::new(Rung { ready: vec![true; queues], stopped: false }), changed: Condvar::new() }
    }

    /// Says that a queue may have something; one that is new has a pull from then on.
    pub fn ring(&self, index: usize) {
        let mut rung = self.lock();
        if rung.ready.len() <= index {
            rung.ready.resize(index + 1, false);
        }
        rung.ready[index] = true;
        self.changed.notify_one();
    }

    /// Says that it is time to stop.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Waits until something rings, or until then, or a while, and tells which queues rang since the last time; `None`
    /// when it is time to stop.
    pub fn wait(&self, rung: &mut Vec<bool>, until: Option<Instant>) -> Option<()> {
        let quiet = |state: &mut Rung| !state.stopped && !state.ready.contains(&true);
        let patience = until.map_or(IDLE, |until| until.saturating_duration_since(Instant::now()).min(IDLE));
        let waited = self.changed.wait_timeout_while(self.lock(), patience, quiet);
        let (mut guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if guard.stopped {
            return None;
        }
        rung.clone_from(&guard.ready);
        guard.ready.fill(false);
        Some(())
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
