//! Where a stream begins, and which of several positions decides.

use crate::harness::{Context, Event, Gateway, Sse, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        what_is_produced_after_the_head_is_always_seen,
        earliest_begins_with_the_first_record,
        explicit_offsets_choose_partitions_and_their_starts,
        a_selection_outlives_the_reconnect,
        a_cursor_in_from_is_a_position,
        the_header_goes_before_the_query_and_an_id_before_from,
        an_empty_id_counts_as_none,
        a_cursor_without_segments_has_seen_nothing,
        a_finished_cursor_ends_an_event_source_for_good,
        clients_that_name_no_type_get_events_too,
        a_topic_is_streamed_right_after_it_was_made,
        a_topic_is_streamed_though_a_broker_hears_late_of_it,
    ]
}

/// Partition and offset of a record.
fn address(record: &Event) -> (i64, i64) {
    let data = record.json();
    (data["partition"].as_i64().expect("a partition"), data["offset"].as_i64().expect("an offset"))
}

/// Makes a topic with `counts[p]` records in partition `p`.
async fn filled(context: &Context, gateway: &Gateway, counts: &[usize]) -> String {
    let topic = context.topic("filled", counts.len() as i32).await;
    for (partition, count) in counts.iter().enumerate() {
        for n in 0..*count {
            gateway.produce(&topic, &format!("partition={partition}"), n.to_string()).await.receipt();
        }
    }
    topic
}

/// The ids of the records of a topic with one partition, by offset.
async fn ids(gateway: &Gateway, topic: &str, count: usize) -> Vec<String> {
    let mut stream = gateway.stream(topic, "from=earliest").await;
    stream.records(count).await.into_iter().map(|record| record.id).collect()
}

async fn what_is_produced_after_the_head_is_always_seen(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("head", 3).await);
    for round in 0..50 {
        let mut stream = gateway.stream(&topic, "from=latest").await;
        let sent = gateway.produce(&topic, "", round.to_string()).await.receipt();
        let record = stream.records(1).await.remove(0);
        assert_eq!(record.json()["value"], round, "another round's record");
        assert_eq!(address(&record), (sent.0.into(), sent.1));
    }
}

async fn earliest_begins_with_the_first_record(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[3, 2]).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    let mut seen: Vec<_> = stream.records(5).await.iter().map(address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
}

async fn explicit_offsets_choose_partitions_and_their_starts(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[4, 2, 0, 3]).await;
    let mut stream = gateway.stream(&topic, "from=3:1,0:2").await;
    let ready = stream.expect("ready").await.json();
    assert_eq!(ready["positions"], json!({ topic.as_str(): [2, 2, 0, 1] }));
    let mut seen: Vec<_> = stream.records(4).await.iter().map(address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 2), (0, 3), (3, 1), (3, 2)]);
    stream.expect("caught-up").await;
    // What comes to the other partitions is not seen.
    for partition in [1, 2, 3] {
        gateway.produce(&topic, &format!("partition={partition}"), "later").await.receipt();
    }
    assert_eq!(address(&stream.expect("message").await), (3, 3));
}

async fn a_selection_outlives_the_reconnect(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[3, 3]).await;
    let mut stream = gateway.stream(&topic, "from=1:1").await;
    let first = stream.records(1).await.remove(0);
    assert_eq!(address(&first), (1, 1));
    drop(stream);
    gateway.produce(&topic, "partition=0", "unwanted").await.receipt();
    let request = gateway.streaming(&topic, "from=1:1").header("last-event-id", &first.id);
    let mut stream = Sse::open(request).await;
    stream.expect("ready").await;
    assert_eq!(address(&stream.expect("message").await), (1, 2));
    stream.expect("caught-up").await;
}

async fn a_cursor_in_from_is_a_position(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[4]).await;
    let ids = ids(&gateway, &topic, 4).await;
    let mut stream = gateway.stream(&topic, &format!("from={}", ids[1])).await;
    assert_eq!(stream.header("kafka-stream-start"), ids[1]);
    stream.expect("ready").await;
    assert_eq!(address(&stream.expect("message").await), (0, 2));
}

async fn the_header_goes_before_the_query_and_an_id_before_from(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[6]).await;
    let ids = ids(&gateway, &topic, 6).await;
    let queries = [
        format!("from={}&lastEventId={}&last_event_id={}", ids[0], ids[1], ids[2]),
        format!("from={}&lastEventId={}", ids[0], ids[1]),
        format!("from=earliest&last_event_id={}", ids[2]),
        format!("from=latest&lastEventId={}", ids[1]),
        format!("from={}", ids[0]),
    ];
    for (query, expected) in queries.iter().zip([3, 2, 3, 2, 1]) {
        let mut plain = gateway.stream(&topic, query).await;
        plain.expect("ready").await;
        assert_eq!(address(&plain.expect("message").await), (0, expected), "{query}");
        let mut headed = Sse::open(gateway.streaming(&topic, query).header("Last-Event-ID", &ids[3])).await;
        headed.expect("ready").await;
        assert_eq!(address(&headed.expect("message").await), (0, 4), "{query} and a header");
    }
}

async fn an_empty_id_counts_as_none(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[3]).await;
    let ids = ids(&gateway, &topic, 3).await;
    for (query, expected) in [
        ("from=earliest".to_owned(), 0),
        ("from=earliest&last_event_id=&lastEventId=".to_owned(), 0),
        (format!("from=earliest&last_event_id=&lastEventId={}", ids[1]), 2),
    ] {
        let mut stream = Sse::open(gateway.streaming(&topic, &query).header("last-event-id", "")).await;
        stream.expect("ready").await;
        assert_eq!(address(&stream.expect("message").await), (0, expected), "{query}");
    }
}

async fn a_cursor_without_segments_has_seen_nothing(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[1]).await;
    let mut stream = gateway.stream(&topic, "from=1.").await;
    assert_eq!(stream.header("kafka-stream-loss"), "none", "it is never foreign");
    stream.expect("ready").await;
    assert_eq!(address(&stream.expect("message").await), (0, 0));
}

async fn a_finished_cursor_ends_an_event_source_for_good(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[1]).await;
    let finished = format!("e{}", ids(&gateway, &topic, 1).await[0]);
    for query in [format!("from={finished}"), format!("last_event_id={finished}")] {
        let stream = gateway.stream(&topic, &query).await;
        assert_eq!(stream.status, 204, "{query}");
    }
    let request = gateway.streaming(&topic, "from=earliest").header("last-event-id", &finished);
    let mut stream = Sse::open(request).await;
    assert_eq!((stream.status, stream.rest().await.len()), (204, 0));
}

async fn clients_that_name_no_type_get_events_too(context: Context) {
    let gateway = context.gateway().await;
    let topic = filled(&context, &gateway, &[1]).await;
    let path = format!("/v1/topics/{topic}/stream?from=earliest");
    for accept in ["*/*", "text/*", "text/event-stream", "application/json, text/event-stream;q=0.1"] {
        let mut stream = Sse::open(gateway.request("GET", &path).header("accept", accept)).await;
        assert_eq!(stream.header("content-type"), "text/event-stream", "{accept}");
        stream.expect("ready").await;
        stream.expect("message").await;
    }
}

async fn a_topic_is_streamed_right_after_it_was_made(context: Context) {
    let gateway = context.gateway().await;
    for round in 0..5 {
        let topic = context.name(&format!("new-{round}"));
        let made = gateway.put(&format!("/v1/topics/{topic}"), r#"{"partitions":40}"#).await;
        made.json(201);
        let mut stream = gateway.stream(&topic, "").await;
        stream.expect("ready").await;
        gateway.produce(&topic, "partition=39", "1").await.receipt();
        assert_eq!(address(&stream.records(1).await[0]), (39, 0));
    }
}

async fn a_topic_is_streamed_though_a_broker_hears_late_of_it(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    gateway.put("/v1/topics/new", "").await.json(201);
    broker.faults().hear_late_of_topics(10);
    gateway.stream("new", "").await.expect("ready").await;
    // One that was never seen is not waited for.
    send(gateway.streaming("never", "")).await.refusal(404, "topic_not_found");
}
