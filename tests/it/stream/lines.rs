//! Newline-delimited JSON: the same stream, one object a line.

use crate::harness::{Context, Draft, Lines, Sse, Test, send};
use crate::tests;
use serde_json::{Value, json};
use sluicegate::record::Cursor;

pub fn tests() -> Vec<Test> {
    tests![
        the_head_of_lines_is_that_of_a_stream,
        a_line_is_what_an_event_would_be,
        a_gap_is_a_line_with_a_cursor,
        the_client_chooses_between_events_and_lines,
        events_go_on_from_a_line_and_lines_from_an_event,
        a_record_that_is_no_json_is_a_fault_with_a_cursor_in_its_place,
        lines_have_no_values_alone,
        lines_that_do_not_open_have_a_plain_status,
    ]
}

async fn the_head_of_lines_is_that_of_a_stream(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("head", 1).await);
    let mut lines = gateway.lines(&topic, "").await;
    assert_eq!(lines.status, 200);
    for (name, value) in [
        ("content-type", "application/x-ndjson"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("vary", "Accept, Origin"),
        ("kafka-stream-loss", "none"),
        ("content-encoding", ""),
    ] {
        assert_eq!(lines.header(name), value, "{name}");
    }
    let ready = lines.expect("ready").await;
    assert_eq!(ready["cursor"], lines.header("kafka-stream-start"));
    assert!(
        lines.raw.starts_with(b"{\"@\":\"ready\",\"cursor\":\"1."),
        "{:?}",
        String::from_utf8_lossy(&lines.raw)
    );
    assert_eq!(lines.expect("caught-up").await["cursor"], ready["cursor"]);
}

async fn a_line_is_what_an_event_would_be(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("same", 2).await);
    let values: [&[u8]; 7] = [b"{\"a\": [1,\r\n2]}", b"text\r\n", b"\xff", b"", b"null", b"\"s\"", b"0"];
    let drafts: Vec<_> = values.iter().map(|value| Draft::value(value).key("k\n")).collect();
    let writer = context.kafka().writer();
    writer.write_all(&topic, 1, drafts).await;
    writer.write(&topic, 1, &Draft { key: Some(b"\xfe".to_vec()), ..Draft::default() }).await;
    for form in ["", "&value=text", "&value=base64"] {
        let query = format!("from=earliest&until=now{form}");
        let mut stream = gateway.stream(&topic, &query).await;
        let mut lines = gateway.lines(&topic, &query).await;
        let mut count = 0;
        while let Some(mut line) = lines.next().await {
            let event = stream.next().await.expect("as many events as lines");
            let members = line.as_object_mut().expect("an object");
            let (name, cursor) = (members.remove("@"), members.remove("cursor"));
            assert_eq!(name.as_ref().map_or("message", |name| name.as_str().expect("a name")), event.kind);
            assert_eq!(cursor, Some(json!(event.id)), "{event:?}");
            let mut data = event.json();
            if let Some(data) = data.as_object_mut() {
                data.remove("max_age_ms");
            }
            assert_eq!(line, data);
            count += 1;
        }
        assert_eq!((stream.next().await, count), (None, 8 + 3), "ready, caught-up and end besides");
        assert_eq!(lines.raw.iter().filter(|byte| **byte == b'\n').count(), count, "one line each");
        assert!(!lines.raw.contains(&b'\r'));
    }
}

async fn a_gap_is_a_line_with_a_cursor(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("gap", 1).await);
    gateway.produce(&topic, "", "1").await.receipt();
    let mut lines = gateway.lines(&topic, "from=0:9").await;
    assert_eq!(lines.header("kafka-stream-loss"), "truncated");
    let ready = lines.expect("ready").await;
    assert_eq!(ready["loss"], "truncated");
    let gap = lines.expect("gap").await;
    let told = json!({ "@": "gap", "cursor": ready["cursor"], "topic": topic, "partition": 0, "from": 9, "to": 1, "reason": "truncated" });
    assert_eq!(gap, told);
    lines.expect("caught-up").await;
}

async fn the_client_chooses_between_events_and_lines(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("accept", 1).await);
    let path = format!("/v1/topics/{topic}/stream");
    for (accept, kind) in [
        ("application/x-ndjson", "application/x-ndjson"),
        ("Application/X-NDJSON", "application/x-ndjson"),
        ("application/*", "application/x-ndjson"),
        ("application/x-ndjson, */*", "application/x-ndjson"),
        ("application/x-ndjson, */*;q=0.1", "application/x-ndjson"),
        ("text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/event-stream;q=0, */*", "application/x-ndjson"),
        ("application/x-ndjson;q=0.5, text/event-stream", "text/event-stream"),
        ("application/x-ndjson, text/event-stream", "text/event-stream"),
        ("application/x-ndjson;q=0.5, */*", "text/event-stream"),
        ("*/*", "text/event-stream"),
        ("application/json, */*;q=0.1", "text/event-stream"),
    ] {
        let lines = Lines::open(gateway.request("GET", &path).header("accept", accept)).await;
        assert_eq!((lines.status, lines.header("content-type")), (200, kind), "{accept}");
    }
    for accept in ["application/json", "application/x-ndjson;q=0, text/html"] {
        let refused = send(gateway.request("GET", &path).header("accept", accept)).await;
        refused.refusal(406, "not_acceptable");
    }
}

fn cursor(line: &Value) -> &str {
    line["cursor"].as_str().expect("a cursor")
}

async fn events_go_on_from_a_line_and_lines_from_an_event(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("change", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..9).await;
    let mut id = String::from("earliest");
    for round in 0..3 {
        let mut lines = gateway.lines(&topic, &format!("from={id}")).await;
        let begun = lines.expect("ready").await;
        assert!(Cursor::parse(cursor(&begun)).is_ok());
        let mut line = lines.expect("").await;
        assert_eq!(line["offset"], 3 * round);
        line = lines.expect("").await;
        assert_eq!(line["offset"], 3 * round + 1);
        let request = gateway.streaming(&topic, "").header("last-event-id", cursor(&line));
        let record = Sse::open(request).await.records(1).await.remove(0);
        assert_eq!(record.address(), (0, 3 * round + 2));
        id = record.id;
    }
}

async fn a_record_that_is_no_json_is_a_fault_with_a_cursor_in_its_place(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("json", 1).await);
    for value in ["1", "not json", "2"] {
        gateway.produce(&topic, "", value).await.receipt();
    }
    let mut lines = gateway.lines(&topic, "from=earliest&value=json").await;
    lines.expect("ready").await;
    assert_eq!(lines.expect("").await["value"], 1);
    let fault = lines.expect("fault").await;
    assert_eq!((&fault["final"], &fault["problem"]["code"]), (&json!(false), &json!("value_not_json")));
    assert_eq!(lines.expect("").await["value"], 2);
    let mut lines = gateway.lines(&topic, &format!("value=json&from={}", cursor(&fault))).await;
    lines.expect("ready").await;
    assert_eq!(lines.expect("").await["value"], 2);
}

async fn lines_have_no_values_alone(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("values", 1).await);
    let path = format!("/v1/topics/{topic}/stream?format=value");
    let request = gateway.request("GET", &path).header("accept", "application/x-ndjson");
    assert!(send(request).await.refusal(400, "invalid_parameter").contains("format"));
    assert_eq!(gateway.lines(&topic, "format=envelope").await.status, 200);
}

async fn lines_that_do_not_open_have_a_plain_status(context: Context) {
    let topic = context.topic("full", 1).await;
    let gateway = context.gateway_with(|config| config.streams.max_streams = 1).await;
    let mut taken = gateway.lines(&topic, "").await;
    taken.expect("ready").await;
    let path = format!("/v1/topics/{topic}/stream");
    for accept in ["application/x-ndjson", "application/x-ndjson, text/event-stream;q=0.5"] {
        let refused = send(gateway.request("GET", &path).header("accept", accept)).await;
        refused.refusal(503, "overloaded");
        assert_eq!(refused.header("kafka-stream-status"), "", "{accept}");
    }
}
