//! A topic that is read once for all who watch it: the ring, who is to be woken when it has more, and why it ended.
//!
//! The reader's thread appends and rings, viewers read; neither waits for the other longer than a block is handed over.
//! Viewers that let frames wait equally long are one cohort and are woken together: the first frame after a silence at
//! once, what follows when that time has passed, or a block is full.

use super::bell::Bell;
use super::block::Filters;
use super::pinned::Pinned;
use super::ring::{BLOCK_BYTES, Bounds, Course, Found, Ring};
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::Event;
use crate::record::cursor::TopicMark;
use crate::record::{Filter, Isolation, TopicName};
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A topic that is read, in one isolation.
#[derive(Debug)]
pub struct Tape {
    name: TopicName,
    mark: TopicMark,
    isolation: Isolation,
    state: Mutex<State>,
    /// Of its own, so that viewers who were woken read while others are still being woken.
    audience: Mutex<Audience>,
}

/// Has the reader of a tape ask again whether it is to go on.
#[derive(Clone)]
pub struct Nudge(pub Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Nudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nudge")
    }
}

#[derive(Debug)]
struct State {
    ring: Ring,
    over: Option<KafkaError>,
    /// Whether the reader waits for the viewers, and what has it go on.
    held: bool,
    nudge: Option<Nudge>,
}

#[derive(Debug)]
struct Audience {
    cohorts: Vec<Cohort>,
    /// Their filters, each with how many have it.
    filters: Vec<(Arc<Filter>, usize)>,
    /// Since when nobody watches.
    vacant: Option<Instant>,
}

impl Audience {
    fn filters(&self) -> Filters {
        self.filters.iter().map(|(filter, _)| filter.clone()).collect()
    }
}

/// Viewers that let frames wait equally long.
#[derive(Debug)]
struct Cohort {
    flush: Duration,
    /// When they were woken last, and what had been appended by then.
    rung: Option<Instant>,
    appended: u64,
    bells: Slab<Arc<Bell>>,
}

impl Cohort {
    /// When they are to be woken for what has been appended by now; `None` when there is nothing new.
    fn due(&self, appended: u64, now: Instant) -> Option<Instant> {
        match (appended - self.appended, self.rung) {
            (0, _) => None,
            (new, Some(rung)) if new < BLOCK_BYTES as u64 => Some(rung + self.flush),
            _ => Some(now),
        }
    }
}

impl Tape {
    /// A topic that is to be read from `start` on.
    pub fn new(
        name: TopicName,
        mark: TopicMark,
        isolation: Isolation,
        (start, bounds, pinned): (Vec<i64>, Bounds, Arc<Pinned>),
    ) -> Self {
        let ring = Ring::new(mark, start, bounds, pinned);
        let state = State { ring, over: None, held: false, nudge: None };
        let (cohorts, filters) = (Vec::new(), Vec::new());
        let audience = Audience { cohorts, filters, vacant: Some(Instant::now()) };
        Self { name, mark, isolation, state: Mutex::new(state), audience: Mutex::new(audience) }
    }

    /// The same, whose reader waits for the first of its viewers.
    pub fn paced(self) -> Self {
        self.state().ring.pace();
        self
    }

    /// The topic.
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// The topic as cursors name it.
    pub fn mark(&self) -> TopicMark {
        self.mark
    }

    /// Which records of transactions are in it.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// How many partitions are read.
    pub fn partitions(&self) -> usize {
        self.state().ring.partitions()
    }

    /// About how many bytes its ring holds, and how old the oldest of it is.
    pub fn extent(&self, now: Instant) -> (usize, Duration) {
        let ring = &self.state().ring;
        (ring.bytes(), ring.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest)))
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.state().over.is_some()
    }

    /// How long nobody has watched it; `None` while somebody does.
    pub fn vacant(&self, now: Instant) -> Option<Duration> {
        self.audience().vacant.map(|since| now.saturating_duration_since(since))
    }

    /// Is read from `start` on, of which there is one a partition, where that is earlier; before anything was read.
    pub fn rewind(&self, start: &[i64]) {
        self.state().ring.rewind(start);
    }

    /// Keeps about so many bytes from now on.
    pub fn bound(&self, bytes: usize) {
        self.state().ring.bound(bytes);
    }

    /// The positions after all that was read.
    pub fn positions(&self) -> Vec<i64> {
        self.state().ring.next().to_vec()
    }

    /// Whether who stands at `stands(partition)` finds in it what comes next.
    pub fn reaches(&self, stands: impl Fn(usize) -> i64) -> bool {
        let state = self.state();
        state.over.is_none() && !state.ring.place(stands).is_behind()
    }

    /// Is read by who is to be nudged when it waits for viewers and need no longer.
    pub fn read_by(&self, nudge: Nudge) {
        self.state().nudge = Some(nudge);
    }

    /// Whether the reader is to go on; if not, it is nudged when it is.
    pub fn wants(&self) -> bool {
        let mut state = self.state();
        state.held = !state.ring.wants();
        !state.held
    }

    /// Appends what was read.
    pub fn take(&self, events: Vec<Event>, now: Instant) {
        let mut state = self.state();
        for event in events {
            if state.over.is_some() {
                return;
            }
            match event {
                Event::Record(record) => state.ring.record(record, now),
                Event::End { partition, next, .. } => state.ring.moved(partition, next, now),
                Event::Failed { error, partition, .. } => {
                    tracing::info!(topic = %self.name, partition, %error, "cannot read on");
                    state.ring.seal(now);
                    state.over = Some(error);
                }
            }
        }
    }

    /// Wakes those whose time has come, and tells `flushed` about how many bytes waited for them; when to ask again though
    /// nothing was appended.
    pub fn settle(&self, now: Instant, flushed: impl Fn(u64)) -> Option<Instant> {
        let mut audience = self.audience();
        let (appended, over) = {
            let mut state = self.state();
            let (appended, over) = (state.ring.appended(), state.over.is_some());
            let due = |cohort: &Cohort| cohort.due(appended, now).is_some_and(|due| due <= now);
            if audience.cohorts.iter().any(due) {
                state.ring.seal(now);
            }
            (appended, over)
        };
        let mut next: Option<Instant> = None;
        for cohort in &mut audience.cohorts {
            match cohort.due(appended, now) {
                Some(due) if due > now && !over => next = Some(next.map_or(due, |next| next.min(due))),
                None if !over => {}
                _ => {
                    flushed(appended - cohort.appended);
                    (cohort.rung, cohort.appended) = (Some(now), appended);
                    cohort.bells.iter().for_each(|(_, bell)| bell.ring());
                }
            }
        }
        next
    }

    /// Lets go of what is too old, also where nothing new drives it out.
    pub fn expire(&self, now: Instant) {
        self.state().ring.expire(now);
    }

    /// Has as many partitions from now on.
    pub fn grow(&self, partitions: usize, now: Instant) {
        self.state().ring.grow(partitions, now);
    }

    /// Ends it: viewers read what is there, and then hear why there is no more.
    pub fn end(&self, error: KafkaError, now: Instant) {
        {
            let mut state = self.state();
            state.ring.seal(now);
            state.over.get_or_insert(error);
        }
        self.settle(now, |_| {});
    }

    /// Lets `bell` ring for what is appended from now on. Frames may wait as long as `flush`; who has a `filter` shares what
    /// it finds with all who have the same.
    pub fn attach(
        self: &Arc<Self>,
        bell: Arc<Bell>,
        flush: Duration,
        filter: Option<&Arc<Filter>>,
    ) -> Attached {
        let mut audience = self.audience();
        audience.vacant = None;
        let known = audience.cohorts.iter().position(|cohort| cohort.flush == flush);
        let cohort = known.unwrap_or_else(|| {
            let appended = self.state().ring.appended();
            audience.cohorts.push(Cohort { flush, rung: None, appended, bells: Slab::new() });
            audience.cohorts.len() - 1
        });
        let key = audience.cohorts[cohort].bells.insert(bell);
        if let Some(filter) = filter {
            match audience.filters.iter_mut().find(|(known, _)| known == filter) {
                Some((_, count)) => *count += 1,
                None => {
                    audience.filters.push((filter.clone(), 1));
                    self.state().ring.filter_by(audience.filters());
                }
            }
        }
        Attached { tape: self.clone(), flush, key, filter: filter.cloned() }
    }

    /// Somebody stands on this course, so the reader goes on that waited for that.
    fn stands(&self, mut state: MutexGuard<'_, State>, course: &Course) {
        let Course::At(before) = course else { return };
        state.ring.taken(*before);
        let goes_on = state.held && state.ring.wants();
        state.held &= !goes_on;
        let nudge = state.nudge.clone().filter(|_| goes_on);
        // It takes locks of its own.
        drop(state);
        if let Some(Nudge(nudge)) = nudge {
            nudge();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A viewer's place at a tape.
#[derive(Debug)]
pub struct Attached {
    tape: Arc<Tape>,
    flush: Duration,
    key: usize,
    filter: Option<Arc<Filter>>,
}

impl Attached {
    /// Where a viewer reads on that stands at `stands(partition)`.
    pub fn place(&self, stands: impl Fn(usize) -> i64, now: Instant) -> Course {
        let mut state = self.tape.state();
        // What waits to be handed over with more may be what this viewer needs.
        state.ring.seal(now);
        let course = state.ring.place(stands);
        self.tape.stands(state, &course);
        course
    }

    /// The end of the ring, and the positions there.
    pub fn head(&self, now: Instant) -> (Course, Arc<[i64]>) {
        let mut state = self.tape.state();
        state.ring.seal(now);
        (Course::At(state.ring.head()), state.ring.positions())
    }

    /// How far behind the tape a viewer is that stands at `stands(partition)`: in bytes, about, and in time.
    pub fn lag(&self, stands: impl Fn(usize) -> i64, now: Instant) -> (u64, Duration) {
        self.tape.state().ring.lag(stands, now)
    }

    /// The next block on a course in the ring.
    ///
    /// # Errors
    /// Why the tape ended: when all of it was read, or at once for who reads the log, because that is read by the topic's
    /// name, and nothing else tells that it is another topic's by now.
    pub fn follow(&self, course: &mut Course, stands: impl Fn(usize) -> i64) -> Result<Found, KafkaError> {
        let state = self.tape.state();
        match (course.follow(&state.ring, stands), &state.over) {
            (Found::Nothing, Some(error)) => Err(error.clone()),
            (found, _) => {
                self.tape.stands(state, course);
                Ok(found)
            }
        }
    }

    /// Takes up the ring on a course that has come to it.
    pub fn settle(&self, course: &mut Course, stands: impl Fn(usize) -> i64) {
        course.settle(&self.tape.state().ring, stands);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut audience = self.tape.audience();
        if let Some(at) = audience.cohorts.iter().position(|cohort| cohort.flush == self.flush) {
            audience.cohorts[at].bells.remove(self.key);
            if audience.cohorts[at].bells.is_empty() {
                audience.cohorts.swap_remove(at);
            }
        }
        let at = |filter| audience.filters.iter().position(|(known, _)| known == filter);
        if let Some(at) = self.filter.as_ref().and_then(at) {
            audience.filters[at].1 -= 1;
            if audience.filters[at].1 == 0 {
                audience.filters.swap_remove(at);
                self.tape.state().ring.filter_by(audience.filters());
            }
        }
        if audience.cohorts.is_empty() {
            audience.vacant = Some(Instant::now());
        }
    }
}
