//! Somebody who writes records over HTTP, one after the other, while the process that answers is killed.
//!
//! Before them somebody writes a backlog natively. A record that got no answer is not sent again: whether it was written is for the ledger to say.

use crate::harness::{DEADLINE, Draft, Gateway, Writer};
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::RequestBuilder;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to wait before the next record after one that got no answer.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest value, in bytes: some do not fit into one segment of TCP, or into one write of a stream.
const LONGEST: usize = 20_000;

/// The size of a record of the backlog.
const BACKLOG_BYTES: usize = 2_000;

/// A record that was sent. No two have the same value.
pub struct Sent {
    pub value: String,
    pub fate: Fate,
}

/// What became of it.
pub enum Fate {
    /// Written, it was said: to this partition, at this offset.
    Acknowledged(i32, i64),
    /// Nobody listened: it never left.
    Refused,
    /// It may have left, and no answer came, or a part of one.
    Unknown,
}

/// Writes records of some size natively, `count` to each partition of an empty topic.
pub async fn write_backlog(writer: &Writer, topic: &str, partitions: usize, count: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    for partition in 0..partitions as i32 {
        let value = |n: usize| format!("backlog-{partition}-{n}-{}", "x".repeat(BACKLOG_BYTES));
        writer.write_all(topic, partition, (0..count).map(|n| Draft::value(value(n)))).await;
        let written = |n| Sent { value: value(n), fate: Fate::Acknowledged(partition, n as i64) };
        sent.extend((0..count).map(written));
    }
    sent
}

/// Writes until told that it is enough.
pub async fn write(
    gateway: Gateway,
    topic: String,
    writer: usize,
    mut random: StdRng,
    enough: Arc<AtomicBool>,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !enough.load(Ordering::Relaxed) {
        let longest = if random.random_bool(0.1) { LONGEST } else { 500 };
        let padding = "x".repeat(random.random_range(0..longest));
        let value = format!("{writer}-{}-{padding}", sent.len());
        let fate = fate(gateway.producing(&topic, "").body(value.clone())).await;
        let pause = match fate {
            Fate::Acknowledged(..) => Duration::from_millis(random.random_range(0..10)),
            Fate::Refused | Fate::Unknown => PAUSE,
        };
        sent.push(Sent { value, fate });
        tokio::time::sleep(pause).await;
    }
    sent
}

/// What a request comes to. Kafka is there all the time, so no answer but a receipt is in order.
async fn fate(request: RequestBuilder) -> Fate {
    let response = match request.timeout(DEADLINE).send().await {
        Ok(response) => response,
        Err(error) => {
            assert!(!error.is_timeout(), "no answer: {error}");
            return if error.is_connect() { Fate::Refused } else { Fate::Unknown };
        }
    };
    let status = response.status();
    let Ok(body) = response.bytes().await else { return Fate::Unknown };
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let receipt: Value = serde_json::from_slice(&body).expect("a receipt");
    let number = |name: &str| receipt[name].as_i64().unwrap_or_else(|| panic!("{name} in {receipt}"));
    Fate::Acknowledged(number("partition") as i32, number("offset"))
}
