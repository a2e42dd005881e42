//! Clients share a group's partitions, and none sees a partition's records before those in front of them are done.

use super::{Batch, Worked};
use crate::harness::{Context, Test};
use crate::tests;
use serde_json::json;
use std::collections::BTreeSet;

pub fn tests() -> Vec<Test> {
    tests![
        a_partition_is_one_clients_until_its_records_are_acknowledged,
        clients_that_wait_together_get_a_share_each,
        a_client_that_stalls_holds_up_its_own_partitions_alone,
    ]
}

fn partitions(batch: &Batch) -> BTreeSet<i64> {
    batch.places().into_iter().map(|(partition, _)| partition).collect()
}

async fn a_partition_is_one_clients_until_its_records_are_acknowledged(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..4).await;
    let one = worked.next(json!({"session": "one", "seq": 1, "max": 2})).await;
    let other = json!({"session": "other", "seq": 1});
    assert!(worked.poll(json!({"session": "other", "seq": 1, "wait_ms": 0})).await.is_none());
    let waiting = worked.next(other);
    let acked = async {
        worked.ack(&one.ids()[..1]).await;
        worked.ack(&one.ids()[1..]).await;
    };
    let (waiting, ()) = tokio::join!(waiting, acked);
    assert_eq!(waiting.numbers(), [2, 3]);
}

async fn clients_that_wait_together_get_a_share_each(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 4).await;
    for partition in 0..4 {
        worked.write(partition, 0..3).await;
    }
    // Both wait while the member joins.
    let poll = |name: &str| worked.next(json!({"session": name, "seq": 1, "wait_ms": 20_000}));
    let (one, other) = tokio::join!(poll("one"), poll("other"));
    let (one, other) = (partitions(&one), partitions(&other));
    assert!(one.len() <= 2 && other.len() <= 2, "{one:?} {other:?}");
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
}

async fn a_client_that_stalls_holds_up_its_own_partitions_alone(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 2).await;
    worked.write(0, 0..2).await;
    let stalled = worked.next(json!({"session": "stalled", "seq": 1})).await;
    assert_eq!(partitions(&stalled), BTreeSet::from([0]));
    worked.write(1, 0..50).await;
    let (mut seen, mut ids) = (0, Vec::new());
    while seen < 50 {
        let batch = worked.next(json!({"max": 10, "ids": ids})).await;
        assert_eq!(partitions(&batch), BTreeSet::from([1]));
        (seen, ids) = (seen + batch.records.len(), batch.ids());
    }
    worked.ack(&ids).await;
    worked.until_committed(&[0, 50]).await;
}
