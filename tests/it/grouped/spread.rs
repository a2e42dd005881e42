//! Partitions spread over the streams of one group, without a rebalance of Kafka's.

use super::{Worked, take};
use crate::harness::{Context, Sse, Test, until};
use crate::tests;
use std::collections::BTreeSet;

pub fn tests() -> Vec<Test> {
    tests![
        a_newcomer_gets_its_share_as_the_first_runs_dry,
        a_newcomer_gets_its_share_when_the_first_comes_back,
        a_stream_that_reads_nothing_holds_up_its_own_partitions_alone,
    ]
}

const PARTITIONS: i32 = 4;

/// The next record's partition, and its id.
async fn next(stream: &mut Sse) -> (i64, String) {
    let batch = take(stream, 1).await;
    (batch.places()[0].0, batch.ids().remove(0))
}

async fn a_newcomer_gets_its_share_as_the_first_runs_dry(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, PARTITIONS).await;
    for partition in 0..PARTITIONS {
        worked.write(partition, 0..1).await;
    }
    let mut first = worked.stream("ack=explicit").await;
    let mut held = Vec::new();
    for _ in 0..PARTITIONS {
        held.push(next(&mut first).await);
    }
    let mut second = worked.stream("ack=explicit").await;
    second.expect("ready").await;
    second.expect("assigned").await;
    for partition in 0..PARTITIONS {
        worked.write(partition, 1..4).await;
    }
    let ids: Vec<_> = held.into_iter().map(|(_, id)| id).collect();
    worked.ack(&ids).await;
    let (mut one, mut other) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..PARTITIONS * 3 {
        tokio::select! {
            (partition, _) = next(&mut first) => { one.insert(partition); }
            (partition, _) = next(&mut second) => { other.insert(partition); }
        }
    }
    assert_eq!((one.len(), other.len()), (2, 2), "{one:?} and {other:?}");
    assert!(one.is_disjoint(&other), "{one:?} and {other:?}");
}

async fn a_newcomer_gets_its_share_when_the_first_comes_back(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, PARTITIONS).await;
    for partition in 0..PARTITIONS {
        worked.write(partition, 0..1).await;
    }
    let mut first = worked.stream("").await;
    let mut last = String::new();
    for _ in 0..PARTITIONS {
        last = next(&mut first).await.1;
    }
    let mut second = worked.stream("").await;
    // Somebody waits for a share of what the first one holds, so it is asked to acknowledge.
    let drain = first.expect("drain").await;
    assert_eq!(drain.json()["reason"], "ack");
    let mut first = Sse::open(worked.streaming("").header("last-event-id", &last)).await;
    assert_eq!(first.expect("ready").await.json()["ack"], "done");
    worked.until_committed(&[1; PARTITIONS as usize]).await;
    for partition in 0..PARTITIONS {
        worked.write(partition, 1..4).await;
    }
    let (mut one, mut other) = (BTreeSet::new(), BTreeSet::new());
    while one.len() + other.len() < PARTITIONS as usize {
        tokio::select! {
            (partition, _) = next(&mut first) => { one.insert(partition); }
            (partition, _) = next(&mut second) => { other.insert(partition); }
        }
    }
    assert_eq!((one.len(), other.len()), (2, 2), "{one:?} and {other:?}");
}

async fn a_stream_that_reads_nothing_holds_up_its_own_partitions_alone(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, PARTITIONS).await;
    let query = "ack=explicit&ack_timeout=1s";
    // Opened, and never read: its records fill the sockets, and their leases end.
    let still = worked.stream(query).await;
    until("it waits for records", || async {
        let sample = format!("sluicegate_group_workers{{group=\"{}\"}}", worked.group);
        (worked.gateway.metric(&sample).await == 1).then_some(())
    })
    .await;
    let large = "\"".to_owned() + &"x".repeat(200_000) + "\"";
    for number in 0..120 {
        let query = format!("partition={}", number % PARTITIONS);
        worked.gateway.produce(&worked.topic, &query, large.clone()).await.receipt();
    }
    let mut moving = worked.stream(query).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 100 {
        let record = moving.records(1).await.remove(0);
        seen.insert(record.address());
        worked.ack(&[record.id]).await;
    }
    drop(still);
}
