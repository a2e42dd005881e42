//! The topics that are read for everybody: one feed an isolation level for all of them, however many watch.
//!
//! A tape begins when the first viewer comes, as far back as its ring would reach if it had been read all the while: those
//! who come back after a restart find their places in it, and need no readers of their own. It is kept for
//! `streams.linger` after the last has left. A keeper looks every few seconds whether the topics are still what they were: a
//! topic that grew is read on with its new partitions, one that is gone or was made anew ends its tape, and the viewers find
//! their place as if they had just come.

use super::bell::Bell;
use super::now;
use super::opening::Place;
use super::pinned::Pinned;
use super::ring::Bounds;
use super::survey::SIGHT_AGE;
use super::tape::{Attached, Tape};
use crate::kafka::reader::{Event, Feed, Pace, Position, Sink};
use crate::kafka::{Catalog, Error as KafkaError, Settings};
use crate::record::cursor::TopicMark;
use crate::record::{Filter, Isolation, TopicName};
use crate::telemetry::Metrics;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// A record of a ring, about, in bytes. How many are read that were there before anybody watched is judged by this.
const RECORD_BYTES: usize = 2048;

/// How long it may take to find where to begin. Nothing is read meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long topics are read, and how much is kept of each.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How much of each topic.
    pub bounds: Bounds,
    /// How long after the last viewer has left.
    pub linger: Duration,
}

/// How a viewer watches.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// Which records of transactions it sees.
    pub isolation: Isolation,
    /// How long frames may wait.
    pub flush: Duration,
    /// Which records it wants.
    pub filter: Option<&'a Arc<Filter>>,
}

/// What all viewers share. Dropping it ends the feeds.
pub struct Live {
    tapes: Arc<Tapes>,
    bounds: Bounds,
    pinned: Arc<Pinned>,
    metrics: Arc<Metrics>,
    _keeper: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Tapes {
    map: Mutex<Map>,
    /// Rung when there is a tape that is not read yet.
    wanted: Notify,
}

type Key = (Isolation, TopicName);

type Map = HashMap<Key, Kept>;

struct Kept {
    tape: Arc<Tape>,
    /// Where it is to be read from, until it is.
    wanted: Option<Vec<Position>>,
}

impl Kept {
    fn serves(&self, place: &Place) -> bool {
        self.tape.mark() == place.mark && !self.tape.is_over()
    }
}

impl Tapes {
    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Reads nothing yet.
    pub fn new(
        settings: Settings,
        catalog: Catalog,
        terms: Terms,
        (metrics, pinned): (Arc<Metrics>, Arc<Pinned>),
    ) -> Self {
        let tapes = Arc::<Tapes>::default();
        let keeper = Keeper {
            tapes: tapes.clone(),
            settings,
            catalog,
            terms,
            feeds: HashMap::new(),
            metrics: metrics.clone(),
        };
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeper.keep()));
        Self { tapes, bounds: terms.bounds, pinned, metrics, _keeper: keeper }
    }

    /// A place at the tape of a topic, if it is read already.
    pub fn find(&self, watch: Watch<'_>, place: &Place, bell: &Arc<Bell>) -> Option<Attached> {
        let map = self.tapes.map();
        let kept = map.get(&(watch.isolation, place.name.clone())).filter(|kept| kept.serves(place))?;
        Some(kept.tape.attach(bell.clone(), watch.flush, watch.filter))
    }

    /// A place at the tape of a topic, which is read from where the topic ends at `place` if it was not read before.
    pub fn attach(&self, watch: Watch<'_>, place: &Place, bell: &Arc<Bell>) -> Attached {
        let Watch { isolation, flush, filter } = watch;
        let mut map = self.tapes.map();
        let key = (isolation, place.name.clone());
        if let Some(kept) = map.get(&key).filter(|kept| kept.serves(place)) {
            return kept.tape.attach(bell.clone(), flush, filter);
        }
        let start = place.end[..place.known].to_vec();
        let position =
            |(partition, next): (i32, &i64)| Position { topic: place.name.clone(), partition, next: *next };
        let wanted = Some((0..).zip(&start).map(position).collect());
        let tape = Arc::new(Tape::new(
            place.name.clone(),
            place.mark,
            isolation,
            (start, self.bounds, self.pinned.clone()),
        ));
        let attached = tape.attach(bell.clone(), flush, filter);
        if let Some(old) = map.insert(key, Kept { tape, wanted }) {
            old.tape.end(KafkaError::TopicNotFound(place.name.clone()), Instant::now());
        }
        self.metrics.streams.live.set(map.len() as i64);
        self.tapes.wanted.notify_one();
        attached
    }
}

/// Hands what was read to the tapes, on the feed's thread.
pub(super) struct Recorder {
    /// Tapes that have something that somebody is still to be woken for.
    unsettled: Vec<Arc<Tape>>,
    metrics: Arc<Metrics>,
}

impl Recorder {
    /// Nothing was read yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { unsettled: Vec::new(), metrics }
    }
}

impl Sink<Arc<Tape>> for Recorder {
    fn take(&mut self, tape: &Arc<Tape>, events: Vec<Event>) {
        tape.take(events, Instant::now());
        if !self.unsettled.iter().any(|other| Arc::ptr_eq(other, tape)) {
            self.unsettled.push(tape.clone());
        }
    }

    fn wants(&self, tape: &Arc<Tape>) -> bool {
        tape.wants()
    }

    fn settle(&mut self) -> Option<Instant> {
        let (now, mut next) = (Instant::now(), None);
        self.unsettled.retain(|tape| {
            let due = tape.settle(now, |bytes| self.metrics.streams.flush.observe(bytes as f64));
            next = [next, due].into_iter().flatten().min();
            due.is_some()
        });
        next
    }
}

/// Has the feeds read what is wanted.
struct Keeper {
    tapes: Arc<Tapes>,
    settings: Settings,
    catalog: Catalog,
    terms: Terms,
    feeds: HashMap<Isolation, Feed<Arc<Tape>>>,
    metrics: Arc<Metrics>,
}

impl Keeper {
    async fn keep(mut self) {
        let tapes = self.tapes.clone();
        let mut look =
            tokio::time::interval(SIGHT_AGE.min(self.terms.linger / 2).max(Duration::from_millis(100)));
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = tapes.wanted.notified() => self.begin().await,
                _ = look.tick() => {
                    self.leave().await;
                    self.look().await;
                }
            }
            self.measure();
        }
    }

    /// Begins to read what is wanted and not read yet.
    async fn begin(&mut self) {
        loop {
            let wanted = self
                .tapes
                .map()
                .iter_mut()
                .find_map(|(_, kept)| kept.wanted.take().map(|positions| (kept.tape.clone(), positions)));
            let Some((tape, mut positions)) = wanted else { return };
            self.look_back(&tape, &mut positions).await;
            let begun = match self.feed(tape.isolation()) {
                Ok(feed) => feed.assign(tape.name().clone(), positions, tape.clone()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = begun {
                tracing::info!(topic = %tape.name(), %error, "cannot read");
                tape.end(error, Instant::now());
            }
        }
    }

    /// Has a tape begin where its ring would if it had been read all the while; at the end, where that cannot be found.
    async fn look_back(&self, tape: &Tape, positions: &mut [Position]) {
        let age = i64::try_from(self.terms.bounds.age.as_millis()).unwrap_or(i64::MAX);
        let most = self.terms.bounds.bytes / RECORD_BYTES / positions.len().max(1);
        let asked = async {
            let topic =
                self.catalog.describe(std::slice::from_ref(tape.name()), SIGHT_AGE).await.pop()?.ok()?;
            self.catalog.offsets_at(&[topic], now().saturating_sub(age)).await.ok()?.pop()
        };
        let Ok(Some(found)) = tokio::time::timeout(PATIENCE, asked).await else { return };
        for (at, found) in positions.iter_mut().zip(found) {
            at.next = found.unwrap_or(at.next).max(at.next - most as i64).min(at.next);
        }
        tape.rewind(&positions.iter().map(|at| at.next).collect::<Vec<_>>());
    }

    fn feed(&mut self, isolation: Isolation) -> Result<&Feed<Arc<Tape>>, KafkaError> {
        if !self.feeds.contains_key(&isolation) {
            let feed =
                Feed::start(&self.settings, (isolation, Pace::Tail), Recorder::new(self.metrics.clone()))?;
            self.feeds.insert(isolation, feed);
        }
        Ok(&self.feeds[&isolation])
    }

    /// Reads no longer what has ended, and what nobody has watched for long.
    async fn leave(&mut self) {
        let (now, mut left) = (Instant::now(), Vec::new());
        self.tapes.map().retain(|key, kept| {
            let unwatched = kept.tape.vacant(now).is_some_and(|vacant| vacant >= self.terms.linger);
            let leaves = unwatched || kept.tape.is_over();
            if leaves {
                left.push(key.clone());
            } else {
                kept.tape.expire(now);
            }
            !leaves
        });
        for (isolation, topic) in left {
            if let Some(feed) = self.feeds.get(&isolation)
                && let Err(error) = feed.unassign(topic).await
            {
                tracing::warn!(%error, "a feed");
            }
        }
        // A client that reads nothing would still hold its connections.
        let map = self.tapes.map();
        self.feeds.retain(|isolation, _| map.keys().any(|(of, _)| of == isolation));
    }

    /// Looks whether the topics are still what they were.
    async fn look(&self) {
        let tapes: Vec<_> = self.tapes.map().values().map(|kept| kept.tape.clone()).collect();
        if tapes.is_empty() {
            return;
        }
        let names: Vec<_> = tapes.iter().map(|tape| tape.name().clone()).collect();
        let cluster = match self.catalog.cluster_id(SIGHT_AGE).await {
            Ok(cluster) => cluster,
            Err(error) => return tracing::debug!(%error, "the topics that are read cannot be looked at"),
        };
        for (tape, described) in tapes.into_iter().zip(self.catalog.describe(&names, SIGHT_AGE).await) {
            match described {
                Ok(topic) if TopicMark::new(&cluster, &topic.name, topic.id).same_id(tape.mark()) => {
                    self.grow(&tape, topic.partitions.len()).await;
                }
                Ok(topic) => tape.end(KafkaError::TopicNotFound(topic.name.clone()), Instant::now()),
                Err(error @ (KafkaError::TopicNotFound(_) | KafkaError::Forbidden(_))) => {
                    tape.end(error, Instant::now())
                }
                Err(error) => tracing::debug!(topic = %tape.name(), %error, "a topic cannot be looked at"),
            }
        }
    }

    /// Reads the partitions that were added, from their beginning.
    async fn grow(&self, tape: &Arc<Tape>, partitions: usize) {
        let known = tape.partitions();
        let Some(feed) = self.feeds.get(&tape.isolation()).filter(|_| partitions > known) else { return };
        tracing::info!(topic = %tape.name(), partitions, "partitions were added");
        tape.grow(partitions, Instant::now());
        let position = |p: usize| Position { topic: tape.name().clone(), partition: p as i32, next: 0 };
        let positions = (known..partitions).map(position).collect();
        if let Err(error) = feed.extend(tape.name().clone(), positions, tape.clone()).await {
            tape.end(error, Instant::now());
        }
    }

    fn measure(&self) {
        let (now, map) = (Instant::now(), self.tapes.map());
        let extents = map.values().map(|kept| kept.tape.extent(now));
        let (bytes, age) =
            extents.fold((0, Duration::ZERO), |(bytes, age), (more, older)| (bytes + more, age.max(older)));
        self.metrics.streams.live.set(map.len() as i64);
        self.metrics.streams.rings(bytes, age);
    }
}
