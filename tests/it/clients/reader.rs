//! What a client hands on, read line by line and held against the ids it comes with.

use super::feed::Feed;
use crate::harness::{Entry, Event};
use crate::stream::property::decode::{self, Form};
use serde::Deserialize;
use serde_json::value::RawValue;
use sluicegate::record::Cursor;

/// A record as a client handed it on, with the address that its id tells: the one number that moved.
#[derive(Debug)]
pub struct Seen {
    pub partition: usize,
    pub offset: i64,
    pub event: Event,
}

/// A client that is read from.
pub struct Reader {
    pub feed: Feed,
    /// The numbers of the last id.
    position: Vec<i64>,
    /// The records, in the order in which they were handed on.
    pub seen: Vec<Seen>,
    /// The events beside them, by name.
    pub others: Vec<String>,
}

/// A line of a client.
#[derive(Deserialize)]
struct Line<'a> {
    event: String,
    id: String,
    /// A string; from a shell, which has none, the object itself.
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Reader {
    pub fn new(feed: Feed) -> Self {
        Self { feed, position: Vec::new(), seen: Vec::new(), others: Vec::new() }
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        let line = self.feed.line().await;
        let line = line.unwrap_or_else(|| panic!("the client ended: {}", self.feed.said()));
        let Line { event, id, data } =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned());
        Event { kind: event, id, data: text, retry: None }
    }

    /// Reads until this many records were handed on.
    pub async fn read(&mut self, records: usize) {
        while self.seen.len() < records {
            let event = self.event().await;
            match event.kind.as_str() {
                "message" | "tombstone" | "binary" => {
                    let (partition, offset) = self.step(&event);
                    self.seen.push(Seen { partition, offset, event });
                }
                "ready" => {
                    assert_eq!(event.json()["loss"], "none", "{event:?}");
                    let position = numbers(&event.id);
                    if !self.position.is_empty() {
                        assert_eq!(position, self.position, "it came back elsewhere: {}", self.feed.said());
                    }
                    self.position = position;
                    self.others.push(event.kind);
                }
                "caught-up" | "checkpoint" | "drain" | "ping" => self.others.push(event.kind),
                other => panic!("{other}: {event:?}; {}", self.feed.said()),
            }
        }
    }

    /// What the id of a record says about its address.
    fn step(&mut self, event: &Event) -> (usize, i64) {
        let (before, after) = (std::mem::take(&mut self.position), numbers(&event.id));
        let mut moved = (0..after.len()).filter(|p| before.get(*p) != after.get(*p));
        let (Some(partition), None) = (moved.next(), moved.next()) else {
            panic!("a record moved {before:?} to {after:?}: {event:?}; {}", self.feed.said());
        };
        assert_eq!(Some(&(after[partition] - 1)), before.get(partition), "{event:?}");
        self.position = after;
        (partition, self.position[partition] - 1)
    }

    /// That every entry of the ledger was handed on once, in the order of its partition, as it was written.
    pub fn compare(&mut self, ledger: &[Entry], form: Form) {
        self.seen.sort_by_key(|seen| seen.partition);
        let seen: Vec<_> = self.seen.iter().map(|seen| (seen.partition as i32, seen.offset)).collect();
        let written: Vec<_> = ledger.iter().map(|entry| (entry.partition, entry.offset)).collect();
        if seen != written {
            let at = seen.iter().zip(&written).position(|(seen, written)| seen != written);
            panic!("{} seen, {} written, the first that differs: {at:?}", seen.len(), written.len());
        }
        for (seen, entry) in self.seen.iter().zip(ledger) {
            decode::check(&seen.event, form, entry)
                .unwrap_or_else(|reason| panic!("{reason}\n{seen:?}\n{entry:?}"));
        }
    }
}

fn numbers(id: &str) -> Vec<i64> {
    // Some clients could not send others back.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    assert!(id.bytes().all(is_plain), "{id:?}");
    let mut cursor = Cursor::parse(id).unwrap_or_else(|error| panic!("the id {id:?}: {error}"));
    assert_eq!(cursor.segments.len(), 1, "{id}");
    cursor.segments.remove(0).next
}
