//! What a stream of a group writes.

use super::Stream;
use crate::group::acks::Resumed;
use crate::group::desk::{Given, Stalled};
use crate::kafka::member::Partition;
use crate::telemetry::End;
use crate::wire::Event;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When a client is to come back that acknowledges by it.
const BACK: Duration = Duration::from_millis(500);

/// The data of `ready`.
#[derive(Serialize)]
struct Ready<'a> {
    topics: Vec<&'a str>,
    group: &'a str,
    /// How records are acknowledged.
    mode: &'a str,
    /// What became of the id that the client brought.
    ack: &'a str,
    window: usize,
    ack_timeout_ms: u128,
    heartbeat_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_ms: Option<u128>,
}

impl Stream {
    /// The first event: the terms, and what became of the id that the client brought.
    pub(super) fn write_ready(&mut self, resumed: Option<Resumed>, max_age: Option<Duration>) {
        let delivery = &self.work.delivery;
        let ready = Ready {
            topics: self.work.topics.iter().map(|topic| topic.as_str()).collect(),
            group: self.work.group.as_str(),
            mode: delivery.ack.as_str(),
            ack: match resumed {
                None => "none",
                Some(Resumed::Done) => "done",
                Some(Resumed::Dropped) => "dropped",
            },
            window: delivery.terms.window,
            ack_timeout_ms: delivery.terms.lease.as_millis(),
            heartbeat_ms: self.manner.heartbeat.as_millis(),
            max_age_ms: max_age.map(|age| age.as_millis()),
        };
        let data = serde_json::to_string(&ready).expect("texts and numbers serialize");
        // Lets the head of the response leave before there is a record.
        self.manner.format.write_preamble(&mut self.out);
        self.write("ready", Some(retry()), &data);
    }

    /// The member's partitions have come and gone.
    pub(super) fn write_moves(&mut self, partitions: BTreeSet<Partition>) {
        let before = std::mem::replace(&mut self.partitions, partitions);
        let gone: Vec<_> = before.difference(&self.partitions).cloned().collect();
        let come: Vec<_> = self.partitions.difference(&before).cloned().collect();
        for (name, moved) in [("revoked", gone), ("assigned", come)] {
            if !moved.is_empty() {
                let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
                for (topic, partition) in &moved {
                    topics.entry(topic.as_str()).or_default().push(*partition);
                }
                self.write(name, None, &json!({ "partitions": topics }).to_string());
            }
        }
    }

    /// Records, each with the id that acknowledges it.
    pub(super) fn write_records(&mut self, records: &[Given]) {
        for Given { record, attempt, address, .. } in records {
            let id = self.attached.station.ids.write(address);
            let written = self.manner.format.write_held(record, *attempt, &id, &mut self.out);
            written.expect("no form is asked for that a value may not have");
        }
    }

    /// A partition stands still.
    pub(super) fn write_stalled(&mut self, stalled: &Stalled) {
        let (topic, partition) = &stalled.partition;
        let stuck = u64::try_from(stalled.stuck.as_millis()).unwrap_or(u64::MAX);
        let data = json!({
            "topic": topic.as_str(), "partition": partition, "offset": stalled.offset,
            "attempts": stalled.attempts, "stuck_ms": stuck, "id": stalled.id,
        });
        self.write("stalled", None, &data.to_string());
    }

    /// The end, and when to come back.
    pub(super) fn write_drain(&mut self, end: End) {
        let back = if end == End::Ack { BACK } else { retry() };
        let data = json!({ "reason": end.as_str(), "reconnect": true }).to_string();
        self.write("drain", Some(back), &data);
    }

    fn write(&mut self, name: &str, retry: Option<Duration>, data: &str) {
        let event = Event { name, id: None, retry, data };
        self.manner.format.write_event(event, &mut self.out);
    }
}

/// Jittered, so that clients cut off together do not come back together.
fn retry() -> Duration {
    Duration::from_millis(rand::random_range(2000..3000))
}
