//! Requests for a stream that is not opened: a plain status with a problem, also where events were asked for.

use crate::harness::{Context, DEADLINE, Gateway, Reply, Test, send};
use crate::tests;
use sluicegate::record::Cursor;

pub fn tests() -> Vec<Test> {
    tests![
        a_cursor_that_does_not_decode_is_refused_and_never_guessed,
        a_start_of_no_known_form_is_refused,
        a_cursor_over_the_limit_is_refused_by_its_length,
        a_topic_too_wide_for_any_cursor_is_refused_at_once,
        a_partition_that_is_not_there_is_refused,
        an_unknown_parameter_is_refused_and_the_known_ones_are_named,
        a_client_that_reads_no_events_is_refused,
        what_can_be_the_name_of_no_topic_is_refused,
        offsets_of_several_topics_are_refused,
        a_topic_that_is_not_there_is_refused_and_not_made,
    ]
}

/// A stream that should be refused, asked for as an EventSource does: these statuses end one, as they should.
async fn refused(gateway: &Gateway, topic: &str, query: &str) -> Reply {
    send(gateway.streaming(topic, query)).await
}

async fn a_cursor_that_does_not_decode_is_refused_and_never_guessed(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("cursors", 3).await);
    let mut stream = gateway.stream(&topic, "").await;
    let whole = stream.expect("ready").await.id;
    let mut bad: Vec<String> =
        ["2.AAAA", "g1.AAAA", "1.A", "1.AA==", "1.a b", "1.%2F%2F%2F%2F", "1.AAAAAAAAA", "e1.!"]
            .map(str::to_owned)
            .to_vec();
    bad.extend((3..whole.len()).map(|cut| whole[..cut].to_owned()));
    for text in bad {
        for query in [format!("from={text}"), format!("from=earliest&last_event_id={text}")] {
            refused(&gateway, &topic, &query).await.refusal(400, "invalid_cursor");
        }
    }
    for text in ["7", "x", "latest", "1"] {
        for name in ["last_event_id", "lastEventId"] {
            refused(&gateway, &topic, &format!("{name}={text}")).await.refusal(400, "invalid_cursor");
        }
        let request = gateway.streaming(&topic, "").header("last-event-id", text);
        send(request).await.refusal(400, "invalid_cursor");
    }
    let request = gateway.streaming(&topic, "").header("last-event-id", &b"1.\xff"[..]);
    send(request).await.refusal(400, "invalid_cursor");
}

async fn a_start_of_no_known_form_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("starts", 1).await);
    for from in [
        "",
        "first",
        "-0",
        "-10001",
        "2026-11-22",
        "0:",
        ":1",
        "0:1,",
        "0:-1",
        "0:1,0:2",
        "0:99999999999999999999",
    ] {
        let detail =
            refused(&gateway, &topic, &format!("from={from}")).await.refusal(400, "invalid_parameter");
        assert!(detail.starts_with("from"), "{detail}");
    }
    for query in [
        "format=xml",
        "heartbeat=5",
        "heartbeat=4s",
        "heartbeat=61s",
        "errors=no",
        "from=latest&from=earliest",
        "until=later",
        "partition=3-1",
        "partition=",
        "from=0:1&partition=1",
        "value=xml",
        "format=value&value=text",
        "isolation=none",
        "on_loss=ignore",
        "ids=none",
        "ping=yes",
        "max_age=9s",
        "max_age=25h",
    ] {
        refused(&gateway, &topic, query).await.refusal(400, "invalid_parameter");
    }
}

async fn a_cursor_over_the_limit_is_refused_by_its_length(context: Context) {
    let topic = context.topic("long", 1).await;
    let gateway = context.gateway_with(|config| config.streams.max_cursor_bytes = 256).await;
    let mut stream = gateway.stream(&topic, "").await;
    let mut cursor = Cursor::parse(&stream.expect("ready").await.id).expect("a cursor");
    cursor.segments[0].next = vec![1; 250];
    for query in [format!("from={cursor}"), format!("lastEventId={cursor}")] {
        let detail = refused(&gateway, &topic, &query).await.refusal(400, "selection_too_wide");
        assert!(detail.contains("256"), "{detail}");
    }
    let request = gateway.streaming(&topic, "").header("last-event-id", cursor.to_string());
    send(request).await.refusal(400, "selection_too_wide");
}

async fn a_topic_too_wide_for_any_cursor_is_refused_at_once(context: Context) {
    let topic = context.topic("wide", 200).await;
    let gateway = context
        .gateway_with(|config| {
            config.streams.max_cursor_bytes = 256;
            // So many leaders may take their time on a broker that is busy.
            config.kafka.request_timeout = DEADLINE;
        })
        .await;
    let detail = refused(&gateway, &topic, "").await.refusal(400, "selection_too_wide");
    assert!(detail.contains("256"), "{detail}");
    let mut stream = context.gateway().await.stream(&topic, "").await;
    assert!(stream.expect("ready").await.id.len() > 256);
}

async fn a_partition_that_is_not_there_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("partitions", 2).await);
    for from in ["2:0", "0:0,7:1", "2147483647:0"] {
        let reply = refused(&gateway, &topic, &format!("from={from}")).await;
        let detail = reply.refusal(400, "partition_out_of_range");
        assert!(detail.contains('2'), "it says how many there are: {detail}");
    }
}

async fn an_unknown_parameter_is_refused_and_the_known_ones_are_named(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("parameters", 1).await);
    let detail = refused(&gateway, &topic, "form=earliest").await.refusal(400, "unknown_parameter");
    for name in [
        "form",
        "from",
        "last_event_id",
        "lastEventId",
        "until",
        "partition",
        "value",
        "isolation",
        "on_loss",
        "format",
        "ids",
        "heartbeat",
        "ping",
        "max_age",
        "errors",
    ] {
        assert!(detail.contains(name), "{name} in {detail}");
    }
}

async fn a_client_that_reads_no_events_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("accept", 1).await);
    let path = format!("/v1/topics/{topic}/stream");
    for accept in
        ["application/json", "application/x-ndjson;q=0", "text/html, application/xml;q=0.9", "*/*;q=0"]
    {
        let reply = send(gateway.request("GET", &path).header("accept", accept)).await;
        reply.refusal(406, "not_acceptable");
    }
}

async fn what_can_be_the_name_of_no_topic_is_refused(context: Context) {
    let gateway = context.gateway().await;
    for topics in ["a%20b", "a,", ",", "a,b%20*", "%FF"] {
        refused(&gateway, topics, "").await.refusal(400, "invalid_topic");
    }
}

async fn offsets_of_several_topics_are_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("one", 1).await);
    for topics in [format!("{topic},{topic}-2"), format!("{topic}*")] {
        refused(&gateway, &topics, "from=0:0").await.refusal(400, "invalid_parameter");
    }
}

async fn a_topic_that_is_not_there_is_refused_and_not_made(context: Context) {
    let (gateway, name) = (context.gateway().await, context.name("missing"));
    let detail = refused(&gateway, &name, "from=earliest").await.refusal(404, "topic_not_found");
    assert!(detail.contains(&name), "{detail}");
    assert_eq!(context.kafka().partitions(&name).await, 0);
}
