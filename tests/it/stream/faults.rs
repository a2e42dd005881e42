//! What goes wrong while a stream opens or runs, told so that an EventSource comes back.

use crate::harness::{Context, Draft, Event, Gateway, Reply, Socket, Sse, Test, send, until};
use crate::tests;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_stream_without_room_is_a_fault_to_an_event_source,
        a_fault_in_place_of_a_status_repeats_the_cursor_that_was_brought,
        a_stream_without_room_is_a_status_to_everybody_else,
        a_place_is_free_again_when_its_viewer_has_left,
        a_client_is_told_of_what_it_has_too_many_streams,
        a_stream_that_finds_no_reader_of_the_log_is_told_so_and_one_at_the_end_needs_none,
        a_broker_that_is_away_is_a_fault_to_an_event_source,
        a_broker_that_comes_back_costs_a_running_stream_nothing,
        a_topic_deleted_under_a_stream_ends_it_with_a_final_fault needs [DeletionTold],
    ]
}

/// A gateway that may have a single stream, and that stream.
async fn taken(context: &Context) -> (Gateway, String, Sse) {
    let topic = context.topic("taken", 1).await;
    let gateway = context.gateway_with(|config| config.streams.max_streams = 1).await;
    let mut stream = gateway.stream(&topic, "").await;
    stream.expect("ready").await;
    (gateway, topic, stream)
}

/// The only event of a stream that did not open: a fault that stands for a status and asks to come back.
async fn fault(mut stream: Sse, statuses: &[u16]) -> Event {
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-store");
    let status: u16 = stream.header("kafka-stream-status").parse().expect("a status");
    assert!(statuses.contains(&status), "{status}");
    let (fault, id) = (stream.expect("fault").await, stream.header("x-request-id").to_owned());
    assert!(stream.raw.starts_with(b":\nevent: fault\n"));
    assert_eq!(fault.id, "", "an id would be taken for a position");
    assert!(fault.retry.is_some_and(|retry| retry >= Duration::from_secs(1)), "{fault:?}");
    let data = fault.json();
    assert_eq!((&data["final"], &data["problem"]["status"]), (&false.into(), &status.into()), "{data}");
    assert_eq!(data["problem"]["request_id"], id, "one id in the head and in the fault");
    assert_eq!(stream.next().await, None, "the connection closes");
    fault
}

async fn a_stream_without_room_is_a_fault_to_an_event_source(context: Context) {
    let (gateway, topic, _stream) = taken(&context).await;
    let request = gateway.streaming(&topic, "").header("x-request-id", "a-name-of-ours");
    let told = fault(Sse::open(request).await, &[503]).await.json();
    assert_eq!(told["problem"]["code"], "overloaded");
    assert_eq!(told["problem"]["request_id"], "a-name-of-ours");
    assert_eq!(told["problem"]["retryable"], true);
}

/// Some clients forget their cursor by a first event without an id.
async fn a_fault_in_place_of_a_status_repeats_the_cursor_that_was_brought(context: Context) {
    let (gateway, topic, mut stream) = taken(&context).await;
    gateway.produce(&topic, "", "{}").await.receipt();
    let id = stream.records(1).await.remove(0).id;
    for (query, header) in [(String::new(), id.clone()), (format!("from={id}"), String::new())] {
        let request = gateway.streaming(&topic, &query).header("last-event-id", header);
        let fault = Sse::open(request).await.expect("fault").await;
        assert_eq!(fault.id, id, "{query}");
    }
}

async fn a_stream_without_room_is_a_status_to_everybody_else(context: Context) {
    let (gateway, topic, _stream) = taken(&context).await;
    let path = format!("/v1/topics/{topic}/stream");
    let plain = |reply: Reply| {
        reply.refusal(503, "overloaded");
        assert_eq!(reply.header("retry-after"), "1");
        assert_eq!(reply.header("kafka-stream-status"), "");
    };
    plain(send(gateway.request("GET", &path).header("accept", "*/*")).await);
    plain(send(gateway.streaming(&topic, "errors=status")).await);
    fault(gateway.stream(&topic, "errors=fault").await, &[503]).await;
}

async fn a_place_is_free_again_when_its_viewer_has_left(context: Context) {
    let (gateway, topic, stream) = taken(&context).await;
    drop(stream);
    for _ in 0..5 {
        let mut next = until("a free place", async || {
            let stream = gateway.stream(&topic, "").await;
            stream.header("kafka-stream-status").is_empty().then_some(stream)
        })
        .await;
        next.expect("ready").await;
    }
}

async fn a_client_is_told_of_what_it_has_too_many_streams(context: Context) {
    let topics = [context.topic("one", 1).await, context.topic("two", 1).await];
    for (key, status, code) in [
        ("max_streams_per_address", 429, "too_many_streams"),
        ("max_streams_per_principal", 429, "too_many_streams"),
        ("max_streams_per_topic", 503, "overloaded"),
    ] {
        let gateway = context
            .gateway_with(|config| match key {
                "max_streams_per_address" => config.streams.max_streams_per_address = 2,
                "max_streams_per_principal" => config.streams.max_streams_per_principal = 2,
                _ => config.streams.max_streams_per_topic = 2,
            })
            .await;
        let mut first = gateway.stream(&topics[0], "").await;
        first.expect("ready").await;
        let mut second = gateway.stream(&topics.join(","), "").await;
        second.expect("ready").await;
        let refused = send(gateway.streaming(&topics[0], "errors=status")).await;
        assert!(refused.refusal(status, code).contains(key), "{}", refused.text());
        assert_eq!(refused.header("retry-after"), "1");
        let told = fault(gateway.stream(&topics[0], "").await, &[status]).await.json();
        assert_eq!((&told["problem"]["code"], &told["problem"]["retryable"]), (&code.into(), &true.into()));
        if key.ends_with("topic") {
            gateway.stream(&topics[1], "").await.expect("ready").await;
        }
    }
}

/// A stream that reads the log for a client that takes nothing. It sees uncommitted records, so nobody who sees only committed
/// ones can read by its reader.
pub async fn stuck(context: &Context, gateway: &Gateway) -> Socket {
    let (topic, writer) = (context.topic("stuck", 1).await, context.kafka().writer());
    let value = "x".repeat(500_000);
    for _ in 0..60 {
        writer.write(&topic, 0, &Draft::value(&value)).await;
    }
    let mut socket = Socket::connect(gateway.address()).await;
    let path = format!("/v1/topics/{topic}/stream?from=earliest&isolation=uncommitted");
    socket.write(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", gateway.address())).await;
    until("the log is read", async || (gateway.metric("sluicegate_stream_readers").await == 1).then_some(()))
        .await;
    socket
}

async fn a_stream_that_finds_no_reader_of_the_log_is_told_so_and_one_at_the_end_needs_none(context: Context) {
    let topic = context.topic("log", 1).await;
    let small = |config: &mut sluicegate::config::Config| {
        config.streams.max_readers = 1;
        // A ring that is too small to begin before the end.
        config.streams.ring_bytes = 1000;
    };
    let gateway = context.gateway_with(small).await;
    context.kafka().writer().write_numbers(&topic, 0, 0..2).await;
    let stuck = stuck(&context, &gateway).await;
    send(gateway.streaming(&topic, "from=earliest&errors=status")).await.refusal(503, "overloaded");
    fault(gateway.stream(&topic, "from=0:1").await, &[503]).await;
    let mut live = gateway.stream(&topic, "").await;
    live.expect("ready").await;
    gateway.produce(&topic, "", "2").await.receipt();
    assert_eq!(live.records(1).await[0].address(), (0, 2));
    // What its ring holds needs no reader either.
    let mut resumed = gateway.stream(&topic, "from=0:2").await;
    assert_eq!(resumed.records(1).await[0].address(), (0, 2));
    drop(stuck);
    let mut read = until("the reader is free again", async || {
        let stream = gateway.stream(&topic, "from=earliest").await;
        stream.header("kafka-stream-status").is_empty().then_some(stream)
    })
    .await;
    assert_eq!(read.records(3).await[0].address(), (0, 0));
}

async fn a_broker_that_is_away_is_a_fault_to_an_event_source(context: Context) {
    let (broker, topic) = (context.own_broker().await, context.name("away"));
    broker.kafka().create_topic(&topic, 1, &[]).await;
    let short = Duration::from_secs(1);
    let gateway = context.gateway_before(&broker, |config| config.kafka.request_timeout = short).await;
    gateway.stream(&topic, "").await.expect("ready").await;
    broker.away().await;
    let told = fault(gateway.stream(&topic, "").await, &[503, 504]).await.json();
    assert_eq!(told["problem"]["retryable"], true, "{told}");
    let plain = send(gateway.streaming(&topic, "errors=status")).await;
    assert!([503, 504].contains(&plain.status), "{}", plain.status);
    broker.back().await;
    let mut stream = until("the broker is found again", async || {
        let stream = gateway.stream(&topic, "").await;
        stream.header("kafka-stream-status").is_empty().then_some(stream)
    })
    .await;
    stream.expect("ready").await;
}

async fn a_broker_that_comes_back_costs_a_running_stream_nothing(context: Context) {
    let (broker, topic) = (context.own_broker().await, context.name("outage"));
    broker.kafka().create_topic(&topic, 2, &[]).await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let mut stream = gateway.stream(&topic, "").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    let mut written = [0, 0];
    for _ in 0..3 {
        for (partition, next) in written.iter_mut().enumerate() {
            let writer = broker.kafka().writer();
            writer.write_all(&topic, partition as i32, (0..5).map(|_| Draft::value("1"))).await;
            *next += 5;
        }
        broker.away().await;
        broker.back().await;
    }
    let mut seen = [0, 0];
    for record in stream.records(30).await {
        let record = record.json();
        let partition = record["partition"].as_u64().expect("a partition") as usize;
        assert_eq!(record["offset"], seen[partition], "without a hole and without a repeat");
        seen[partition] += 1;
    }
    assert_eq!(seen, written);
    broker.kafka().writer().write(&topic, 0, &Draft::value("after")).await;
    assert_eq!(stream.expect("message").await.json()["value"], "after");
}

async fn a_topic_deleted_under_a_stream_ends_it_with_a_final_fault(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("deleted", 2).await);
    gateway.produce(&topic, "partition=1", "1").await.receipt();
    let request = gateway.streaming(&topic, "from=earliest").header("x-request-id", "deleted-under-it");
    let mut stream = Sse::open(request).await;
    stream.expect("ready").await;
    stream.expect("message").await;
    let last = stream.expect("caught-up").await.id;
    context.kafka().delete_topic(&topic).await;
    let fault = stream.expect("fault").await;
    let told = fault.json();
    assert_eq!((&told["final"], &told["problem"]["code"]), (&true.into(), &"topic_not_found".into()));
    assert_eq!(told["problem"]["request_id"], "deleted-under-it");
    assert_eq!((fault.retry, fault.id), (None, last.clone()), "the position stays what it was");
    assert_eq!(stream.next().await, None, "nothing follows");
    let request = gateway.streaming(&topic, "from=earliest").header("last-event-id", &last);
    send(request).await.refusal(404, "topic_not_found");
}
