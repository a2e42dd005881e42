//! The property the gateway stands for: a reader that comes back by cursor alone sees every record once, in order, as
//! it was written, however often and wherever its connection is cut.
//!
//! Records of random content are written over HTTP, natively, and in transactions of which half are aborted, to
//! topics that are named and topics that match, while some of them grow and others join. Clients read by events, by
//! lines and by pages, are cut at a random byte (amid a frame, a page, a head, anywhere) and come back another way
//! with nothing but the last cursor that was dispatched to them; two more are never cut. What they saw is compared with what librdkafka's own
//! consumer reads: the ledger. `PROPERTY_SEED` repeats a run's choices; the cluster's timing is its own.

mod client;
mod content;
pub mod decode;
mod scene;
mod writers;

use crate::harness::{Context, Position, Test, Wire, seed};
use crate::tests;
use client::{Client, Seen};
use decode::Form;
use scene::{Ledger, Scene};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub fn tests() -> Vec<Test> {
    tests![a_reader_that_reconnects_sees_every_record_once needs [Transactions]]
}

/// Who reads, each on its own.
const CLIENTS: usize = 3;

/// How often each of them is cut off.
const CUTS: usize = 170;

/// How often topics change meanwhile.
const CHANGES: usize = 5;

async fn a_reader_that_reconnects_sees_every_record_once(context: Context) {
    let seed = seed("property");
    let (scene, gateway) = (Scene::set(&context).await, context.gateway().await);
    let (cursors, told, mut clients) = (scene.cursors().await, Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let client =
        |number| Client::new(gateway.clone(), scene.selection(), cursors.clone(), seed ^ (16 + number));
    for number in 0..CLIENTS as u64 {
        let (mut client, told) = (client(number), told.clone());
        client.begin().await;
        clients.spawn(async move {
            client.be_cut(CUTS, &told).await;
            client
        });
    }
    let (all, expected) = watch::channel(None);
    let mut observers = JoinSet::new();
    for (number, wire) in (CLIENTS as u64..).zip([Wire::Sse, Wire::Ndjson]) {
        let (mut client, expected) = (client(number), expected.clone());
        client.begin().await;
        observers.spawn(async move {
            client.stay(wire, expected).await;
            client
        });
    }
    // Begun after the clients: they have all of it to see.
    let writers = scene.write(seed);
    let (mut clients, transactions, ()) =
        tokio::join!(clients.join_all(), writers.join_all(), direct(&scene, &told));
    let aborted: usize = transactions.iter().map(|done| done.aborted).sum();
    let committed: usize = transactions.iter().map(|done| done.committed).sum();
    assert!(aborted > 0 && committed > 0, "seed {seed}: {transactions:?}");
    let seen: usize = clients.iter().map(Client::count).sum();
    let cut_amid = [0, 1, 2].map(|wire| clients.iter().map(|client| client.cut_amid[wire]).sum::<usize>());
    scene.break_silence().await;
    let ledger = scene.ledger().await;
    let records = to_come(&ledger, clients[0].start()).values().map(Vec::len).sum();
    eprintln!("property: {records} records, {committed} transactions committed, {aborted} aborted");
    eprintln!("property: {seen} seen by {CLIENTS} while they were cut, {cut_amid:?} times amid records");
    assert!(seen > CLIENTS * records / 4, "seed {seed}: too little was seen while clients were cut");
    assert!(cut_amid.iter().all(|cut| *cut > CLIENTS * CUTS / 25), "seed {seed}: too few cuts amid records");
    all.send(Some(records)).expect("the observers wait for it");
    for client in &mut clients {
        for wire in [Wire::Ndjson, Wire::Sse, Wire::Page] {
            client.read_all(wire, records).await;
        }
    }
    for client in clients.into_iter().chain(observers.join_all().await) {
        let (start, seen) = client.into_seen();
        check(&start, &seen, &ledger, seed);
    }
}

/// Changes topics beside the cuts, and lets the writers end before the last of them, so that clients also read beside
/// nobody.
async fn direct(scene: &Scene, told: &AtomicUsize) {
    for change in 0..=CHANGES {
        while told.load(Ordering::Relaxed) < (change + 1) * CLIENTS * CUTS / (CHANGES + 2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if change < CHANGES {
            scene.change(change).await;
        }
    }
    scene.end_writing();
}

/// The ledger's offsets from where a client began, by partition.
fn to_come(ledger: &Ledger, start: &Position) -> BTreeMap<(String, i32), Vec<i64>> {
    let mut offsets: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for (topic, partition, offset) in ledger.keys() {
        let place = (topic.clone(), *partition);
        if *offset >= start.get(&place).copied().unwrap_or(0) {
            offsets.entry(place).or_default().push(*offset);
        }
    }
    offsets
}

/// Every record of the ledger from `start` was seen once, in the order of its partition, as it was written.
fn check(start: &Position, seen: &[Seen], ledger: &Ledger, seed: u64) {
    let mut offsets: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for seen in seen {
        let (topic, partition, offset) =
            address(seen, ledger).unwrap_or_else(|reason| panic!("seed {seed}: {reason}: {seen:?}"));
        let entry = &ledger[&(topic.clone(), partition, offset)];
        decode::check(&seen.event, seen.form, entry)
            .unwrap_or_else(|reason| panic!("seed {seed}: {reason}\n{seen:?}\n{entry:?}"));
        offsets.entry((topic, partition)).or_default().push(offset);
    }
    let expected = to_come(ledger, start);
    for (place, expected) in &expected {
        let offsets = offsets.remove(place).unwrap_or_default();
        let at = offsets.iter().zip(expected).position(|(seen, wanted)| seen != wanted);
        let at = at.unwrap_or(offsets.len().min(expected.len()));
        assert!(
            offsets == *expected,
            "seed {seed}: {place:?} has {} records from {:?}, seen {}; after {:?} it is {:?} but seen {:?}",
            expected.len(),
            start.get(place),
            offsets.len(),
            at.checked_sub(1).map(|at| expected[at]),
            &expected[at..expected.len().min(at + 5)],
            &offsets[at..offsets.len().min(at + 5)],
        );
    }
    assert!(offsets.is_empty(), "seed {seed}: nobody should have seen {:?}", offsets.keys());
}

/// Which record of the ledger was seen. A cursor that came with it says so too: it passed this one and no other.
fn address(seen: &Seen, ledger: &Ledger) -> Result<(String, i32, i64), String> {
    let said = if seen.form == Form::Value { None } else { Some(decode::address(&seen.event)?) };
    let passed = seen.moved.as_ref().map(|moved| moved.iter().filter(|a| ledger.contains_key(a)).collect());
    let passed: Option<Vec<_>> = passed;
    match (passed.as_deref(), said) {
        (Some([one]), None) => Ok((*one).clone()),
        (Some([one]), Some(said)) if **one == said => Ok(said),
        (None, Some(said)) if ledger.contains_key(&said) => Ok(said),
        (passed, said) => Err(format!("it says {said:?}, its cursor passes {passed:?}")),
    }
}
