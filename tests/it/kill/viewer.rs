//! Somebody who watches a topic and comes back whenever the connection breaks, with the last cursor and nothing else.

use crate::harness::{Came, CursorReader, DEADLINE, Event, Gateway, Incoming, Position, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long to wait before asking again a gateway that did not answer.
const PAUSE: Duration = Duration::from_millis(20);

/// How often to look whether everything was seen.
const LOOK: Duration = Duration::from_millis(100);

/// What a page may hold, and how long it may wait.
const PAGE: &str = "&max=500&wait=300ms";

/// A record as it was dispatched.
#[derive(Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub value: String,
}

/// What a viewer saw.
pub struct Watched {
    pub habit: Habit,
    /// Where it began.
    pub start: Position,
    pub seen: Vec<Record>,
    /// How often the connection broke after records had come on it.
    pub cut_amid: usize,
}

/// How a viewer asks.
#[derive(Clone, Copy, Debug)]
pub struct Habit {
    /// After how many kills it first comes.
    pub first: usize,
    /// Each time in one of these ways.
    pub wires: &'static [Wire],
    pub query: &'static str,
}

/// The ends of the partitions, once they are known.
pub type Ends = watch::Receiver<Option<Position>>;

/// A viewer of a topic that has yet to end.
pub struct Viewer {
    gateway: Gateway,
    topic: String,
    cursors: CursorReader,
    random: StdRng,
    /// The last cursor that was dispatched, and its numbers.
    last: String,
    position: Position,
    watched: Watched,
}

impl Viewer {
    pub fn new(gateway: Gateway, topic: String, cursors: CursorReader, habit: Habit, seed: u64) -> Self {
        let watched = Watched { habit, start: Position::new(), seen: Vec::new(), cut_amid: 0 };
        let (random, last, position) = (StdRng::seed_from_u64(seed), String::new(), Position::new());
        Self { gateway, topic, cursors, random, last, position, watched }
    }

    /// Watches until it stands at the ends that `told` gives sooner or later, and sees nothing of it again.
    pub async fn watch(mut self, told: Ends) -> Watched {
        let (mut waited, wires) = (None, self.watched.habit.wires);
        while !self.has_all(&told) {
            if told.borrow().is_some() {
                let since = *waited.get_or_insert_with(Instant::now);
                assert!(since.elapsed() < DEADLINE, "{self}: the end is not reached");
            }
            let wire = wires[self.random.random_range(0..wires.len())];
            match self.connect(wire).await {
                Some(incoming) => self.read(incoming, wire, &told).await,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
        self.see_nothing_more().await;
        self.watched
    }

    fn has_all(&self, told: &Ends) -> bool {
        told.borrow().as_ref().is_some_and(|ends| self.position == *ends)
    }

    /// Asks from where it stands; `None` when nobody answers.
    async fn connect(&self, wire: Wire) -> Option<Incoming> {
        let page = if wire == Wire::Page { PAGE } else { "" };
        let query = format!("{}{page}&last_event_id={}", self.watched.habit.query, self.last);
        wire.open(wire.request(&self.gateway, &self.topic, &query)).await
    }

    /// Reads until the reply ends, the connection breaks, or everything was seen.
    async fn read(&mut self, mut incoming: Incoming, wire: Wire, told: &Ends) {
        let (begun, before) = (Instant::now(), self.watched.seen.len());
        while !self.has_all(told) {
            assert!(begun.elapsed() < DEADLINE, "{self}: one reply has no end");
            match incoming.next(usize::MAX, LOOK).await {
                Came::Nothing => {}
                Came::Events(events) => events.into_iter().for_each(|event| self.take(event, wire)),
                Came::End if wire == Wire::Page => return,
                // Killed, it ends no stream in good order.
                Came::End => panic!("{self}: the stream was ended"),
                Came::Break => {
                    self.watched.cut_amid += usize::from(self.watched.seen.len() > before);
                    return;
                }
            }
        }
    }

    /// Comes back once more, to a log that it has read to its end.
    async fn see_nothing_more(&mut self) {
        let mut incoming = self.connect(Wire::Sse).await.expect("nobody kills it any more");
        let (seen, mut caught_up) = (self.watched.seen.len(), false);
        while !caught_up {
            match incoming.next(usize::MAX, DEADLINE).await {
                Came::Events(events) => {
                    caught_up = events.iter().any(|event| event.kind == "caught-up");
                    events.into_iter().for_each(|event| self.take(event, Wire::Sse));
                }
                other => panic!("{self}: {other:?}"),
            }
        }
        assert_eq!(self.watched.seen.len(), seen, "{self}: seen again");
    }

    fn take(&mut self, event: Event, wire: Wire) {
        if event.kind == "message" && wire == Wire::Page {
            // Of a page that came whole: it counts from here on, and its cursor follows.
            let Said { partition, offset, value } = said(&event);
            return self.watched.seen.push(Record { partition, offset, value });
        }
        let position = self.cursors.read(&event.id);
        let before = std::mem::replace(&mut self.position, position);
        match event.kind.as_str() {
            "message" => {
                let record = self.record(&event, &before);
                self.watched.seen.push(record);
            }
            "ready" if self.last.is_empty() => self.watched.start.clone_from(&self.position),
            "ready" | "caught-up" | "checkpoint" | "page" => {}
            other => panic!("{self}: {other}: {event:?}"),
        }
        self.last = event.id;
    }

    /// The record, at the address that its cursor tells: the one number that moved, by one, as there are no holes.
    fn record(&self, event: &Event, before: &Position) -> Record {
        let moved: Vec<_> =
            self.position.iter().filter(|(place, next)| before.get(place) != Some(next)).collect();
        let [(place, next)] = moved[..] else { panic!("{self}: a record moved {moved:?} from {before:?}") };
        let (partition, offset) = (place.1, next - 1);
        assert_eq!(before.get(place), Some(&offset), "{self}: a record moved {place:?} from {before:?}");
        if self.watched.habit.query.contains("format=value") {
            return Record { partition, offset, value: event.data.clone() };
        }
        let said = said(event);
        assert_eq!((said.partition, said.offset), (partition, offset), "{self}");
        Record { partition, offset, value: said.value }
    }
}

impl std::fmt::Display for Viewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?} ({})", self.watched.habit, self.position, self.last)
    }
}

/// What an envelope says.
#[derive(Deserialize)]
struct Said {
    partition: i32,
    offset: i64,
    value: String,
}

fn said(event: &Event) -> Said {
    serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"))
}
