//! The gateway is killed outright, again and again, while workers poll and acknowledge: nothing is lost, and what comes
//! again is only what was not acknowledged.

use super::Worked;
use crate::harness::{Context, Draft, Entry, Gateway, Test, fixed_address, seed, until};
use crate::tests;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub fn tests() -> Vec<Test> {
    tests![a_gateway_that_is_killed_loses_nothing_and_repeats_only_what_was_not_acknowledged]
}

const KILLS: usize = 4;
const PARTITIONS: i32 = 3;
const WORKERS: usize = 3;
const RECORDS: i64 = 600;

/// What the workers saw of each record: how often it was handed out, and how often since it was acknowledged and the
/// acknowledgement committed.
type Seen = Arc<Mutex<BTreeMap<(i64, i64), usize>>>;

async fn a_gateway_that_is_killed_loses_nothing_and_repeats_only_what_was_not_acknowledged(context: Context) {
    let seed = seed("grouped-kill");
    let mut random = StdRng::seed_from_u64(seed);
    let address = fixed_address(&mut random);
    let gateway = Gateway::at(address);
    // A member that was killed is missed by the brokers only after its session: a classic one, and a short one.
    let variables = [
        ("SLUICEGATE_GROUPS__PROTOCOL", "eager"),
        ("SLUICEGATE_GROUPS__COMMIT_INTERVAL", "50ms"),
        ("SLUICEGATE_KAFKA__CONSUMER__SESSION__TIMEOUT__MS", "6000"),
        ("SLUICEGATE_KAFKA__CONSUMER__HEARTBEAT__INTERVAL__MS", "500"),
    ];
    let mut child = context.serve_at(&address.to_string(), &variables);
    child.line("listening").await;
    let worked = Worked::new(&context, gateway.clone(), PARTITIONS).await;
    let (seen, over) = (Seen::default(), CancellationToken::new());
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(worked.clone(), worker, seen.clone(), over.clone()));
    }
    let writer = context.kafka().writer();
    let mut floor = vec![0; PARTITIONS as usize];
    for kill in 0..=KILLS {
        for partition in 0..PARTITIONS {
            let chunk = RECORDS / (KILLS as i64 + 1) / i64::from(PARTITIONS);
            let value = |n| Draft::value(format!("{n}"));
            writer.write_all(&worked.topic, partition, (0..chunk).map(value)).await;
        }
        if kill == KILLS {
            break;
        }
        let wanted = seen.lock().expect("nobody panics").len() + 20;
        until("some more are worked off", || async {
            (seen.lock().expect("nobody panics").len() >= wanted).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
        child.kill().await;
        // What is committed now must never come again.
        let committed = worked.committed(PARTITIONS).await;
        for (partition, next) in committed.iter().enumerate() {
            floor[partition] = floor[partition].max(*next);
        }
        mark(&seen, &floor);
        child = context.serve_at(&address.to_string(), &variables);
        child.line("listening").await;
    }
    let ledger = context.kafka().consume_all(&worked.topic).await;
    let ends: Vec<i64> =
        (0..PARTITIONS).map(|p| ledger.iter().filter(|entry| entry.partition == p).count() as i64).collect();
    worked.until_committed(&ends).await;
    over.cancel();
    while let Some(ended) = workers.join_next().await {
        ended.expect("a worker does not panic");
    }
    judge(&seen, &ledger, seed);
}

/// Every record of the ledger was handed out.
fn judge(seen: &Seen, ledger: &[Entry], seed: u64) {
    let seen = seen.lock().expect("nobody panics");
    let missed: Vec<_> = ledger
        .iter()
        .map(|entry| (i64::from(entry.partition), entry.offset))
        .filter(|place| !seen.contains_key(place))
        .collect();
    assert!(missed.is_empty(), "seed {seed}: never handed out: {missed:?}");
    let repeated: usize = seen.values().map(|count| (count % SETTLED).saturating_sub(1)).sum();
    println!("{} records, {repeated} handed out again after {KILLS} kills", ledger.len());
}

/// Added to the count of a record that is committed: it must not grow any more.
const SETTLED: usize = 1 << 32;

fn mark(seen: &Seen, floor: &[i64]) {
    for ((partition, offset), count) in seen.lock().expect("nobody panics").iter_mut() {
        if *offset < floor[*partition as usize] && *count < SETTLED {
            *count += SETTLED;
        }
    }
}

/// Polls and acknowledges, whatever becomes of the gateway.
async fn work(worked: Worked, worker: usize, seen: Seen, over: CancellationToken) {
    let client = Client::builder().no_proxy().build().expect("a client");
    let group = percent_encoding::utf8_percent_encode(&worked.group, percent_encoding::NON_ALPHANUMERIC);
    let url = worked.gateway.url(&format!("/v1/groups/{group}/poll"));
    let (mut seq, mut ids): (u64, Vec<Value>) = (0, Vec::new());
    while !over.is_cancelled() {
        seq += 1;
        let body = json!({
            "topics": [worked.topic], "from": "earliest", "wait_ms": 500, "max": 7, "ids": ids,
            "session": format!("w{worker}"), "seq": seq, "ack_timeout_ms": 2000,
        });
        let reply = async {
            let response = client.post(&url).body(body.to_string()).send().await.ok()?;
            Some((response.status().as_u16(), response.bytes().await.ok()?))
        };
        let Some((status, bytes)) = reply.await else {
            // Whether it acknowledged is not known: the ids may be sent again.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        ids.clear();
        if status != 200 {
            assert!(matches!(status, 204 | 503), "{status}: {}", String::from_utf8_lossy(&bytes));
            continue;
        }
        let reply: Value = serde_json::from_slice(&bytes).expect("JSON");
        for record in reply["records"].as_array().expect("records") {
            let number = |name: &str| record[name].as_i64().expect("a number");
            let place = (number("partition"), number("offset"));
            let mut seen = seen.lock().expect("nobody panics");
            let count = seen.entry(place).or_default();
            assert!(*count < SETTLED, "{place:?} was committed, and comes again");
            *count += 1;
            ids.push(record["id"].clone());
        }
    }
}
