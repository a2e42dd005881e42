//! A client that is cut off at random and knows nothing but the last id it was given.

use crate::harness::{DEADLINE, Event, Gateway, Parser, within};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sluicegate::record::Cursor;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A connection that has caught up and on which nothing comes for so long is cut as well.
const QUIET: Duration = Duration::from_millis(60);

/// A record as it was dispatched. Its address is read off its id: the one number that moved.
#[derive(Debug)]
pub struct Seen {
    pub partition: usize,
    pub offset: i64,
    pub event: Event,
}

/// The client.
pub struct Client<'a> {
    gateway: &'a Gateway,
    topic: &'a str,
    format: &'a str,
    seed: u64,
    random: StdRng,
    /// The id of the last event that was dispatched, as an EventSource keeps it.
    last_id: String,
    seen: Vec<Seen>,
    /// How often the connection was cut while more was coming.
    pub cut_amid: usize,
}

impl<'a> Client<'a> {
    pub fn new(gateway: &'a Gateway, topic: &'a str, format: &'a str, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { gateway, topic, format, seed, random, last_id: String::new(), seen: Vec::new(), cut_amid: 0 }
    }

    /// What was dispatched, in that order.
    pub fn into_seen(self) -> Vec<Seen> {
        self.seen
    }

    /// Reads until the stream has told where it stands.
    pub async fn read_past_ready(&mut self) {
        let mut connection = self.connect().await;
        while self.last_id.is_empty() {
            let events = connection.read(usize::MAX, DEADLINE).await.expect("the stream begins");
            self.take(events);
        }
    }

    /// Reads up to a random byte of what comes, or until nothing comes for a while, and hangs up.
    pub async fn read_until_cut(&mut self) {
        let mut left: usize = match self.random.random_range(0..100) {
            0..60 => self.random.random_range(0..4_000),
            60..97 => self.random.random_range(0..20_000),
            // More than the largest record, so that every record is passed sooner or later.
            _ => self.random.random_range(150_000..500_000),
        };
        let (mut connection, mut patience) = (self.connect().await, DEADLINE);
        while left > 0 {
            let before = connection.taken;
            let Some(events) = connection.read(left, patience).await else {
                assert_eq!(patience, QUIET, "seed {}: nothing came before caught-up", self.seed);
                return;
            };
            left -= connection.taken - before;
            if events.iter().any(|event| event.kind == "caught-up") {
                patience = QUIET;
            }
            self.take(events);
        }
        self.cut_amid += 1;
    }

    /// Reads until this many records were seen in all, and to the end of what there is.
    pub async fn read_all(&mut self, records: usize) {
        let (mut connection, begun, mut caught_up) = (self.connect().await, Instant::now(), false);
        while self.seen.len() < records || !caught_up {
            assert!(begun.elapsed() < DEADLINE, "seed {}: {} of {records}", self.seed, self.seen.len());
            let events = connection.read(usize::MAX, DEADLINE).await.expect("the stream goes on");
            caught_up |= events.iter().any(|event| event.kind == "caught-up");
            self.take(events);
        }
    }

    async fn connect(&self) -> Connection {
        let query = format!("from=latest&format={}", self.format);
        let mut request = self.gateway.streaming(self.topic, &query);
        if !self.last_id.is_empty() {
            request = request.header("Last-Event-ID", &self.last_id);
        }
        let response = within("a head", request.send()).await.expect("a reply");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["kafka-stream-loss"], "none", "seed {}", self.seed);
        Connection { response, parser: Parser::default(), taken: 0 }
    }

    fn take(&mut self, events: VecDeque<Event>) {
        for event in events {
            match event.kind.as_str() {
                "message" | "binary" | "tombstone" => {
                    let (partition, offset) = self.address(&event.id);
                    self.last_id.clone_from(&event.id);
                    self.seen.push(Seen { partition, offset, event });
                }
                "ready" | "caught-up" => self.last_id = event.id,
                other => panic!("seed {}: {other}: {event:?}", self.seed),
            }
        }
    }

    /// The one partition whose number this id moved, and the offset before that number.
    fn address(&self, id: &str) -> (usize, i64) {
        let (before, after) = (numbers(&self.last_id), numbers(id));
        let mut moved = (0..after.len()).filter(|p| before[*p] != after[*p]);
        match (moved.next(), moved.next()) {
            (Some(partition), None) if after[partition] > before[partition] => {
                (partition, after[partition] - 1)
            }
            _ => panic!("seed {}: a record moved {before:?} to {after:?}", self.seed),
        }
    }
}

fn numbers(id: &str) -> Vec<i64> {
    let mut cursor = Cursor::parse(id).expect("every id is a cursor");
    assert_eq!(cursor.segments.len(), 1, "{id}");
    cursor.segments.remove(0).next
}

struct Connection {
    response: reqwest::Response,
    parser: Parser,
    /// Bytes parsed so far.
    taken: usize,
}

impl Connection {
    /// The events of the next bytes, of which no more than `left` are looked at; `None` when none came in time.
    async fn read(&mut self, left: usize, patience: Duration) -> Option<VecDeque<Event>> {
        let chunk = tokio::time::timeout(patience, self.response.chunk()).await.ok()?;
        let chunk = chunk.expect("the connection holds").expect("the stream goes on");
        let chunk = &chunk[..chunk.len().min(left)];
        let mut events = VecDeque::new();
        self.parser.take(chunk, &mut events);
        self.taken += chunk.len();
        Some(events)
    }
}
