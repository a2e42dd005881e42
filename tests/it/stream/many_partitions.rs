//! Topics with many partitions: each has its turn, and all of them together their bound.

use crate::harness::{Context, Draft, Test};
use crate::tests;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_long_backlog_of_large_records_holds_back_no_other_partition,
        a_hundred_partitions_are_read_each_in_its_order,
    ]
}

async fn a_long_backlog_of_large_records_holds_back_no_other_partition(context: Context) {
    const LARGE: usize = 100;
    let (gateway, topic) = (context.gateway().await, context.topic("large", 3).await);
    let writer = context.kafka().writer();
    for partition in [0, 1] {
        let large = (0..LARGE).map(|_| Draft::value(vec![b'x'; 150_000]));
        writer.write_all(&topic, partition, large).await;
    }
    writer.write(&topic, 2, &Draft::value("small")).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    let (mut small_after, mut turns) = (None, [0; 3]);
    for seen in 0..2 * LARGE + 1 {
        if seen < LARGE {
            // A reader that takes its time: there is always more of the first partition than it has taken.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let record = stream.records(1).await.remove(0);
        let partition = record.json()["partition"].as_u64().expect("a partition") as usize;
        if partition == 2 {
            small_after = Some(seen);
        }
        // What came before stood in the sockets' buffers, filled while every partition was just beginning.
        if (LARGE / 2..LARGE).contains(&seen) {
            turns[partition] += 1;
        }
    }
    assert!(small_after.expect("it comes") < LARGE, "the small record waited: {small_after:?}");
    assert!(turns[0] >= LARGE / 10 && turns[1] >= LARGE / 10, "each has its turn: {turns:?}");
}

async fn a_hundred_partitions_are_read_each_in_its_order(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("hundred", 100).await);
    let writer = context.kafka().writer();
    for partition in 0..100 {
        writer.write_all(&topic, partition, (0..20).map(|n: i32| Draft::value(n.to_string()))).await;
    }
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    let mut next = [0; 100];
    for record in stream.records(2000).await {
        let record = record.json();
        let partition = record["partition"].as_u64().expect("a partition") as usize;
        assert_eq!(record["offset"], next[partition]);
        next[partition] += 1;
    }
    assert_eq!(next, [20; 100]);
    stream.expect("caught-up").await;
}
