//! The head of the response and the events that are no records: `ready`, `caught-up`, the heartbeat.

use crate::harness::{Context, Draft, Test, send, until};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        the_head_and_the_first_byte_come_from_an_empty_topic_too,
        ready_tells_where_the_stream_begins_and_ends,
        a_record_is_data_and_an_id_and_nothing_else,
        caught_up_comes_once_where_the_end_was_told,
        partitions_that_are_not_read_hold_back_no_caught_up,
        caught_up_comes_where_the_last_records_were_aborted needs [Transactions],
        a_heartbeat_is_a_comment_without_a_blank_line,
        the_heartbeat_of_the_configuration_is_told,
        a_stream_is_never_compressed,
    ]
}

async fn the_head_and_the_first_byte_come_from_an_empty_topic_too(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("quiet", 2).await);
    let mut stream = gateway.stream(&topic, "").await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-store, no-transform");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert_eq!(stream.header("vary"), "Accept, Origin");
    assert_eq!(stream.header("kafka-stream-loss"), "none");
    assert!(!stream.header("x-request-id").is_empty());
    assert!(stream.headers.get("content-encoding").is_none(), "compression would hold frames back");
    let ready = stream.expect("ready").await;
    assert!(
        stream.raw.starts_with(b":\nevent: ready\nretry: "),
        "{:?}",
        String::from_utf8_lossy(&stream.raw)
    );
    assert_eq!(stream.header("kafka-stream-start"), ready.id);
    let caught_up = stream.expect("caught-up").await;
    assert_eq!(caught_up.json(), json!({ "positions": { topic: [0, 0] } }));
    assert_eq!(caught_up.id, ready.id);
}

async fn ready_tells_where_the_stream_begins_and_ends(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ready", 3).await);
    for (partition, count) in [(0, 3), (2, 1)] {
        for _ in 0..count {
            gateway.produce(&topic, &format!("partition={partition}"), "{}").await.receipt();
        }
    }
    for (query, positions) in
        [("from=earliest", [0, 0, 0]), ("from=latest", [3, 0, 1]), ("from=0:2", [2, 0, 1])]
    {
        let mut stream = gateway.stream(&topic, query).await;
        let ready = stream.expect("ready").await;
        let retry = ready.retry.expect("a client is told how long to wait");
        assert!((1000..10_000).contains(&retry.as_millis()), "{retry:?}");
        assert!(ready.id.starts_with("1."), "{}", ready.id);
        let mut told = ready.json();
        let max_age = told.as_object_mut().and_then(|told| told.remove("max_age_ms"));
        let max_age = max_age.and_then(|age| age.as_u64()).expect("a lifetime");
        assert!((720_000..900_000).contains(&max_age), "{max_age}");
        assert_eq!(
            told,
            json!({
                "topics": [&topic],
                "positions": { topic.as_str(): positions },
                "end": { topic.as_str(): [3, 0, 1] },
                "loss": "none",
                "heartbeat_ms": 15_000,
            }),
            "{query}"
        );
    }
}

async fn a_record_is_data_and_an_id_and_nothing_else(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("frames", 1).await);
    for body in ["{\"n\":1}", "two"] {
        gateway.produce(&topic, "", body).await.receipt();
    }
    for format in ["envelope", "value"] {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&format={format}")).await;
        stream.records(2).await;
        let text = String::from_utf8(stream.raw.clone()).expect("UTF-8");
        let blocks: Vec<Vec<&str>> = text.split("\n\n").map(|block| block.lines().collect()).collect();
        for block in &blocks[1..3] {
            assert!(block[0].starts_with("data: ") && block[1].starts_with("id: 1."), "{block:?}");
            assert_eq!(block.len(), 2, "{block:?}");
        }
    }
}

async fn caught_up_comes_once_where_the_end_was_told(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ends", 3).await);
    let produce = async |partition: i32| {
        gateway.produce(&topic, &format!("partition={partition}"), "1").await.receipt();
    };
    for partition in [0, 1, 1, 2] {
        produce(partition).await;
    }
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.expect("ready").await;
    for _ in 0..4 {
        stream.expect("message").await;
    }
    let caught_up = stream.expect("caught-up").await;
    assert_eq!(caught_up.json(), json!({ "positions": { topic.as_str(): [1, 2, 1] } }));
    for partition in [0, 1, 2, 2] {
        produce(partition).await;
        // `expect` fails if a second caught-up comes between.
        stream.expect("message").await;
    }
}

async fn partitions_that_are_not_read_hold_back_no_caught_up(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("selected", 2).await);
    for partition in [0, 1] {
        gateway.produce(&topic, &format!("partition={partition}"), "1").await.receipt();
    }
    let mut stream = gateway.stream(&topic, "from=1:0").await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.json()["partition"], 1);
    let caught_up = stream.expect("caught-up").await;
    // A partition that is not read stands at its end.
    assert_eq!(caught_up.json(), json!({ "positions": { topic: [1, 1] } }));
}

async fn caught_up_comes_where_the_last_records_were_aborted(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("aborted", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("kept")).await;
    writer.commit().await;
    writer.begin().await;
    for _ in 0..3 {
        writer.write(&topic, 0, &Draft::value("dropped")).await;
    }
    writer.abort().await;
    // One record, its marker, three aborted ones, their marker: which Kafka writes a moment after it confirms the abort.
    let end = json!({ topic.as_str(): [6] });
    let mut stream = until("the abort's marker is written", || async {
        let mut stream = gateway.stream(&topic, "from=earliest").await;
        (stream.expect("ready").await.json()["end"] == end).then_some(stream)
    })
    .await;
    assert_eq!(stream.expect("message").await.json()["value"], "kept");
    let caught_up = stream.expect("caught-up").await;
    assert_eq!(caught_up.json()["positions"], end);
    let mut again = gateway.stream(&topic, &format!("from={}", caught_up.id)).await;
    assert_eq!(again.expect("ready").await.json()["positions"], end);
    again.expect("caught-up").await;
}

async fn a_heartbeat_is_a_comment_without_a_blank_line(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("silence", 1).await);
    let mut stream = gateway.stream(&topic, "heartbeat=5s").await;
    assert_eq!(stream.expect("ready").await.json()["heartbeat_ms"], 5000);
    stream.expect("caught-up").await;
    let (before, comments, begun) = (stream.raw.len(), stream.parser.comments, Instant::now());
    while stream.parser.comments == comments {
        assert!(stream.more().await, "the stream goes on");
    }
    assert!(begun.elapsed() > Duration::from_millis(4500), "after {:?}", begun.elapsed());
    assert_eq!(stream.raw[before..], *b":\n");
    gateway.produce(&topic, "", "1").await.receipt();
    stream.expect("message").await;
    assert!(stream.raw[before..].starts_with(b":\ndata: "), "the record's block begins right after it");
}

async fn the_heartbeat_of_the_configuration_is_told(context: Context) {
    let topic = context.topic("configured", 1).await;
    let gateway = context.gateway_with(|config| config.streams.heartbeat = Duration::from_secs(33)).await;
    let mut stream = gateway.stream(&topic, "").await;
    assert_eq!(stream.expect("ready").await.json()["heartbeat_ms"], 33_000);
}

async fn a_stream_is_never_compressed(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("identity", 1).await);
    gateway.produce(&topic, "", "x".repeat(10_000)).await.receipt();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let path = format!("/v1/topics/{topic}/stream?from=earliest&until=now");
        let request = gateway.request("GET", &path).header("accept", accept);
        let reply = send(request.header("accept-encoding", "gzip, deflate, br, zstd")).await;
        assert_eq!((reply.status, reply.header("content-encoding")), (200, ""), "frames would be held back");
        assert!(reply.text().contains(&"x".repeat(10_000)), "{accept}");
    }
}
