//! What becomes of a record that was handed out as often as it may be: it goes to the dead-letter topic, or it is skipped.
//!
//! Nothing is committed over it before it is confirmed there; a record that cannot be written there is tried again and again,
//! and its partition's prefix waits for it.

use super::desk::Dead;
use super::station::Station;
use crate::kafka::Producer;
use crate::kafka::producer::Outgoing;
use crate::record::{Acks, Header, TopicName};
use crate::telemetry::Metrics;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after a record could not be taken away that is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where records go that are given up, as metrics tell it.
pub const GRAVES: [&str; 2] = ["dead_letter", "skipped"];

/// Takes records away that are given up.
#[derive(Clone)]
pub struct Burial {
    pub producer: Arc<Producer>,
    pub metrics: Arc<Metrics>,
}

impl Burial {
    /// Takes one away. It does not wait: what became of it is told to the station.
    pub fn bury(&self, station: &Arc<Station>, dead: Dead) {
        let (topic, partition, offset) =
            (dead.record.topic.clone(), dead.record.partition, dead.record.offset);
        let assignment = dead.assignment;
        let (told, metrics) = (Arc::downgrade(station), self.metrics.clone());
        let done = move |done: bool, grave: &'static str| {
            let Some(station) = told.upgrade() else { return };
            if done {
                metrics.groups.gave_up(grave);
            }
            let mut open = station.open();
            open.desk.bury(&(topic, partition), assignment, offset, done);
            open.look_by(Instant::now() + if done { Duration::ZERO } else { AGAIN });
            drop(open);
            station.nudge();
        };
        let Some(grave) = &station.delivery.dead_letter else {
            let Dead { record, attempts, .. } = &dead;
            tracing::warn!(
                group = %station.group, topic = %record.topic, partition, offset, attempts,
                "a record was handed out as often as it may be, and is skipped"
            );
            return done(true, GRAVES[1]);
        };
        let outgoing = letter(station, grave, dead);
        let group = station.group.clone();
        self.producer.send(
            &outgoing,
            Acks::All,
            Box::new(move |outcome| {
                if let Err(error) = &outcome {
                    tracing::warn!(%group, %error, "a record could not be written to the dead-letter topic");
                }
                done(outcome.is_ok(), GRAVES[0]);
            }),
        );
    }
}

/// The record as it was, with headers behind its own that say where it comes from and why.
fn letter(station: &Station, grave: &TopicName, dead: Dead) -> Outgoing {
    let Dead { record, attempts, nacked, .. } = dead;
    let why = if nacked { "nacked" } else { "ack_timeout" };
    let mut headers = record.headers;
    let mut add = |name: &str, value: String| {
        let header: Header = (format!("dead-letter-{name}").into(), Some(Bytes::from(value)));
        headers.push(header);
    };
    add("reason", why.to_owned());
    add("attempts", attempts.to_string());
    add("group", station.group.to_string());
    add("topic", record.topic.to_string());
    add("partition", record.partition.to_string());
    add("offset", record.offset.to_string());
    add("timestamp", record.timestamp.map(|at| at.to_string()).unwrap_or_default());
    // A header's name with a NUL byte could not be written; Kafka's own clients make none.
    headers.retain(|(name, _)| !name.contains('\0'));
    let (key, value) = (record.key, record.value);
    Outgoing { topic: grave.clone(), partition: None, key, value, headers, timestamp: None }
}
