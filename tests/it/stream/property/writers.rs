//! Who writes while clients read: over HTTP, natively, and in transactions of which many are aborted.

use super::content;
use crate::harness::{Draft, Gateway, Kafka, send};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::Duration;
use tokio::sync::watch;

/// How many records a writer writes without a pause: readers are behind for long, so that cuts find them amid a
/// backlog, and then in step.
const BURST: usize = 400;

/// The topics and partitions that are written to by now. None: enough was written.
pub type Places = watch::Receiver<Vec<(String, i32)>>;

/// What became of the transactions.
#[derive(Debug, Default)]
pub struct Transactions {
    pub committed: usize,
    pub aborted: usize,
}

pub async fn write_natively(kafka: Kafka, mut places: Places, mut random: StdRng) -> Transactions {
    let mut writer = kafka.writer();
    for written in 0.. {
        if places.has_changed().is_ok_and(|changed| changed) {
            // What was added meanwhile is known to a newcomer at once.
            places.mark_unchanged();
            writer = kafka.writer();
        }
        let Some((topic, partition)) = choose(&places, &mut random) else { break };
        writer.write(&topic, partition, &content::native(&mut random)).await;
        pause(&mut random, written).await;
    }
    Transactions::default()
}

pub async fn write_by_http(gateway: Gateway, places: Places, mut random: StdRng) -> Transactions {
    for written in 0.. {
        let Some((topic, partition)) = choose(&places, &mut random) else { break };
        let Draft { key, value, headers } = content::over_http(&mut random);
        let mut query = vec![("partition", partition.to_string())];
        query.extend(key.map(|key| ("key_base64", STANDARD.encode(key))));
        for (name, value) in headers {
            let value = STANDARD.encode(value.unwrap_or_default());
            query.push(("header_base64", format!("{name}:{value}")));
        }
        if value.is_none() {
            query.push(("tombstone", "true".to_owned()));
        }
        let request = gateway.producing(&topic, "").query(&query).body(value.unwrap_or_default());
        send(request).await.receipt();
        pause(&mut random, written).await;
    }
    Transactions::default()
}

/// Transactions of a few records in a few partitions, open for a while.
pub async fn write_in_transactions(
    kafka: Kafka,
    id: String,
    mut places: Places,
    mut random: StdRng,
) -> Transactions {
    let (mut done, mut written) = (Transactions::default(), 0);
    let mut writer = kafka.transactional_writer(&id).await;
    loop {
        if places.has_changed().is_ok_and(|changed| changed) {
            places.mark_unchanged();
            writer = kafka.transactional_writer(&id).await;
        }
        if places.borrow().is_empty() {
            return done;
        }
        writer.begin().await;
        for _ in 0..random.random_range(1..12) {
            let Some((topic, partition)) = choose(&places, &mut random) else { break };
            // One that was added since this writer began is for the next.
            if places.has_changed().is_ok_and(|changed| changed) {
                break;
            }
            writer.write(&topic, partition, &content::native(&mut random)).await;
            written += 1;
            pause(&mut random, written).await;
        }
        if random.random_bool(0.5) {
            writer.abort().await;
            done.aborted += 1;
        } else {
            writer.commit().await;
            done.committed += 1;
        }
        pause(&mut random, written).await;
    }
}

fn choose(places: &Places, random: &mut StdRng) -> Option<(String, i32)> {
    let places = places.borrow();
    let number = random.random_range(0..places.len().max(1));
    places.get(number).cloned()
}

/// After the burst, records come as they do in life: now and then.
async fn pause(random: &mut StdRng, written: usize) {
    if written > BURST {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}
