//! Logs, the tapes that are read of them, and what happens by chance.

use super::Played;
use super::library::Library;
use super::watcher::Watcher;
use crate::broadcast::opening::Place;
use crate::broadcast::ring::Bounds;
use crate::broadcast::tape::Tape;
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::Event;
use crate::record::cursor::TopicMark;
use crate::record::{Isolation, Record, TopicName};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much a ring keeps here: a few blocks.
const BOUNDS: Bounds = Bounds { bytes: 6_000, age: Duration::from_millis(60) };

/// What one append may bring a ring over its bounds by: a block, which stays whatever it weighs.
const SLACK: usize = 2 * 40 * 600;

/// One incarnation of a topic: whether a record stands at each offset that anybody sees.
#[derive(Clone, Default)]
pub struct Log {
    pub partitions: Vec<Vec<bool>>,
}

impl Log {
    /// The first record at `offset` or after it that a viewer wants, if it is before `end`.
    pub fn next(&self, partition: usize, offset: i64, end: i64, filtered: bool) -> Option<i64> {
        let slots = self.partitions.get(partition)?;
        let seen = |at: &i64| slots[*at as usize] && (!filtered || is_wanted(*at));
        (offset..end.min(slots.len() as i64)).find(seen)
    }

    pub fn ends(&self) -> Vec<i64> {
        self.partitions.iter().map(|slots| slots.len() as i64).collect()
    }

    /// What a reader of committed records is told of a partition from `next` on: some records, and the end where it came
    /// to it.
    pub fn read(&self, topic: &TopicName, partition: usize, next: &mut i64, most: usize) -> Vec<Event> {
        let (slots, mut events) = (&self.partitions[partition], Vec::new());
        for _ in 0..most {
            match slots.get(*next as usize) {
                Some(true) => events.push(Event::Record(record(topic, partition, *next))),
                Some(false) => {}
                None => {
                    events.push(Event::End {
                        topic: topic.clone(),
                        partition: partition as i32,
                        next: *next,
                    });
                    break;
                }
            }
            *next += 1;
        }
        events
    }
}

/// What the filter of those who have one lets through.
pub fn is_wanted(offset: i64) -> bool {
    offset % 3 == 0
}

fn record(topic: &TopicName, partition: usize, offset: i64) -> Record {
    Record {
        topic: topic.clone(),
        partition: partition as i32,
        offset,
        timestamp: None,
        key: Some(Bytes::from_static(if is_wanted(offset) { b"wanted" } else { b"other" })),
        value: None,
        headers: Vec::new(),
    }
}

/// A topic, with all its incarnations, and the tape that is read of the last.
pub struct Topic {
    pub name: TopicName,
    pub logs: Vec<Log>,
    pub tape: Arc<Tape>,
    /// Where the tape's reader stands, and whether it has begun.
    read: Vec<i64>,
    begun: bool,
}

impl Topic {
    fn new(name: &str, log: Log) -> Self {
        let name = TopicName::parse(name).expect("a legal name");
        let (tape, read) = tape(&name, 0, log.ends());
        Self { name, logs: vec![log], tape, read, begun: false }
    }

    pub fn incarnation(&self) -> usize {
        self.logs.len() - 1
    }

    pub fn log(&self) -> &Log {
        self.logs.last().expect("there is always one")
    }

    /// As it is found by who opens it now and stands at `next`; what is not among those is new, and is read from its
    /// beginning.
    pub fn place(&self, mut next: Vec<i64>, selected: impl Fn(usize) -> bool) -> Place {
        let end = self.log().ends();
        next.resize(end.len().max(next.len()), 0);
        let selected = (0..next.len()).map(selected).collect();
        let mark = mark(&self.name, self.incarnation());
        Place { name: self.name.clone(), mark, known: end.len(), next, selected, end }
    }
}

/// How cursors name an incarnation of a topic.
pub fn mark(name: &TopicName, incarnation: usize) -> TopicMark {
    TopicMark::new("cluster", name, Some([1 + incarnation as u8; 16]))
}

fn tape(name: &TopicName, incarnation: usize, start: Vec<i64>) -> (Arc<Tape>, Vec<i64>) {
    let mark = mark(name, incarnation);
    (
        Arc::new(Tape::new(
            name.clone(),
            mark,
            Isolation::Committed,
            (start.clone(), BOUNDS, Arc::default()),
        )),
        start,
    )
}

/// Everything there is.
pub struct World {
    rng: StdRng,
    now: Instant,
    topics: Vec<Topic>,
    library: Library,
    watchers: Vec<Watcher>,
}

impl World {
    /// A world that a seed makes.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut log = || {
            let partitions = 0..rng.random_range(1..4);
            let records = |_| (0..rng.random_range(0..30)).map(|_| rng.random_bool(0.8)).collect();
            Log { partitions: partitions.map(records).collect() }
        };
        let topics = ["a", "b"].map(|name| Topic::new(name, log()));
        let (library, watchers) = (Library::new(), Vec::new());
        let mut world = Self { rng, now: Instant::now(), topics: topics.into(), library, watchers };
        for _ in 0..world.rng.random_range(1..4) {
            world.arrive();
        }
        world
    }

    /// Lets something happen.
    pub fn step(&mut self) {
        let topic = self.rng.random_range(0..self.topics.len());
        match self.rng.random_range(0..100) {
            0..22 => self.produce(topic),
            22..45 => self.read(topic),
            45..62 => self.settle(),
            62..80 => self.watch(),
            80..92 => self.library.step(&self.topics, &mut self.rng, self.now),
            92..96 => self.cut(),
            96 => self.arrive(),
            97 => self.topics[topic].logs.last_mut().expect("one").partitions.push(Vec::new()),
            98 => self.grow(topic),
            _ => self.make_anew(topic),
        }
    }

    fn produce(&mut self, topic: usize) {
        let log = self.topics[topic].logs.last_mut().expect("there is always one");
        let partition = self.rng.random_range(0..log.partitions.len());
        for _ in 0..self.rng.random_range(1..8) {
            log.partitions[partition].push(self.rng.random_bool(0.8));
        }
    }

    /// The tape's reader goes on in one partition.
    fn read(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        if !std::mem::replace(&mut topic.begun, true) && self.rng.random_bool(0.5) {
            topic.read.iter_mut().for_each(|next| *next = self.rng.random_range(0..=*next));
            topic.tape.rewind(&topic.read);
        }
        let partition = self.rng.random_range(0..topic.read.len());
        let (most, log) = (self.rng.random_range(1..10), topic.logs.last().expect("one"));
        let events = log.read(&topic.name, partition, &mut topic.read[partition], most);
        topic.tape.take(events, self.now);
    }

    fn settle(&mut self) {
        let long = if self.rng.random_bool(0.05) { 400 } else { 0 };
        self.now += Duration::from_millis(self.rng.random_range(0..8) + long);
        for topic in &self.topics {
            topic.tape.settle(self.now, |_| {});
            let (bytes, _) = topic.tape.extent(self.now);
            assert!(bytes <= BOUNDS.bytes + SLACK, "a ring of {bytes} bytes");
        }
    }

    fn watch(&mut self) {
        let at = self.rng.random_range(0..self.watchers.len());
        let steps = self.rng.random_range(1..5);
        self.watchers[at].watch(&self.topics, &mut self.library, steps, self.now);
    }

    fn cut(&mut self) {
        let at = self.rng.random_range(0..self.watchers.len());
        self.watchers[at].cut(&self.topics, self.now);
    }

    fn arrive(&mut self) {
        if self.watchers.len() < 6 {
            self.watchers.push(Watcher::arrive(&self.topics, &mut self.rng, self.now));
        }
    }

    /// The tape learns how many partitions there are.
    fn grow(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        let partitions = topic.log().partitions.len();
        topic.tape.grow(partitions, self.now);
        topic.read.resize(partitions, 0);
    }

    fn make_anew(&mut self, topic: usize) {
        let partitions = self.rng.random_range(1..4);
        let topic = &mut self.topics[topic];
        topic.logs.push(Log { partitions: vec![Vec::new(); partitions] });
        topic.tape.end(KafkaError::TopicNotFound(topic.name.clone()), self.now);
        (topic.tape, topic.read) = tape(&topic.name, topic.logs.len() - 1, vec![0; partitions]);
        topic.begun = false;
    }

    /// Lets everything that is due happen, and holds that nothing is left to be seen.
    pub fn finish(mut self) -> Played {
        for topic in 0..self.topics.len() {
            self.grow(topic);
        }
        for _ in 0..80 {
            for topic in &mut self.topics {
                let log = topic.logs.last().expect("one");
                for (partition, next) in topic.read.iter_mut().enumerate() {
                    topic.tape.take(log.read(&topic.name, partition, next, 50), self.now);
                }
            }
            self.now += Duration::from_millis(10);
            for topic in &self.topics {
                topic.tape.settle(self.now, |_| {});
            }
            for watcher in &mut self.watchers {
                watcher.watch(&self.topics, &mut self.library, 100, self.now);
            }
            self.library.read_all(&self.topics, self.now);
        }
        let come: Played =
            self.watchers.iter().map(|watcher| watcher.has_come_to_the_end(&self.topics)).sum();
        let Played { begun, shared, refused, .. } = self.library.sought;
        Played { begun, shared, refused, ..come }
    }
}
