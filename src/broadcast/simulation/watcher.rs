//! A viewer as a client has it, which knows what it must be told.

use super::Played;
use super::library::Library;
use super::world::{Topic, mark};
use crate::broadcast::follower::{Follower, Step};
use crate::broadcast::history::Wanted;
use crate::broadcast::live::Watch;
use crate::broadcast::opening::{Opening, Place};
use crate::broadcast::viewer::{Terms, Viewer};
use crate::broadcast::{Ids, Manner, Problem};
use crate::record::cursor::{Segment, TopicMark};
use crate::record::{Cursor, Filter, Isolation, OnSlow, PartitionSet, TopicName, ValueForm};
use crate::wire::Format;
use bytes::{Bytes, BytesMut};
use futures_util::task::{ArcWake, waker};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Whether somebody was woken.
struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.store(true, Relaxed);
    }
}

/// A viewer and its client.
pub struct Watcher {
    /// The topics it reads, by their numbers.
    reads: Vec<usize>,
    partitions: Option<PartitionSet>,
    filter: Option<Arc<Filter>>,
    manner: Manner,
    viewer: Viewer,
    follower: Follower,
    woken: Arc<Woken>,
    /// By topic, incarnation and partition: what the client has seen all of, up to here.
    seen: HashMap<(usize, usize, usize), i64>,
    last_id: Cursor,
    delivered: usize,
    overrun: usize,
}

impl Watcher {
    /// A viewer that stands anywhere, also where another gateway may have brought it: ahead of the tape.
    pub fn arrive(topics: &[Topic], rng: &mut StdRng, now: Instant) -> Self {
        let reads: Vec<_> = (0..topics.len()).filter(|_| rng.random_bool(0.7)).collect();
        let reads = if reads.is_empty() { vec![0] } else { reads };
        let partitions = rng.random_bool(0.15).then(|| PartitionSet::of([0, 2]));
        let keys = vec![Bytes::from_static(b"wanted")];
        let filter =
            rng.random_bool(0.3).then(|| Arc::new(Filter::default().with_keys(keys).expect("a filter")));
        let manner = Manner {
            format: Format::Events(ValueForm::Auto),
            ids: if rng.random_bool(0.2) { Ids::Flush } else { Ids::Event },
            heartbeat: Duration::from_secs(15),
            ping: false,
            max_age: None,
            flush: Duration::from_millis(if rng.random_bool(0.8) { 5 } else { 0 }),
            on_slow: if rng.random_bool(0.2) { OnSlow::Skip } else { OnSlow::Replay },
            not_json: Problem(Arc::new(|_| String::new())),
        };
        let at_the_end = rng.random_bool(0.4);
        let segments = reads.iter().map(|t| {
            let next = topics[*t].log().ends().into_iter();
            let next = next.map(|end| if at_the_end { end } else { rng.random_range(0..=end) });
            Segment { topic: mark(&topics[*t].name, topics[*t].incarnation()), next: next.collect() }
        });
        let last_id = Cursor { segments: segments.collect(), finished: false };
        let mut seen = HashMap::new();
        for (t, segment) in reads.iter().zip(&last_id.segments) {
            let partitions = segment.next.iter().enumerate();
            seen.extend(partitions.map(|(p, next)| ((*t, topics[*t].incarnation(), p), *next)));
        }
        let opening = opening(topics, &reads, &last_id, partitions.as_ref());
        let viewer = Viewer::new(manner.clone(), filter.clone(), None, &opening, 0);
        let (follower, woken) = (Follower::default(), Arc::new(Woken(AtomicBool::new(true))));
        let (delivered, overrun) = (0, 0);
        let mut watcher = Self {
            reads,
            partitions,
            filter,
            manner,
            viewer,
            follower,
            woken,
            seen,
            last_id,
            delivered,
            overrun,
        };
        watcher.begin(topics, &opening, now);
        watcher
    }

    fn begin(&mut self, topics: &[Topic], opening: &Opening, now: Instant) {
        let (mut out, terms) = (BytesMut::new(), Terms { max_age: None, retry: Duration::ZERO });
        self.viewer.open(opening, terms, &mut out);
        self.hear(topics, &out);
        self.attach(topics, opening, now);
    }

    fn attach(&mut self, topics: &[Topic], opening: &Opening, now: Instant) {
        let of =
            |name: &TopicName| topics.iter().find(|topic| topic.name == *name).expect("it reads no other");
        let (flush, filter) = (self.manner.flush, self.filter.as_ref());
        let attach =
            |place: &Place, bell: &_| Some(of(&place.name).tape.attach(Arc::clone(bell), flush, filter));
        self.follower = Follower::new((&opening.places, self.viewer.track()), attach, now);
        self.woken.0.store(true, Relaxed);
    }

    /// The client is cut off, and comes back with the last id that it has.
    pub fn cut(&mut self, topics: &[Topic], now: Instant) {
        let opening = opening(topics, &self.reads, &self.last_id, self.partitions.as_ref());
        self.viewer = Viewer::new(self.manner.clone(), self.filter.clone(), None, &opening, 0);
        self.begin(topics, &opening, now);
    }

    /// Goes on as far as it may, if it was woken.
    pub fn watch(&mut self, topics: &[Topic], library: &mut Library, steps: usize, now: Instant) {
        if !self.woken.0.swap(false, Relaxed) {
            return;
        }
        let waker = waker(self.woken.clone());
        for _ in 0..steps {
            let mut out = BytesMut::new();
            match self.follower.poll(self.viewer.track(), &mut Context::from_waker(&waker)) {
                Poll::Pending => return,
                Poll::Ready(Step::Block(t, block)) => {
                    let (_, frames) = self.viewer.block(t, &block, self.partitions.as_ref(), &mut out);
                    self.viewer.flush(&mut out);
                    out.extend_from_slice(&frames.unwrap_or_default());
                    self.hear(topics, &out);
                }
                Poll::Ready(Step::Seek) => self.seek(library, now),
                Poll::Ready(Step::Overrun(t)) => {
                    self.overrun += 1;
                    if self.manner.on_slow == OnSlow::Skip {
                        let to = self.follower.skip(t).expect("it has a tape");
                        self.viewer.skip(t, &to, self.partitions.as_ref(), &mut out);
                        self.hear(topics, &out);
                    }
                }
                Poll::Ready(Step::Failed(_)) => {
                    let cursor = self.viewer.track().cursor().clone();
                    let opening = opening(topics, &self.reads, &cursor, self.partitions.as_ref());
                    self.viewer.reopen(&opening, 0, &mut out);
                    self.hear(topics, &out);
                    self.attach(topics, &opening, now);
                }
            }
        }
        self.woken.0.store(true, Relaxed);
    }

    fn seek(&mut self, library: &mut Library, now: Instant) {
        let (flush, filter) = (self.manner.flush, self.filter.as_ref());
        let watch = Watch { isolation: Isolation::Committed, flush, filter };
        let freed = library.freed();
        let find = |wanted: &Wanted<'_>| library.seek(watch, wanted, now);
        if !self.follower.seek(self.viewer.track_mut(), self.partitions.as_ref(), find) {
            self.follower.wait(freed);
        }
    }

    /// What the client makes of what it is sent.
    fn hear(&mut self, topics: &[Topic], sent: &[u8]) {
        let text = std::str::from_utf8(sent).expect("UTF-8");
        let mut events = text.split_terminator("\n\n").peekable();
        while let Some(event) = events.next() {
            let of = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let data: Value =
                of("data: ").map_or(Value::Null, |data| serde_json::from_str(data).expect("JSON"));
            let number = |name: &str| data[name].as_i64().expect("a number");
            let is_gap = of("event: ") == Some("gap") && data["reason"] == "slow";
            if is_gap {
                assert_eq!(self.manner.on_slow, OnSlow::Skip, "only who asked for it passes over records");
                let (filtered, partition) = (self.filter.is_some(), number("partition") as usize);
                let (seen, (t, incarnation)) = self.seen(topics, &data);
                let missed = topics[t].logs[incarnation].next(partition, *seen, number("from"), filtered);
                assert_eq!(missed, None, "{data}, and {seen} was seen");
                *seen = number("to");
            } else if !data["headers"].is_null() {
                self.take(topics, &data);
            }
            // Gaps that are told together have one id.
            let together = is_gap && events.peek().is_some_and(|next| next.contains("event: gap"));
            if let Some(id) = of("id: ").filter(|_| !together) {
                self.last_id = Cursor::parse(id).expect("a cursor");
                self.check_id(topics);
            }
        }
    }

    /// How much of the partition that `data` speaks of was seen, and its topic's number and incarnation.
    fn seen(&mut self, topics: &[Topic], data: &Value) -> (&mut i64, (usize, usize)) {
        let name = data["topic"].as_str().expect("a topic");
        let t = topics.iter().position(|topic| topic.name.as_str() == name).expect("a topic that is read");
        let incarnation = self.incarnation(topics, t, self.viewer.track().cursor());
        let partition = data["partition"].as_u64().expect("a partition") as usize;
        (self.seen.entry((t, incarnation, partition)).or_default(), (t, incarnation))
    }

    fn take(&mut self, topics: &[Topic], data: &Value) {
        let filtered = self.filter.is_some();
        let (seen, (t, incarnation)) = self.seen(topics, data);
        let partition = data["partition"].as_u64().expect("a partition") as usize;
        let next = topics[t].logs[incarnation].next(partition, *seen, i64::MAX, filtered);
        assert_eq!(data["offset"].as_i64(), next, "{data}, and {seen} was seen");
        *seen = next.map_or(*seen, |next| next + 1);
        self.delivered += 1;
    }

    /// An id stands behind all that was delivered and before all that was not.
    fn check_id(&self, topics: &[Topic]) {
        for (t, segment) in self.reads.iter().zip(&self.last_id.segments) {
            let incarnation = self.incarnation(topics, *t, &self.last_id);
            for (p, next) in segment.next.iter().enumerate().filter(|(p, _)| self.selects(*p)) {
                let seen = self.seen.get(&(*t, incarnation, p)).copied().unwrap_or(0);
                let missed = topics[*t].logs[incarnation].next(p, seen, *next, self.filter.is_some());
                assert_eq!(missed, None, "{}:{p}: an id says {next}, and {seen} was seen", topics[*t].name);
                assert!(*next >= seen, "{}:{p}: an id says {next}, and {seen} was seen", topics[*t].name);
            }
        }
    }

    fn incarnation(&self, topics: &[Topic], t: usize, cursor: &Cursor) -> usize {
        let segment = self.reads.iter().position(|read| *read == t).expect("it reads no other");
        let known: TopicMark = cursor.segments[segment].topic;
        let is = |incarnation: &usize| mark(&topics[t].name, *incarnation) == known;
        (0..topics[t].logs.len()).find(is).expect("one of them")
    }

    fn selects(&self, partition: usize) -> bool {
        self.partitions.as_ref().is_none_or(|chosen| chosen.contains(partition as i32))
    }

    /// Holds that nothing is left to be seen.
    pub fn has_come_to_the_end(&self, topics: &[Topic]) -> Played {
        for t in &self.reads {
            let (topic, incarnation) = (&topics[*t], topics[*t].incarnation());
            for p in (0..topic.log().partitions.len()).filter(|p| self.selects(*p)) {
                let seen = self.seen.get(&(*t, incarnation, p)).copied().unwrap_or(0);
                let missed = topic.log().next(p, seen, i64::MAX, self.filter.is_some());
                assert_eq!(missed, None, "{}:{p} was never delivered; {seen} was seen", topic.name);
            }
        }
        Played { delivered: self.delivered, overrun: self.overrun, ..Played::default() }
    }
}

/// What is found by who comes with this cursor.
fn opening(topics: &[Topic], reads: &[usize], cursor: &Cursor, partitions: Option<&PartitionSet>) -> Opening {
    let place = |(t, segment): (&usize, &Segment)| {
        let same = segment.topic == mark(&topics[*t].name, topics[*t].incarnation());
        let next = if same { segment.next.clone() } else { Vec::new() };
        topics[*t].place(next, |p| partitions.is_none_or(|chosen| chosen.contains(p as i32)))
    };
    let places = reads.iter().zip(&cursor.segments).map(place).collect();
    Opening { places, ..Opening::default() }
}
