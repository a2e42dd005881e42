//! The readers of the logs behind the rings: the shelf that serves, and what its keeper would do.

use super::Played;
use super::world::{Topic, mark};
use crate::broadcast::history::{Job, Limits, Replay, Shelf, Wanted};
use crate::broadcast::live::Watch;
use crate::broadcast::tape::{Nudge, Tape};
use rand::RngExt;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Few readers, and little room.
const LIMITS: Limits = Limits {
    readers: 3,
    bytes: 24_000,
    share: (4_000, 12_000),
    quiet: Duration::from_millis(20),
    linger: Duration::from_millis(300),
};

/// What is read of the logs.
pub struct Library {
    shelf: Shelf,
    readings: Vec<Reading>,
    /// Jobs that are being done.
    jobs: Vec<Job>,
    /// Rung when a reader may have become free.
    freed: Arc<Notify>,
    /// What came of it when somebody looked for a place.
    pub sought: Played,
}

/// A stretch as its reader reads it.
struct Reading {
    reader: usize,
    tape: Arc<Tape>,
    next: Vec<i64>,
    /// Whether it waits to be nudged.
    held: Arc<AtomicBool>,
}

impl Library {
    /// Reads nothing yet.
    pub fn new() -> Self {
        Self {
            shelf: Shelf::new(LIMITS, Arc::default()),
            readings: Vec::new(),
            jobs: Vec::new(),
            freed: Arc::default(),
            sought: Played::default(),
        }
    }

    /// A place where the log is read.
    pub fn seek(&mut self, watch: Watch<'_>, wanted: &Wanted<'_>, now: Instant) -> Option<Replay> {
        let found = self.shelf.seek(watch, wanted, now);
        match found {
            None => self.sought.refused += 1,
            Some((_, true)) => self.sought.shared += 1,
            Some((_, false)) => self.sought.begun += 1,
        }
        found.map(|(place, _)| Replay::new(place, self.freed.clone()))
    }

    /// Ready when a reader may have become free since this was called.
    pub fn freed(&self) -> OwnedNotified {
        self.freed.clone().notified_owned()
    }

    /// Lets something happen.
    pub fn step(&mut self, topics: &[Topic], rng: &mut StdRng, now: Instant) {
        match rng.random_range(0..10) {
            0..3 => self.begin_job(now),
            3..5 if !self.jobs.is_empty() => {
                let job = self.jobs.swap_remove(rng.random_range(0..self.jobs.len()));
                self.finish_job(&job, now);
            }
            5 => self.retire(now),
            _ if !self.readings.is_empty() => {
                let at = rng.random_range(0..self.readings.len());
                let partition = rng.random_range(0..self.readings[at].next.len());
                self.readings[at].read(topics, partition, rng.random_range(1..12), now);
            }
            _ => {}
        }
    }

    /// Lets everything that is due happen.
    pub fn read_all(&mut self, topics: &[Topic], now: Instant) {
        self.retire(now);
        self.begin_job(now);
        for job in std::mem::take(&mut self.jobs) {
            self.finish_job(&job, now);
        }
        for reading in &mut self.readings {
            for partition in 0..reading.next.len() {
                reading.read(topics, partition, 50, now);
            }
        }
    }

    fn begin_job(&mut self, now: Instant) {
        let busy = |jobs: &[Job]| jobs.iter().map(|job| job.reader).collect::<Vec<_>>();
        while let Some(job) = self.shelf.job(&busy(&self.jobs), now) {
            self.jobs.push(job);
        }
    }

    fn finish_job(&mut self, job: &Job, now: Instant) {
        self.readings
            .retain(|reading| reading.reader != job.reader || reading.tape.name() != job.tape.name());
        // What a reader saw of transactions does not matter here, where all see the same.
        if job.begins {
            let held = Arc::<AtomicBool>::default();
            let nudged = held.clone();
            job.tape.read_by(Nudge(Arc::new(move || nudged.store(false, Relaxed))));
            let mut next = vec![i64::MAX; job.tape.partitions()];
            job.positions().iter().for_each(|at| next[at.partition as usize] = at.next);
            self.readings.push(Reading { reader: job.reader, tape: job.tape.clone(), next, held });
        }
        self.shelf.done(job, now);
        self.freed.notify_waiters();
    }

    fn retire(&mut self, now: Instant) {
        self.readings.iter().for_each(|reading| {
            reading.tape.settle(now, |_| {});
        });
        self.shelf.retire(now);
        self.freed.notify_waiters();
    }
}

impl Reading {
    /// Goes on in one partition, if somebody wants that.
    fn read(&mut self, topics: &[Topic], partition: usize, most: usize, now: Instant) {
        let topic = topics.iter().find(|topic| topic.name == *self.tape.name()).expect("a topic");
        // A topic that was made anew is noticed before anything is read of it by its name.
        let same = mark(&topic.name, topic.incarnation()) == self.tape.mark();
        if !same || self.next[partition] == i64::MAX || self.held.load(Relaxed) {
            return;
        }
        self.held.store(true, Relaxed);
        if self.tape.wants() {
            self.held.store(false, Relaxed);
            let events = topic.log().read(&topic.name, partition, &mut self.next[partition], most);
            self.tape.take(events, now);
            self.tape.settle(now, |_| {});
        }
    }
}
