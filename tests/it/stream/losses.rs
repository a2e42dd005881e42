//! Positions that the log no longer has, or never had: told, never passed over in silence.

use crate::harness::{Context, Draft, Gateway, Sse, Test, send};
use crate::tests;
use serde_json::json;
use sluicegate::record::Cursor;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_topic_made_anew_is_told_and_read_from_its_beginning needs [TopicIds],
        a_position_beyond_the_end_is_told_as_truncated,
        a_cursor_of_another_cluster_is_told_as_foreign,
        records_deleted_while_away_are_told_as_expired needs [DeleteRecords],
        records_deleted_under_a_running_stream_are_told_as_expired needs [DeleteRecords],
        of_several_losses_the_worst_is_named_and_every_gap_is_told needs [DeleteRecords],
        a_stream_that_looks_for_its_place_still_beats_and_ends,
        who_wants_to_fail_is_refused_what_is_lost,
    ]
}

async fn back(gateway: &Gateway, topic: &str, id: &str) -> Sse {
    Sse::open(gateway.streaming(topic, "").header("Last-Event-ID", id)).await
}

/// The id of the last record of a topic of which `count` are read from the beginning.
async fn id_after(gateway: &Gateway, topic: &str, count: usize) -> String {
    gateway.stream(topic, "from=earliest").await.records(count).await.pop().expect("records").id
}

async fn a_topic_made_anew_is_told_and_read_from_its_beginning(context: Context) {
    let (gateway, topic, kafka) = (context.gateway().await, context.topic("anew", 2).await, context.kafka());
    let writer = kafka.writer();
    for partition in [0, 0, 0, 1] {
        writer.write(&topic, partition, &Draft::value("old")).await;
    }
    let id = id_after(&gateway, &topic, 4).await;
    kafka.delete_topic(&topic).await;
    kafka.create_topic(&topic, 2, &[]).await;
    // A writer of its own: the other one knows the topic that is gone.
    let writer = kafka.writer();
    for _ in 0..4 {
        writer.write(&topic, 0, &Draft::value("new")).await;
    }
    let mut stream = back(&gateway, &topic, &id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "recreated");
    let ready = stream.expect("ready").await.json();
    assert_eq!(
        (&ready["loss"], &ready["positions"]),
        (&json!("recreated"), &json!({ topic.as_str(): [0, 0] }))
    );
    for (partition, from) in [(0, 3), (1, 1)] {
        let gap = stream.expect("gap").await;
        assert_eq!(
            gap.json(),
            json!({ "topic": topic, "partition": partition, "from": from, "to": 0, "reason": "recreated" })
        );
    }
    for offset in 0..4 {
        let record = stream.expect("message").await.json();
        assert_eq!((&record["offset"], &record["value"]), (&json!(offset), &json!("new")));
    }
    let id = stream.expect("caught-up").await.id;
    assert_eq!(back(&gateway, &topic, &id).await.header("kafka-stream-loss"), "none");
}

async fn a_position_beyond_the_end_is_told_as_truncated(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("cut", 2).await);
    gateway.produce(&topic, "partition=0", "1").await.receipt();
    let mut cursor = Cursor::parse(&id_after(&gateway, &topic, 1).await).expect("a cursor");
    cursor.segments[0].next[0] = 77;
    let mut stream = back(&gateway, &topic, &cursor.to_string()).await;
    assert_eq!(stream.header("kafka-stream-loss"), "truncated");
    assert_eq!(stream.expect("ready").await.json()["positions"], json!({ topic.as_str(): [1, 0] }));
    let gap = stream.expect("gap").await.json();
    assert_eq!(gap, json!({ "topic": topic, "partition": 0, "from": 77, "to": 1, "reason": "truncated" }));
    stream.expect("caught-up").await;
    gateway.produce(&topic, "partition=0", "2").await.receipt();
    assert_eq!(stream.expect("message").await.json()["offset"], 1);
    // An explicit number is judged in the same way.
    let mut stream = gateway.stream(&topic, "from=0:50").await;
    assert_eq!(stream.header("kafka-stream-loss"), "truncated");
    stream.expect("ready").await;
    assert_eq!(stream.expect("gap").await.json()["to"], 2);
}

async fn a_cursor_of_another_cluster_is_told_as_foreign(context: Context) {
    let topic = context.topic("elsewhere", 1).await;
    let other = context.own_broker().await;
    other.kafka().create_topic(&topic, 1, &[]).await;
    let (here, there) = (context.gateway().await, context.gateway_before(&other, |_| {}).await);
    for gateway in [&here, &there] {
        gateway.produce(&topic, "", "1").await.receipt();
    }
    let id = id_after(&there, &topic, 1).await;
    let mut stream = back(&here, &topic, &id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "foreign");
    let ready = stream.expect("ready").await;
    assert_eq!(ready.json()["loss"], "foreign");
    assert_ne!(ready.id, id, "the id of this cluster takes its place");
    // No number of another cluster means anything here, so no gap is told.
    assert_eq!(stream.expect("message").await.json()["offset"], 0);
    stream.expect("caught-up").await;
}

async fn records_deleted_while_away_are_told_as_expired(context: Context) {
    let (gateway, topic, kafka) =
        (context.gateway().await, context.topic("expired", 2).await, context.kafka());
    let drafts = || (0..10).map(|n: i32| Draft::value(n.to_string()));
    for partition in [0, 1] {
        kafka.writer().write_all(&topic, partition, drafts()).await;
    }
    let mut first = gateway.stream(&topic, "from=0:0,1:0").await;
    let id = first.expect("ready").await.id;
    kafka.delete_records(&topic, 1, 6).await;
    let mut stream = back(&gateway, &topic, &id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "expired");
    let ready = stream.expect("ready").await.json();
    assert_eq!(
        (&ready["loss"], &ready["positions"]),
        (&json!("expired"), &json!({ topic.as_str(): [0, 6] }))
    );
    let gap = stream.expect("gap").await;
    assert_eq!(
        gap.json(),
        json!({ "topic": topic, "partition": 1, "from": 0, "to": 6, "reason": "expired" })
    );
    assert!(!gap.id.is_empty() && gap.id != id, "who comes back after the gap is not told of it again");
    stream.records(14).await;
    stream.expect("caught-up").await;
    // A partition that is not read loses nothing.
    let request = gateway.streaming(&topic, "from=0:0").header("last-event-id", &id);
    assert_eq!(Sse::open(request).await.header("kafka-stream-loss"), "none");
}

/// Writes more than a stream that is not read can hold, opens one and reads a single record of it: from then on it
/// is held up by its reader.
async fn held_up(context: &Context, gateway: &Gateway, kafka: &crate::harness::Kafka) -> (String, Sse) {
    const RECORDS: usize = 400;
    let topic = context.name("held-up");
    kafka.create_topic(&topic, 1, &[]).await;
    kafka.writer().write_all(&topic, 0, (0..RECORDS).map(|_| Draft::value(vec![b'x'; 100_000]))).await;
    let mut stream = gateway.stream(&topic, "from=earliest&heartbeat=5s").await;
    assert_eq!(stream.expect("ready").await.json()["end"], json!({ topic.as_str(): [RECORDS] }));
    assert_eq!(stream.expect("message").await.json()["offset"], 0);
    (topic, stream)
}

/// Reads records until something else comes, which is given; the offsets must be without holes, from 1 on.
async fn read_on(stream: &mut Sse) -> (i64, crate::harness::Event) {
    let mut next = 1;
    loop {
        let event = stream.next().await.expect("the stream goes on");
        if event.kind != "message" {
            return (next, event);
        }
        assert_eq!(event.json()["offset"], next);
        next += 1;
    }
}

async fn records_deleted_under_a_running_stream_are_told_as_expired(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, mut stream) = held_up(&context, &gateway, &kafka).await;
    kafka.delete_records(&topic, 0, 399).await;
    let (next, gap) = read_on(&mut stream).await;
    assert_eq!(
        gap.json(),
        json!({ "topic": topic, "partition": 0, "from": next, "to": 399, "reason": "expired" })
    );
    assert_eq!(stream.expect("message").await.json()["offset"], 399);
    stream.expect("caught-up").await;
    gateway.produce(&topic, "", "after").await.receipt();
    assert_eq!(stream.expect("message").await.json()["offset"], 400);
}

async fn of_several_losses_the_worst_is_named_and_every_gap_is_told(context: Context) {
    let (gateway, topic, kafka) =
        (context.gateway().await, context.topic("several", 3).await, context.kafka());
    for partition in 0..3 {
        kafka.writer().write_all(&topic, partition, (0..4).map(|_| Draft::value("1"))).await;
    }
    kafka.delete_records(&topic, 0, 2).await;
    let mut stream = gateway.stream(&topic, "from=0:1,1:2,2:9").await;
    assert_eq!(stream.header("kafka-stream-loss"), "truncated");
    assert_eq!(stream.expect("ready").await.json()["positions"], json!({ topic.as_str(): [2, 2, 4] }));
    let gaps = [stream.expect("gap").await.json(), stream.expect("gap").await.json()];
    let told = gaps.each_ref().map(|gap| (gap["partition"].as_i64(), gap["reason"].as_str()));
    assert_eq!(told, [(Some(0), Some("expired")), (Some(2), Some("truncated"))]);
    stream.records(4).await;
    stream.expect("caught-up").await;
}

async fn a_stream_that_looks_for_its_place_still_beats_and_ends(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context
        .gateway_before(&broker, |config| config.kafka.request_timeout = Duration::from_secs(12))
        .await;
    let (topic, mut stream) = held_up(&context, &gateway, &broker.kafka()).await;
    broker.kafka().delete_records(&topic, 0, 399).await;
    // Where the log begins now is not told before the request times out.
    broker.faults().delay(sluicegate::dev::ApiKey::ListOffsets, Duration::from_secs(60));
    let comments = stream.parser.comments;
    while stream.parser.comments == comments {
        assert!(stream.more().await, "the stream goes on");
    }
    let begun = Instant::now();
    let ending = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.stop().await }
    });
    while stream.more().await {}
    assert!(begun.elapsed() < Duration::from_secs(3), "it ended after {:?}", begun.elapsed());
    ending.await.expect("the gateway ends");
}

async fn who_wants_to_fail_is_refused_what_is_lost(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("fail", 1).await);
    gateway.produce(&topic, "", "{}").await.receipt();
    for query in ["from=0:7&on_loss=fail", "from=0:7&on_loss=fail&errors=status"] {
        let detail = send(gateway.streaming(&topic, query)).await.refusal(410, "position_lost");
        assert!(detail.contains("truncated"), "{detail}");
        let page =
            gateway.get(&format!("/v1/topics/{topic}/records?{query}").replace("&errors=status", "")).await;
        page.refusal(410, "position_lost");
    }
    let mut stream = gateway.stream(&topic, "from=0:0&on_loss=fail").await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.json()["offset"], 0);
}
