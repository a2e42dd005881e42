//! Writers and viewers of a topic whose brokers are in trouble, and what they were told compared with the ledger.

use super::failed;
use crate::harness::{Entry, Gateway, Reply, Sse};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a writer waits before it sends again what certainly was not written.
const PAUSE: Duration = Duration::from_millis(100);

/// A record, and what its writer was told of it in the end. No two have the same value.
struct Sent {
    writer: usize,
    value: String,
    /// Partition and offset; `None` when its fate is unknown.
    place: Option<(i32, i64)>,
    /// How long it was waited for, all attempts together.
    took: Duration,
}

/// Writers at work.
pub struct Writers {
    writers: JoinSet<Vec<Sent>>,
    enough: Arc<AtomicBool>,
    /// Receipts so far.
    acknowledged: Arc<AtomicUsize>,
}

/// What the writers were told.
pub struct Told(Vec<Sent>);

impl Writers {
    /// Has `count` writers each send one record after the other, to the partitions in turn.
    pub fn start(gateway: &Gateway, topic: &str, count: usize, partitions: usize) -> Self {
        let (enough, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut writers = JoinSet::new();
        for writer in 0..count {
            let (gateway, topic) = (gateway.clone(), topic.to_owned());
            let (enough, acknowledged) = (enough.clone(), acknowledged.clone());
            writers.spawn(async move {
                let mut sent = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    let (value, begun) = (format!("{writer}-{}", sent.len()), Instant::now());
                    let query = format!("partition={}", sent.len() % partitions);
                    let place = write(&gateway, &topic, &query, &value).await;
                    acknowledged.fetch_add(usize::from(place.is_some()), Ordering::Relaxed);
                    sent.push(Sent { writer, value, place, took: begun.elapsed() });
                }
                sent
            });
        }
        Self { writers, enough, acknowledged }
    }

    /// How many records were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Has them finish the record that each is at.
    pub async fn stop(self) -> Told {
        self.enough.store(true, Ordering::Relaxed);
        Told(self.writers.join_all().await.into_iter().flatten().collect())
    }
}

/// Sends a record until it has a receipt, or its fate is unknown: as a client should that wants no record twice.
async fn write(gateway: &Gateway, topic: &str, query: &str, value: &str) -> Option<(i32, i64)> {
    loop {
        let request = gateway.producing(topic, query).body(value.to_owned());
        // Longer than any deadline of the gateway's: whoever asks is answered.
        let reply =
            tokio::time::timeout(Duration::from_secs(90), Reply::to(request)).await.expect("an answer");
        if reply.status == 200 {
            return Some(reply.receipt());
        }
        if failed(&reply) == "unknown" {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Told {
    /// Of how many records the fate is unknown.
    pub fn unknown(&self) -> usize {
        self.0.iter().filter(|sent| sent.place.is_none()).count()
    }

    /// Everything acknowledged stands where its receipt says and nowhere else, what has an unknown fate stands once or not at
    /// all, and each writer's records of a partition stand in the order sent.
    pub fn holds(&self, ledger: &[Entry]) {
        let mut written: HashMap<&[u8], (i32, i64)> = HashMap::new();
        for entry in ledger {
            let value = entry.value.as_deref().expect("no tombstone was sent");
            let before = written.insert(value, (entry.partition, entry.offset));
            assert_eq!(before, None, "written twice: {}", String::from_utf8_lossy(value));
        }
        let mut last: HashMap<(usize, i32), i64> = HashMap::new();
        for Sent { writer, value, place, .. } in &self.0 {
            let found = written.remove(value.as_bytes());
            if let Some((partition, offset)) = place {
                assert_eq!(found, Some((*partition, *offset)), "acknowledged: {value}");
                let before = last.insert((*writer, *partition), *offset);
                assert!(before.is_none_or(|before| before < *offset), "{value} overtook another");
            }
        }
        assert!(written.is_empty(), "nobody sent {:?}", written.values());
        let longest = self.0.iter().map(|sent| sent.took).max().unwrap_or_default();
        let (sent, unknown) = (self.0.len(), self.unknown());
        eprintln!("trouble: {sent} sent, {unknown} of unknown fate, the longest took {longest:?}");
    }
}

/// Somebody who watches from the beginning and never leaves.
pub async fn watch(mut stream: Sse, ends: tokio::sync::watch::Receiver<Option<Vec<i64>>>) -> Vec<(i64, i64)> {
    assert_eq!((stream.status, stream.header("kafka-stream-status")), (200, ""), "it opens");
    let mut seen: Vec<(i64, i64)> = Vec::new();
    let mut next: HashMap<i64, i64> = HashMap::new();
    // The ends are known when the writers have stopped; the record before the last end is the last one seen.
    let over = |next: &HashMap<i64, i64>| {
        let all = |ends: &Vec<i64>| (0..).zip(ends).all(|(p, end)| next.get(&p).unwrap_or(&0) >= end);
        ends.borrow().as_ref().is_some_and(all)
    };
    while !over(&next) {
        let event = tokio::time::timeout(Duration::from_secs(1), stream.next()).await;
        let Ok(event) = event else { continue };
        let event = event.expect("the stream goes on");
        assert!(!["fault", "gap", "drain"].contains(&event.kind.as_str()), "{event:?}");
        if event.kind == "message" {
            let (partition, offset) = event.address();
            next.insert(partition, offset + 1);
            seen.push((partition, offset));
        }
    }
    seen
}

/// A viewer saw every record of the ledger once, each partition's in order.
pub fn seen_is_the_ledger(seen: &[(i64, i64)], ledger: &[Entry]) {
    for partition in 0..=ledger.iter().map(|entry| entry.partition).max().unwrap_or(0) {
        let seen = seen.iter().filter(|(p, _)| *p == i64::from(partition)).map(|(_, offset)| *offset);
        let wanted = ledger.iter().filter(|entry| entry.partition == partition).map(|entry| entry.offset);
        assert!(seen.eq(wanted), "partition {partition}: not each record once, in order");
    }
}

/// One past the last offset of each partition.
pub fn ends(ledger: &[Entry], partitions: usize) -> Vec<i64> {
    let end =
        |p: usize| ledger.iter().filter(|entry| entry.partition == p as i32).map(|e| e.offset + 1).max();
    (0..partitions).map(|p| end(p).unwrap_or(0)).collect()
}
