//! A client that is cut off at random and knows nothing but the last cursor it was given.
//!
//! Each time it comes back it asks in another way, and for the values in another form; the cursor is the same.

use super::decode::Form;
use crate::harness::{Came, CursorReader, DEADLINE, Event, Gateway, Incoming, Position, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A connection that has caught up and on which nothing comes for so long is cut as well.
const QUIET: Duration = Duration::from_millis(60);

/// How long what is left may take to be read.
const LAST: Duration = Duration::from_secs(15);

/// The ways it asks: every way of reading, with the forms that a value may have there.
const ASKS: [(Wire, Form); 10] = [
    (Wire::Sse, Form::Auto),
    (Wire::Sse, Form::Text),
    (Wire::Sse, Form::Base64),
    (Wire::Sse, Form::Value),
    (Wire::Ndjson, Form::Auto),
    (Wire::Ndjson, Form::Text),
    (Wire::Ndjson, Form::Base64),
    (Wire::Page, Form::Auto),
    (Wire::Page, Form::Text),
    (Wire::Page, Form::Base64),
];

/// A record as it was dispatched.
#[derive(Debug)]
pub struct Seen {
    pub form: Form,
    /// Where the cursor that came with it says it stands. Several numbers may have moved: in each other partition, past
    /// offsets that are no records. Nothing is said of the records of a page, which have one cursor together.
    pub moved: Option<Vec<(String, i32, i64)>>,
    pub event: Event,
}

/// The client.
pub struct Client {
    gateway: Gateway,
    /// As the path names them: a list, with patterns.
    topics: String,
    cursors: CursorReader,
    random: StdRng,
    /// The last cursor that was dispatched, and its numbers.
    last: String,
    position: Position,
    /// The numbers it began with.
    start: Position,
    seen: Vec<Seen>,
    /// How often it was cut while more was coming, by the way it asked: SSE, NDJSON, page.
    pub cut_amid: [usize; 3],
}

impl Client {
    pub fn new(gateway: Gateway, topics: String, cursors: CursorReader, seed: u64) -> Self {
        Self {
            gateway,
            topics,
            cursors,
            random: StdRng::seed_from_u64(seed),
            last: String::new(),
            position: Position::new(),
            start: Position::new(),
            seen: Vec::new(),
            cut_amid: [0; 3],
        }
    }

    /// How many records it has seen so far.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Where it began.
    pub fn start(&self) -> &Position {
        &self.start
    }

    /// Where it began, and what was dispatched, in that order.
    pub fn into_seen(self) -> (Position, Vec<Seen>) {
        (self.start, self.seen)
    }

    /// Reads until a stream has told where it stands. It begins at the end: only cursors can lose nothing.
    pub async fn begin(&mut self) {
        let mut incoming = self.connect(Wire::Sse, "from=latest").await;
        while self.last.is_empty() {
            let Came::Events(events) = incoming.next(usize::MAX, DEADLINE).await else {
                panic!("the stream begins")
            };
            self.take((Wire::Sse, Form::Auto), events);
        }
        self.start = self.position.clone();
    }

    /// Reads on one connection, uncut, until as many records were seen as `told` says sooner or later, or no more come.
    pub async fn stay(&mut self, wire: Wire, told: watch::Receiver<Option<usize>>) {
        let (mut since, ask) = (None, (wire, Form::Auto));
        let query = self.query(ask);
        let mut incoming = self.connect(wire, &query).await;
        while told.borrow().is_none_or(|records| self.seen.len() < records) {
            if told.borrow().is_some() && since.get_or_insert_with(Instant::now).elapsed() > LAST {
                // What is missing is found when the records are compared.
                return;
            }
            match incoming.next(usize::MAX, QUIET).await {
                Came::Events(events) => self.take(ask, events),
                Came::Nothing => {}
                other => panic!("{query}: {other:?}"),
            }
        }
    }

    /// Comes back and reads, is cut off, and again, until this was so `cuts` times; `told` counts them for all.
    pub async fn be_cut(&mut self, cuts: usize, told: &AtomicUsize) {
        let mut cut = 0;
        while cut < cuts {
            if self.read_until_cut().await {
                cut += 1;
                told.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Reads up to a random byte of what comes, or until nothing comes for a while, and hangs up. Whether it came to
    /// that: a page may be over before.
    async fn read_until_cut(&mut self) -> bool {
        let ask = ASKS[self.random.random_range(0..ASKS.len())];
        let mut left: usize = match self.random.random_range(0..100) {
            // In step with the writers there are pages of one record.
            0..50 if ask.0 == Wire::Page => self.random.random_range(1..500),
            0..50 => self.random.random_range(1..4_000),
            50..85 => self.random.random_range(1..40_000),
            // More than the largest record, so that every record is passed sooner or later.
            _ => self.random.random_range(150_000..500_000),
        };
        let query = self.query(ask);
        let (mut incoming, mut patience) = (self.connect(ask.0, &query).await, DEADLINE);
        while left > 0 {
            let before = incoming.taken;
            match incoming.next(left, patience).await {
                Came::Events(events) => {
                    left -= incoming.taken - before;
                    if events.iter().any(|event| event.kind == "caught-up") {
                        patience = QUIET;
                    }
                    self.take(ask, events);
                }
                Came::Nothing => {
                    assert_eq!(patience, QUIET, "{query}: nothing came before caught-up");
                    return true;
                }
                Came::End if ask.0 == Wire::Page => return false,
                other => panic!("{query}: {other:?}"),
            }
        }
        self.cut_amid[ask.0 as usize] += 1;
        true
    }

    /// Reads by `wire` until this many records were seen in all and it has caught up, or no more come.
    pub async fn read_all(&mut self, wire: Wire, records: usize) {
        let (begun, mut done, ask) = (Instant::now(), false, (wire, Form::Auto));
        while !done || self.seen.len() < records {
            let query = self.query(ask);
            let mut incoming = self.connect(wire, &query).await;
            while !done || self.seen.len() < records {
                if begun.elapsed() > LAST {
                    // What is missing is found when the records are compared.
                    return;
                }
                match incoming.next(usize::MAX, QUIET).await {
                    Came::Nothing => {}
                    Came::Events(events) => {
                        let records = events.iter().any(|event| event.kind == "message");
                        done |= events.iter().any(|event| event.kind == "caught-up");
                        done |= wire == Wire::Page && !records;
                        self.take(ask, events);
                    }
                    Came::End if wire == Wire::Page => break,
                    other => panic!("{query}: {other:?}"),
                }
            }
        }
    }

    /// What to ask for, at random as far as it makes no difference to what is seen in the end.
    fn query(&mut self, (wire, form): (Wire, Form)) -> String {
        let mut query = match form {
            Form::Value => "format=value".to_owned(),
            Form::Auto => "value=auto".to_owned(),
            Form::Text => "value=text".to_owned(),
            Form::Base64 => "value=base64".to_owned(),
        };
        if wire == Wire::Page {
            let max = self.random.random_range(1..200);
            let max_bytes = 1 << self.random.random_range(0..20);
            let wait = self.random.random_range(0..200);
            query.push_str(&format!("&max={max}&max_bytes={max_bytes}&wait={wait}ms"));
        }
        query
    }

    /// Asks anew, with the last cursor in one of the places that it may stand in.
    async fn connect(&mut self, wire: Wire, query: &str) -> Incoming {
        let last = self.last.as_str();
        let place = if last.is_empty() { None } else { Some(self.random.random_range(0..3)) };
        let query = match place {
            Some(0) => format!("{query}&last_event_id={last}"),
            Some(1) => format!("{query}&from={last}"),
            Some(_) if wire == Wire::Page => format!("{query}&from={last}"),
            _ => query.to_owned(),
        };
        let mut request = wire.request(&self.gateway, &self.topics, &query);
        if place == Some(2) && wire != Wire::Page {
            request = request.header("Last-Event-ID", last);
        }
        wire.open(request).await.expect("the gateway answers")
    }

    fn take(&mut self, (wire, form): (Wire, Form), events: VecDeque<Event>) {
        for event in events {
            match (event.kind.as_str(), wire) {
                ("message", Wire::Page) => self.seen.push(Seen { form, moved: None, event }),
                ("message" | "binary" | "tombstone", _) => {
                    let moved = Some(self.go_to(&event.id));
                    self.seen.push(Seen { form, moved, event });
                }
                ("page", Wire::Page) | ("ready" | "caught-up" | "checkpoint", Wire::Sse | Wire::Ndjson) => {
                    self.go_to(&event.id);
                }
                ("ping", _) => {}
                (other, _) => panic!("{other}: {event:?}"),
            }
        }
    }

    /// Takes a cursor, and gives the partitions whose number it moved, each with the offset before that number.
    fn go_to(&mut self, cursor: &str) -> Vec<(String, i32, i64)> {
        let position = self.cursors.read(cursor);
        // Partitions and topics that join are read from their beginning.
        let before = |place: &(String, i32)| self.position.get(place).copied().unwrap_or(0);
        let mut moved = Vec::new();
        for (place, next) in &position {
            let before = before(place);
            assert!(*next >= before, "{cursor} goes back from {before} to {next} in {place:?}");
            if *next > before {
                moved.push((place.0.clone(), place.1, next - 1));
            }
        }
        let kept = self.position.keys().all(|place| position.contains_key(place));
        assert!(kept, "{cursor} forgets a partition of {:?}", self.position);
        self.position = position;
        self.last = cursor.to_owned();
        moved
    }
}
