//! Coming back with an id: nothing is lost and nothing comes twice.

use crate::harness::{Context, Event, Gateway, Sse, Test, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        coming_back_half_way_loses_and_repeats_nothing,
        a_quiet_partition_loses_nothing,
        the_id_of_ready_is_enough_to_come_back_with,
        partitions_added_while_away_begin_at_their_first_record,
        any_other_gateway_goes_on_from_the_same_id,
        those_who_come_back_to_another_gateway_need_no_readers_of_the_log,
    ]
}

/// Opens a stream with an id as an EventSource does when it comes back.
async fn back(gateway: &Gateway, topic: &str, query: &str, id: &str) -> Sse {
    Sse::open(gateway.streaming(topic, query).header("Last-Event-ID", id)).await
}

fn address(record: &Event) -> (i64, i64) {
    let data = record.json();
    (data["partition"].as_i64().expect("a partition"), data["offset"].as_i64().expect("an offset"))
}

async fn coming_back_half_way_loses_and_repeats_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("half", 3).await);
    for n in 0..30 {
        gateway.produce(&topic, &format!("partition={}", n % 3), n.to_string()).await.receipt();
    }
    let mut all: Vec<_> = (0..3).flat_map(|p| (0..10).map(move |o| (p, o))).collect();
    all.sort_unstable();
    for taken in [0, 1, 13, 29, 30] {
        let mut first = gateway.stream(&topic, "from=earliest").await;
        let mut id = first.expect("ready").await.id;
        let mut seen = Vec::new();
        for record in first.records(taken).await {
            seen.push(address(&record));
            id = record.id;
        }
        drop(first);
        let mut second = back(&gateway, &topic, "from=earliest", &id).await;
        second.expect("ready").await;
        seen.extend(second.records(30 - taken).await.iter().map(address));
        // Nothing is left over: the end comes right after.
        assert_eq!(
            second.expect("caught-up").await.json()["positions"],
            json!({ topic.as_str(): [10, 10, 10] })
        );
        seen.sort_unstable();
        assert_eq!(seen, all, "cut after {taken}");
    }
}

async fn a_quiet_partition_loses_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("quiet", 3).await);
    gateway.produce(&topic, "partition=1", "before").await.receipt();
    let mut stream = gateway.stream(&topic, "").await;
    gateway.produce(&topic, "partition=0", "seen").await.receipt();
    let record = stream.records(1).await.remove(0);
    drop(stream);
    // Of these partitions the client never saw a record.
    for partition in [1, 2] {
        gateway.produce(&topic, &format!("partition={partition}"), "missed").await.receipt();
    }
    let mut stream = back(&gateway, &topic, "", &record.id).await;
    let mut seen: Vec<_> = stream.records(2).await.iter().map(address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(1, 1), (2, 0)]);
}

async fn the_id_of_ready_is_enough_to_come_back_with(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ready", 2).await);
    gateway.produce(&topic, "partition=0", "before").await.receipt();
    let mut stream = gateway.stream(&topic, "from=latest").await;
    let id = stream.expect("ready").await.id;
    drop(stream);
    gateway.produce(&topic, "partition=0", "missed").await.receipt();
    gateway.produce(&topic, "partition=1", "missed").await.receipt();
    let mut stream = back(&gateway, &topic, "from=latest", &id).await;
    let mut seen: Vec<_> = stream.records(2).await.iter().map(address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 1), (1, 0)]);
}

async fn partitions_added_while_away_begin_at_their_first_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("grown", 1).await);
    let mut stream = gateway.stream(&topic, "").await;
    let id = stream.expect("ready").await.id;
    drop(stream);
    context.kafka().add_partitions(&topic, 3).await;
    let writer = context.kafka().writer();
    for partition in [0, 1, 2] {
        writer.write(&topic, partition, &crate::harness::Draft::value("new")).await;
    }
    let mut stream = back(&gateway, &topic, "", &id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "none");
    let ready = stream.expect("ready").await.json();
    assert_eq!(ready["positions"], json!({ topic.as_str(): [0, 0, 0] }));
    let mut seen: Vec<_> = stream.records(3).await.iter().map(address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0)]);
}

async fn any_other_gateway_goes_on_from_the_same_id(context: Context) {
    let (first, topic) = (context.gateway().await, context.topic("replicas", 1).await);
    for n in 0..4 {
        first.produce(&topic, "", n.to_string()).await.receipt();
    }
    let record = first.stream(&topic, "from=0:1").await.records(1).await.remove(0);
    let second = context.gateway_with(|_| {}).await;
    let mut stream = back(&second, &topic, "", &record.id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "none");
    let seen: Vec<_> = stream.records(2).await.iter().map(address).collect();
    assert_eq!(seen, [(0, 2), (0, 3)]);
}

/// After a restart all who were there come back at once, and the records that they missed are the same few.
async fn those_who_come_back_to_another_gateway_need_no_readers_of_the_log(context: Context) {
    const RECORDS: usize = 40;
    let (first, topic) = (context.gateway().await, context.topic("restarted", 2).await);
    let writer = context.kafka().writer();
    for partition in [0, 1] {
        writer.write_numbers(&topic, partition, 0..RECORDS / 2).await;
    }
    let records = first.stream(&topic, "from=earliest").await.records(RECORDS).await;
    let second = context.gateway_with(|config| config.streams.max_readers = 1).await;
    let _one = second.stream(&topic, "").await;
    until("the topic is read", || async {
        (second.metric("sluicegate_live_topics").await == 1).then_some(())
    })
    .await;
    let mut streams = Vec::new();
    for record in &records {
        streams.push(back(&second, &topic, "", &record.id).await);
        assert_eq!(second.metric("sluicegate_stream_readers").await, 0);
    }
    for (nth, stream) in streams.iter_mut().enumerate() {
        stream.expect("ready").await;
        let mut seen: Vec<_> = stream.records(RECORDS - nth - 1).await.iter().map(address).collect();
        let mut missed: Vec<_> = records[nth + 1..].iter().map(address).collect();
        seen.sort_unstable();
        missed.sort_unstable();
        assert_eq!(seen, missed, "behind record {nth}");
        stream.expect("caught-up").await;
    }
}
