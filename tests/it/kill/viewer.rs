//! Somebody who watches a topic and comes back whenever the connection breaks, with the last id and nothing else.

use crate::harness::{DEADLINE, Event, Gateway, Parser, within};
use reqwest::Response;
use sluicegate::record::Cursor;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long to wait before asking again a gateway that did not answer.
const PAUSE: Duration = Duration::from_millis(20);

/// How often to look whether everything was seen.
const LOOK: Duration = Duration::from_millis(100);

/// A record as it was dispatched.
#[derive(Debug)]
pub struct Record {
    pub partition: usize,
    pub offset: i64,
    pub value: String,
}

/// What a viewer saw.
pub struct Watched {
    /// What it asked for.
    pub query: String,
    /// How many kills it lived through.
    pub kills: usize,
    /// Where it began, by partition: the positions of the first `ready`.
    pub start: Vec<i64>,
    pub seen: Vec<Record>,
    /// How often the connection broke after records had come on it.
    pub cut_amid: usize,
}

/// A viewer of a topic that has yet to end.
pub struct Viewer {
    gateway: Gateway,
    topic: String,
    /// The id of the last event that was dispatched, as an EventSource keeps it.
    last_id: String,
    /// The same as numbers: the next offset of each partition.
    next: Vec<i64>,
    watched: Watched,
}

impl Viewer {
    pub fn new(gateway: Gateway, topic: String, query: String, kills: usize) -> Self {
        let watched = Watched { query, kills, start: Vec::new(), seen: Vec::new(), cut_amid: 0 };
        Self { gateway, topic, last_id: String::new(), next: Vec::new(), watched }
    }

    /// Watches until it stands at the ends that `told` gives sooner or later, and sees nothing of it again.
    pub async fn watch(mut self, told: watch::Receiver<Option<Vec<i64>>>) -> Watched {
        let mut waited = None;
        while !self.has_all(&told) {
            if told.borrow().is_some() {
                let since = *waited.get_or_insert_with(Instant::now);
                assert!(since.elapsed() < DEADLINE, "{}: only up to {:?}", self.watched.query, self.next);
            }
            match self.connect().await {
                Some(response) => self.read(response, &told).await,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
        self.see_nothing_more().await;
        self.watched
    }

    fn has_all(&self, told: &watch::Receiver<Option<Vec<i64>>>) -> bool {
        told.borrow().as_ref().is_some_and(|ends| self.next == *ends)
    }

    /// A stream from where the last one broke, if anybody answers.
    async fn connect(&self) -> Option<Response> {
        let mut request = self.gateway.streaming(&self.topic, &self.watched.query);
        if !self.last_id.is_empty() {
            request = request.header("Last-Event-ID", &self.last_id);
        }
        let response = within("a head or a refusal", request.send()).await.ok()?;
        assert_eq!(response.status(), 200, "{}", self.watched.query);
        assert_eq!(
            response.headers()["kafka-stream-loss"],
            "none",
            "{} {}",
            self.watched.query,
            self.last_id
        );
        Some(response)
    }

    /// Reads until the connection breaks or everything was seen.
    async fn read(&mut self, mut response: Response, told: &watch::Receiver<Option<Vec<i64>>>) {
        let (mut parser, mut events, before) = (Parser::default(), VecDeque::new(), self.watched.seen.len());
        let begun = Instant::now();
        while !self.has_all(told) {
            assert!(
                begun.elapsed() < DEADLINE,
                "{}: one stream stands at {:?}",
                self.watched.query,
                self.next
            );
            match tokio::time::timeout(LOOK, response.chunk()).await {
                Err(_) => {}
                Ok(Ok(Some(chunk))) => {
                    parser.take(&chunk, &mut events);
                    events.drain(..).for_each(|event| self.take(event));
                }
                // Killed, it ends no stream in good order.
                Ok(Ok(None)) => panic!("{}: the stream was ended at {:?}", self.watched.query, self.next),
                Ok(Err(_)) => {
                    self.watched.cut_amid += usize::from(self.watched.seen.len() > before);
                    return;
                }
            }
        }
    }

    /// Comes back once more, to a log that it has read to its end.
    async fn see_nothing_more(&mut self) {
        let mut response = self.connect().await.expect("nobody kills it any more");
        let (mut parser, mut events, seen) = (Parser::default(), VecDeque::new(), self.watched.seen.len());
        let mut caught_up = false;
        while !caught_up {
            let chunk = within("caught-up", response.chunk()).await.expect("the connection holds");
            parser.take(&chunk.expect("the stream goes on"), &mut events);
            caught_up = events.iter().any(|event| event.kind == "caught-up");
            events.drain(..).for_each(|event| self.take(event));
        }
        assert_eq!(self.watched.seen.len(), seen, "{}: seen again", self.watched.query);
    }

    fn take(&mut self, event: Event) {
        let before = std::mem::replace(&mut self.next, numbers(&event.id));
        self.last_id.clone_from(&event.id);
        match event.kind.as_str() {
            "message" => {
                let record = self.record(&event, &before);
                self.watched.seen.push(record);
            }
            "ready" if before.is_empty() => self.watched.start.clone_from(&self.next),
            "ready" | "caught-up" => {}
            other => panic!("{}: {other}: {event:?}", self.watched.query),
        }
    }

    /// The record, at the address that its id tells: the one number that moved, by one, as no transaction leaves holes.
    fn record(&self, event: &Event, before: &[i64]) -> Record {
        let moved: Vec<_> = (0..self.next.len()).filter(|p| before.get(*p) != self.next.get(*p)).collect();
        let [partition] = moved[..] else { panic!("a record moved {before:?} to {:?}", self.next) };
        let offset = before[partition];
        assert_eq!(self.next[partition], offset + 1, "{}: {before:?} to {:?}", self.watched.query, self.next);
        if self.watched.query.contains("format=value") {
            return Record { partition, offset, value: event.data.clone() };
        }
        let envelope = event.json();
        assert_eq!((&envelope["partition"], &envelope["offset"]), (&partition.into(), &offset.into()));
        let value = envelope["value"].as_str().expect("a text").to_owned();
        Record { partition, offset, value }
    }
}

fn numbers(id: &str) -> Vec<i64> {
    let mut cursor = Cursor::parse(id).expect("every id is a cursor");
    assert_eq!(cursor.segments.len(), 1, "{id}");
    cursor.segments.remove(0).next
}
