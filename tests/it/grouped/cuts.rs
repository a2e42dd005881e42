//! Acknowledging by coming back, while connections are cut wherever they are: an hour of records in time-lapse.
//!
//! Whoever comes back with the id of the last record that it was handed has acknowledged all that it was handed, so nothing of
//! that may ever come again; what was cut off on its way comes again, and is nobody's repeat.

use super::Worked;
use crate::clients::feed::{Client, Feed, pages};
use crate::harness::{Context, Cut, DEADLINE, Draft, Parser, Relay, Test, seed};
use crate::tests;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        chromiums_event_source_works_a_queue_off_through_cuts needs [Chromium],
        a_client_that_comes_back_with_any_of_its_ids_repeats_only_what_that_left_out,
    ]
}

const PARTITIONS: i32 = 3;

/// One a second for an hour.
const RECORDS: usize = 3_600;

/// Where a record is.
type Place = (i64, i64);

/// What the clients of a group were handed.
#[derive(Default)]
struct Seen {
    /// Since the last acknowledgement, with their ids, in order.
    open: Vec<(String, Place)>,
    acknowledged: HashSet<Place>,
    all: BTreeSet<Place>,
    repeated: usize,
}

impl Seen {
    fn take(&mut self, id: &str, record: &Value) {
        let number = |name: &str| record[name].as_i64().expect("a number");
        let place = (number("partition"), number("offset"));
        assert!(!self.acknowledged.contains(&place), "{place:?} was acknowledged, and comes again");
        self.repeated += usize::from(!self.all.insert(place));
        self.open.push((id.to_owned(), place));
    }

    /// Everything up to this id is acknowledged; what came behind it is not.
    fn acknowledge(&mut self, id: &str) {
        let upto = self.open.iter().rposition(|(given, _)| given == id).map_or(0, |at| at + 1);
        self.acknowledged.extend(self.open.drain(..).take(upto).map(|(_, place)| place));
    }
}

/// Writes a part of all records, evenly over the partitions.
async fn write(worked: &Worked, part: std::ops::Range<usize>) {
    let writer = worked.kafka.writer();
    for partition in 0..PARTITIONS {
        let mine = part.clone().filter(|number| *number % PARTITIONS as usize == partition as usize);
        let drafts = mine.map(|number| Draft::value(format!("{{\"number\":{number}}}")));
        writer.write_all(&worked.topic, partition, drafts).await;
    }
}

/// What is committed when everything is.
fn all_of_it() -> [i64; PARTITIONS as usize] {
    [RECORDS as i64 / i64::from(PARTITIONS); PARTITIONS as usize]
}

/// A line of a page.
#[derive(Deserialize)]
struct Line {
    event: String,
    id: String,
    data: String,
}

async fn chromiums_event_source_works_a_queue_off_through_cuts(context: Context) {
    let seed = seed("grouped-cuts");
    let mut random = StdRng::seed_from_u64(seed);
    let worked = Worked::new(&context, context.gateway().await, PARTITIONS).await;
    let cuts: Vec<_> = (0..6)
        .map(|_| match random.random_range(0..3) {
            // Amid the head of an answer only a reset will do: Chromium takes a head that ends too soon for a whole one, without
            // the type of a stream, and gives up for ever.
            0 => Cut::Reset(random.random_range(1..400)),
            1 => Cut::Reset(random.random_range(2_000..150_000)),
            _ => Cut::Closed(random.random_range(2_000..150_000)),
        })
        .collect();
    let (relay, told) = Relay::start(worked.gateway.address(), cuts, pages()).await;
    write(&worked, 0..RECORDS / 2).await;
    let stream =
        format!("/v1/topics/{}/stream?group={}&from=earliest&window=1000", worked.topic, worked.group);
    let mut feed = Feed::start(Client::Page("event_source.html"), &relay, told, &stream);
    let (mut seen, mut last, mut drained, mut half) = (Seen::default(), String::new(), 0, false);
    while seen.all.len() < RECORDS {
        let line = feed.line().await.expect("the page goes on");
        let Line { event, id, data } = serde_json::from_str(&line).expect("a line of the page");
        assert_ne!(event, "closed", "seed {seed}: it will never come back");
        let data: Value = serde_json::from_str(&data).expect("JSON");
        match event.as_str() {
            "ready" => {
                assert_eq!(data["ack"], if last.is_empty() { "none" } else { "done" }, "seed {seed}");
                seen.acknowledge(&last);
            }
            "message" => {
                seen.take(&id, &data);
                last = id;
            }
            "drain" => {
                assert_eq!(data["reason"], "ack");
                drained += 1;
            }
            other => panic!("seed {seed}: {other}: {data}"),
        }
        if !half && seen.all.len() >= RECORDS / 2 {
            half = true;
            relay.cut_all();
            write(&worked, RECORDS / 2..RECORDS).await;
        }
    }
    // What it holds is acknowledged by coming back, which its stream asks it for before long.
    worked.until_committed(&all_of_it()).await;
    assert_eq!(seen.repeated, 0, "seed {seed}: an EventSource always brings its last id back");
    println!("{RECORDS} records once, {drained} times asked back, {} cuts", relay.cuts());
}

async fn a_client_that_comes_back_with_any_of_its_ids_repeats_only_what_that_left_out(context: Context) {
    let seed = seed("grouped-ids");
    let mut random = StdRng::seed_from_u64(seed);
    let worked = Worked::new(&context, context.gateway().await, PARTITIONS).await;
    write(&worked, 0..RECORDS).await;
    let (mut seen, mut brought, mut comings) = (Seen::default(), None::<String>, 0);
    // An id may have acknowledged though the answer to it was cut off, so it is the brokers who say when all is done.
    while seen.all.len() < RECORDS || worked.committed(PARTITIONS).await != all_of_it() {
        comings += 1;
        // Short, so that who loses its id is handed the same again soon; the window makes the others come back.
        let mut request = worked.streaming("window=600&ack_timeout=300ms");
        if let Some(id) = &brought {
            request = request.header("last-event-id", id);
        }
        let mut response = request.send().await.expect("the gateway is there");
        assert_eq!(response.status(), 200);
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        // It is cut after so many bytes, wherever that is in a frame, or reads until it is asked back.
        let mut left = if random.random_bool(0.4) { random.random_range(0..60_000) } else { usize::MAX };
        while left > 0 {
            let over = seen.all.len() == RECORDS;
            // In the end it may be that nothing is left to be handed out, and the commit is still to come.
            let patience = if over { Duration::from_millis(500) } else { DEADLINE };
            let Ok(chunk) = tokio::time::timeout(patience, response.chunk()).await else {
                assert!(over, "seed {seed}: the stream stands still");
                break;
            };
            let Some(chunk) = chunk.expect("nobody else cuts it") else { break };
            let some = chunk.len().min(left);
            left -= some;
            parser.take(&chunk[..some], &mut events);
            for event in std::mem::take(&mut events) {
                match event.kind.as_str() {
                    "ready" => {
                        let ack = &event.json()["ack"];
                        assert_eq!(*ack, if brought.is_some() { "done" } else { "none" }, "seed {seed}");
                        seen.acknowledge(brought.as_deref().unwrap_or_default());
                    }
                    "message" => seen.take(&event.id, &event.json()),
                    "drain" | "assigned" => {}
                    other => panic!("seed {seed}: {other}: {event:?}"),
                }
            }
            if seen.all.len() == RECORDS && !seen.open.is_empty() {
                // All that is left to do is to come back.
                break;
            }
        }
        drop(response);
        brought = match random.random_range(0..10) {
            0 => None,
            1 if !seen.open.is_empty() => Some(seen.open[random.random_range(0..seen.open.len())].0.clone()),
            _ => seen.open.last().map(|(id, _)| id.clone()),
        };
    }
    println!("{RECORDS} records, {comings} comings, {} repeated", seen.repeated);
}
