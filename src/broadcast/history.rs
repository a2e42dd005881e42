//! The logs behind the rings, read once for all who are there: those who begin in the past, who come back, who were left
//! behind.
//!
//! A stretch of a topic's log is a tape like those of the ends, with a ring of its own: who stands within it follows it, and who
//! stands elsewhere has another begun. Its reader waits for the first of those who follow, so that nothing is read that nobody
//! takes; the others take from the ring what was read for the first, and who falls out of it has a stretch begun anew. A thousand
//! viewers that come back together read Kafka once. [`Shelf`] decides all that; here is who does it.

mod shelf;

use super::bell::Bell;
use super::live::{Recorder, Watch};
use super::pinned::Pinned;
use super::ring::{Course, Found};
use super::tape::{Attached, Nudge, Tape};
use crate::kafka::reader::{Feed, Pace};
use crate::kafka::{Error as KafkaError, Settings};
use crate::record::cursor::TopicMark;
use crate::record::{Isolation, TopicName};
use crate::telemetry::Metrics;
pub use shelf::{Job, Limits, Shelf};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How often what is kept is looked through.
const LOOK: Duration = Duration::from_millis(250);

/// What somebody wants to read of a topic's log.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The topic as cursors name it.
    pub mark: TopicMark,
    /// How many partitions it has.
    pub partitions: usize,
    /// Where reading goes on in each of them; [`i64::MAX`] where nothing is wanted.
    pub stands: &'a dyn Fn(usize) -> i64,
    /// Rung when there is something.
    pub bell: &'a Arc<Bell>,
}

/// A place in a stretch of a log.
#[derive(Debug)]
pub struct Replay {
    // The first to go, so that whoever is told finds the place free.
    place: (Attached, Course),
    _leaves: Leaves,
}

/// Tells those who wait for a reader that somebody left.
#[derive(Debug)]
struct Leaves(Arc<Notify>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl Replay {
    /// A place; `freed` is told when it is left.
    pub fn new(place: (Attached, Course), freed: Arc<Notify>) -> Self {
        Self { place, _leaves: Leaves(freed) }
    }

    /// The next block. Who is told [`Found::Gone`] is to look for another place.
    ///
    /// # Errors
    /// Why the log cannot be read on.
    pub fn follow(&mut self, stands: impl Fn(usize) -> i64) -> Result<Found, KafkaError> {
        let (tape, course) = &mut self.place;
        tape.follow(course, stands)
    }
}

/// The readers of the logs. Dropping it ends them.
pub struct History {
    shared: Arc<Shared>,
    _keeper: AbortOnDropHandle<()>,
}

struct Shared {
    shelf: Mutex<Shelf>,
    /// Rung when there is something to do.
    wanted: Notify,
    /// Rung when a reader may have become free.
    freed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

impl Shared {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    /// At most so many readers, which keep about so many bytes of what they read.
    pub fn new(
        settings: Settings,
        (readers, bytes): (usize, usize),
        (metrics, pinned): (Arc<Metrics>, Arc<Pinned>),
    ) -> Self {
        let shared = Arc::new(Shared {
            shelf: Mutex::new(Shelf::new(Limits::new(readers, bytes), pinned)),
            wanted: Notify::new(),
            freed: Arc::default(),
            metrics,
        });
        let keeper = Keeper { shared: shared.clone(), settings, feeds: HashMap::new(), busy: Vec::new() };
        Self { shared, _keeper: AbortOnDropHandle::new(tokio::spawn(keeper.keep())) }
    }

    /// A place where the log is read for who wants this of it; `None` while every reader is in use.
    pub fn seek(&self, watch: Watch<'_>, wanted: &Wanted<'_>) -> Option<Replay> {
        let (place, shared) = self.shared.shelf().seek(watch, wanted, Instant::now())?;
        let metrics = &self.shared.metrics.streams;
        if shared {
            metrics.history_shared.inc()
        } else {
            metrics.history_begun.inc()
        };
        self.shared.wanted.notify_one();
        Some(Replay::new(place, self.shared.freed.clone()))
    }

    /// Ready when a reader may have become free since this was called.
    pub fn freed(&self) -> OwnedNotified {
        self.shared.freed.clone().notified_owned()
    }
}

type Feeds = HashMap<usize, (Isolation, Arc<Feed<Arc<Tape>>>)>;

/// Has the readers do what the shelf wants.
struct Keeper {
    shared: Arc<Shared>,
    settings: Settings,
    feeds: Feeds,
    /// Readers that are doing something.
    busy: Vec<usize>,
}

impl Keeper {
    async fn keep(mut self) {
        let mut jobs = JoinSet::new();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.give_out(&mut jobs);
            let idle = self.shared.shelf().is_empty();
            tokio::select! {
                () = self.shared.wanted.notified() => {}
                Some(done) = jobs.join_next() => if let Ok(job) = done { self.done(&job) },
                _ = look.tick(), if !idle => self.retire(),
            }
        }
    }

    fn give_out(&mut self, jobs: &mut JoinSet<Job>) {
        loop {
            let job = self.shared.shelf().job(&self.busy, Instant::now());
            let Some(job) = job else { return };
            self.busy.push(job.reader);
            let feed = self.feed(job.reader, job.tape.isolation());
            jobs.spawn(async move {
                let done = match feed {
                    Ok(feed) if job.begins => {
                        job.tape.read_by(Nudge(Arc::new(feed.nudge())));
                        feed.assign(job.tape.name().clone(), job.positions(), job.tape.clone()).await
                    }
                    Ok(feed) => feed.unassign(job.tape.name().clone()).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = done {
                    tracing::info!(topic = %job.tape.name(), %error, "cannot read the log");
                    job.tape.end(error, Instant::now());
                }
                job
            });
        }
    }

    fn feed(&mut self, reader: usize, isolation: Isolation) -> Result<Arc<Feed<Arc<Tape>>>, KafkaError> {
        if let Some((of, feed)) = self.feeds.get(&reader)
            && *of == isolation
        {
            return Ok(feed.clone());
        }
        let recorder = Recorder::new(self.shared.metrics.clone());
        let feed = Arc::new(Feed::start(&self.settings, (isolation, Pace::History), recorder)?);
        self.feeds.insert(reader, (isolation, feed.clone()));
        self.measure();
        Ok(feed)
    }

    fn done(&mut self, job: &Job) {
        self.busy.retain(|busy| *busy != job.reader);
        self.shared.shelf().done(job, Instant::now());
        self.shared.freed.notify_waiters();
    }

    fn retire(&mut self) {
        {
            let mut shelf = self.shared.shelf();
            shelf.retire(Instant::now());
            self.feeds.retain(|reader, (isolation, _)| shelf.has_reader(*reader, *isolation));
        }
        self.measure();
        self.shared.freed.notify_waiters();
    }

    fn measure(&self) {
        let streams = &self.shared.metrics.streams;
        streams.readers.set(self.feeds.len() as i64);
        streams.history_bytes.set(self.shared.shelf().bytes(Instant::now()) as i64);
    }
}
