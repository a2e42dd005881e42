//! The property the gateway stands for: a reader that comes back by id alone sees every record once, in order, as it
//! was written, however often and wherever its connection is cut.
//!
//! Records of random content are written over HTTP and natively while a client reads, is cut at a random byte (in
//! the middle of a frame, of the head of the stream, anywhere) and comes back with nothing but the last id that was
//! dispatched to it. What it saw is compared with what librdkafka's own consumer reads: the ledger. `PROPERTY_SEED`
//! repeats a run's choices; the cluster's timing is its own.

mod client;
mod content;
mod decode;

use crate::harness::{Context, Draft, Entry, Gateway, Test, Writer, seed, send};
use crate::tests;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Seen};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![a_reader_that_reconnects_sees_every_value_once, a_reader_that_reconnects_sees_every_record_once,]
}

const PARTITIONS: usize = 3;

/// How often the reader is cut off.
const CUTS: usize = 200;

/// Records are written until the reader was cut this often, so that it also reads beside the writers to the end.
const CUTS_BESIDE_WRITERS: usize = 180;

/// How many records each of the two writers writes at most, and how many of them without a pause: the reader is
/// behind them for long, so that cuts find it in the middle of a backlog, and then in step with them.
const MOST_RECORDS: usize = 1500;
const BURST: usize = 600;

async fn a_reader_that_reconnects_sees_every_value_once(context: Context) {
    let (seen, ledger, seed) = run(&context, "value").await;
    for (seen, entry) in seen.iter().zip(&ledger) {
        decode::check_value(&seen.event, entry)
            .unwrap_or_else(|reason| panic!("seed {seed}: {reason}\n{seen:?}\n{entry:?}"));
    }
}

async fn a_reader_that_reconnects_sees_every_record_once(context: Context) {
    let (seen, ledger, seed) = run(&context, "envelope").await;
    for (seen, entry) in seen.iter().zip(&ledger) {
        decode::check_envelope(&seen.event, entry)
            .unwrap_or_else(|reason| panic!("seed {seed}: {reason}\n{seen:?}\n{entry:?}"));
    }
}

/// Writes, reads with cuts, and gives what was seen beside the ledger: the same addresses, each once, and in the
/// order of each partition.
async fn run(context: &Context, format: &str) -> (Vec<Seen>, Vec<Entry>, u64) {
    let seed = seed(&format!("property of format={format}"));
    let topic = context.topic("property", PARTITIONS as i32).await;
    let (gateway, enough) = (context.gateway().await, Arc::new(AtomicBool::new(false)));
    let mut client = Client::new(&gateway, &topic, format, seed);
    // Begun before the first record is written, and `from` is never `earliest`: only ids can lose nothing.
    client.read_past_ready().await;
    let native = tokio::spawn(write_natively(context.kafka().writer(), topic.clone(), seed, enough.clone()));
    let by_http = tokio::spawn(write_by_http(gateway.clone(), topic.clone(), seed, enough.clone()));
    for cut in 0..CUTS {
        if cut == CUTS_BESIDE_WRITERS {
            enough.store(true, Ordering::Relaxed);
        }
        client.read_until_cut().await;
    }
    assert!(client.cut_amid > CUTS / 2, "seed {seed}: only {} cuts in the middle", client.cut_amid);
    native.await.expect("the native writer ends");
    by_http.await.expect("the HTTP writer ends");
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(ledger.len() > CUTS, "seed {seed}: only {} records", ledger.len());
    client.read_all(ledger.len()).await;
    let mut seen = client.into_seen();
    for partition in 0..PARTITIONS {
        let offsets: Vec<_> =
            seen.iter().filter(|seen| seen.partition == partition).map(|seen| seen.offset).collect();
        let count = ledger.iter().filter(|entry| entry.partition == partition as i32).count();
        let expected: Vec<_> = (0..count as i64).collect();
        assert!(
            offsets == expected,
            "seed {seed}: partition {partition} has {count} records, seen: {offsets:?}"
        );
    }
    seen.sort_by_key(|seen| (seen.partition, seen.offset));
    (seen, ledger, seed)
}

async fn write_natively(writer: Writer, topic: String, seed: u64, enough: Arc<AtomicBool>) {
    let mut random = StdRng::seed_from_u64(seed ^ 1);
    for written in 0..MOST_RECORDS {
        if enough.load(Ordering::Relaxed) {
            return;
        }
        let draft = content::native(&mut random);
        writer.write(&topic, random.random_range(0..PARTITIONS as i32), &draft).await;
        pause(&mut random, written).await;
    }
}

async fn write_by_http(gateway: Gateway, topic: String, seed: u64, enough: Arc<AtomicBool>) {
    let mut random = StdRng::seed_from_u64(seed ^ 2);
    for written in 0..MOST_RECORDS {
        if enough.load(Ordering::Relaxed) {
            return;
        }
        let Draft { key, value, headers } = content::over_http(&mut random);
        let mut query = vec![("partition", random.random_range(0..PARTITIONS).to_string())];
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
}

/// After the burst, records come as they do in life: now and then.
async fn pause(random: &mut StdRng, written: usize) {
    if written > BURST {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}
