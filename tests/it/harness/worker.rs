//! A client that works off a group, whatever becomes of the gateway or of itself.
//!
//! Now and then it is killed: its connection is dropped amid a request or a batch, and somebody comes in its place who knows
//! nothing of it. Otherwise a break is only a break, and it goes on with what it holds.

use super::crowd::Mode;
use super::gateway::Gateway;
use super::handed::{Asking, Handed, Place};
use super::sse::Event;
use super::wire::{Came, Incoming, Wire};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a client is killed amid what it was handed, or while it waits.
const DEATH: f64 = 0.05;

/// After how much silence a stream is left, so that what it brought is acknowledged.
const SILENCE: Duration = Duration::from_millis(300);

/// How long to wait before asking again a gateway that did not answer.
const PAUSE: Duration = Duration::from_millis(20);

/// How long what nobody acknowledges is held.
const LEASE_MS: u64 = 1500;

/// How many records a stream brings at most before it breaks: less where that loses nothing.
const LONGEST: usize = 150;
const LONGEST_WRITTEN: usize = 2000;

/// A worker that has yet to begin.
pub struct Worker {
    pub gateway: Gateway,
    pub topic: String,
    pub group: String,
    pub handed: Arc<Handed>,
    pub random: StdRng,
    pub over: CancellationToken,
}

/// What the client of a stream has to come back with.
#[derive(Default)]
struct Memory {
    last: String,
    /// What came up to that and is not acknowledged.
    got: Vec<Place>,
}

impl Worker {
    /// Works until it is over.
    pub async fn work(mut self, mode: Mode) {
        match mode {
            Mode::Explicit => self.poll().await,
            Mode::Reconnect => {
                self.stream(&format!("ack=reconnect&window=100&ack_timeout={LEASE_MS}ms"), LONGEST).await;
            }
            Mode::Written => self.stream("ack=written", LONGEST_WRITTEN).await,
        }
    }

    async fn poll(&mut self) {
        let path = format!("/v1/groups/{}/poll", self.group);
        let (mut session, mut seq) = (self.random.random::<u32>(), 0_u64);
        let mut held: Vec<(Place, String)> = Vec::new();
        while !self.over.is_cancelled() {
            let ids: Vec<_> = held.iter().map(|(_, id)| id).collect();
            let body = json!({
                "topics": [self.topic], "from": "earliest", "wait_ms": 500, "max": 20, "ids": ids,
                "session": format!("w{session}"), "seq": seq, "ack_timeout_ms": LEASE_MS,
            });
            let asking = self.handed.ask();
            self.handed.send(held.iter().map(|(place, _)| place));
            let request = self.gateway.request("POST", &path).body(body.to_string());
            let reply = async {
                let response = request.send().await.ok()?;
                Some((response.status().as_u16(), response.bytes().await.ok()?))
            };
            let life = if self.dies() { self.random.random_range(0..100) } else { 30_000 };
            let Ok(reply) = tokio::time::timeout(Duration::from_millis(life), reply).await else {
                assert!(life < 30_000, "a poll is not answered");
                (session, seq, held) = (self.random.random(), 0, Vec::new());
                continue;
            };
            match reply {
                Some((200, body)) => {
                    let reply = serde_json::from_slice(&body).expect("JSON");
                    held = self.read(&asking, &reply, &held);
                    seq += 1;
                }
                Some((204, _)) => {
                    self.handed.confirm(held.iter().map(|(place, _)| place));
                    held.clear();
                    seq += 1;
                }
                Some((status, body)) if !matches!(status, 503 | 504) => {
                    panic!("{status}: {}", String::from_utf8_lossy(&body));
                }
                // Whether it acknowledged is not known: the ids may be sent again, and the number too.
                _ => tokio::time::sleep(PAUSE).await,
            }
            if self.dies() {
                (session, seq, held) = (self.random.random(), 0, Vec::new());
            }
        }
    }

    /// Takes a poll's reply: what became of the ids it brought, and the records that it holds now.
    fn read(&self, asking: &Asking, reply: &Value, brought: &[(Place, String)]) -> Vec<(Place, String)> {
        let fenced: Vec<_> =
            reply["fenced"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_fenced = |(_, id): &&(Place, String)| fenced.contains(&id.as_str());
        self.handed.refuse(brought.iter().filter(is_fenced).map(|(place, _)| place));
        self.handed.confirm(brought.iter().filter(|held| !is_fenced(held)).map(|(place, _)| place));
        let take = |record: &Value| {
            let number = |name: &str| record[name].as_i64().expect("a number");
            let place = (number("partition"), number("offset"));
            self.handed.take(asking, place);
            (place, record["id"].as_str().expect("an id").to_owned())
        };
        reply["records"].as_array().expect("records").iter().map(take).collect()
    }

    async fn stream(&mut self, mode: &str, longest: usize) {
        let query = format!("group={}&from=earliest&{mode}", self.group);
        let mut memory = Memory::default();
        while !self.over.is_cancelled() {
            let (asking, mut request) =
                (self.handed.ask(), Wire::Sse.request(&self.gateway, &self.topic, &query));
            if !memory.last.is_empty() {
                request = request.header("last-event-id", &memory.last);
                self.handed.send(&memory.got);
            }
            match Wire::Sse.open(request).await {
                Some(incoming) => {
                    let most = self.random.random_range(1..longest);
                    self.follow(incoming, most, &asking, &mut memory).await;
                }
                None => tokio::time::sleep(PAUSE).await,
            }
            if self.dies() {
                memory = Memory::default();
            }
        }
    }

    /// Reads a stream until it ends or breaks, or has brought so many records, or nothing for a while.
    async fn follow(&self, mut incoming: Incoming, mut left: usize, asking: &Asking, memory: &mut Memory) {
        while !self.over.is_cancelled() && left > 0 {
            match incoming.next(usize::MAX, SILENCE).await {
                Came::Events(events) => {
                    for event in events {
                        if event.kind == "message" {
                            left = left.saturating_sub(1);
                        }
                        self.see(&event, asking, memory);
                    }
                }
                Came::Nothing if memory.got.is_empty() => {}
                Came::Nothing | Came::End | Came::Break => break,
            }
        }
        // A drain or a fault would have it wait for longer.
        tokio::time::sleep(PAUSE).await;
    }

    fn see(&self, event: &Event, asking: &Asking, memory: &mut Memory) {
        match event.kind.as_str() {
            "message" => {
                let place = event.address();
                self.handed.take(asking, place);
                memory.last.clone_from(&event.id);
                memory.got.push(place);
            }
            "ready" => {
                let brought = std::mem::take(&mut memory.got);
                match event.json()["ack"].as_str() {
                    Some("done") => self.handed.confirm(&brought),
                    Some("dropped") => {
                        // What the same gateway holds of other partitions may have been acknowledged all the same.
                        let own = brought.last().map(|(partition, _)| *partition);
                        self.handed.refuse(brought.iter().filter(|(partition, _)| Some(*partition) == own));
                    }
                    _ => {}
                }
            }
            "assigned" | "revoked" | "stalled" | "drain" | "fault" | "ping" => {}
            other => panic!("{other}: {event:?}"),
        }
    }

    fn dies(&mut self) -> bool {
        self.random.random_bool(DEATH)
    }
}
