//! Readers that are slow or gone: what they cost the gateway, looked at from outside the process.

use crate::harness::{Child, Context, Draft, Event, Gateway, Socket, Sse, Test, until};
use crate::tests;
use serde_json::json;
use sluicegate::config::Config;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_reader_that_stops_costs_bounded_memory_and_loses_nothing,
        viewers_that_leave_abruptly_leave_nothing_behind,
        a_slow_client_skips_what_it_missed_if_it_asked_to_and_hears_of_it,
        a_slow_client_is_closed_if_it_asked_to_and_comes_back_to_all_of_it,
        a_client_that_falls_further_and_further_behind_is_asked_to_come_back,
    ]
}

/// A number from `/proc/PID/status`, such as `VmRSS` in KiB.
fn status_of(child: &Child, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("our own child");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()).expect("the field is there");
    number.parse().expect("a number")
}

async fn a_reader_that_stops_costs_bounded_memory_and_loses_nothing(context: Context) {
    const PARTITIONS: usize = 32;
    const ROUNDS: usize = 20;
    const BYTES: usize = 100_000;
    let topic = context.topic("stalled", PARTITIONS as i32).await;
    let mut child = context.serve(&[("SLUICEGATE_LISTEN__WRITE_TIMEOUT", "5m")]);
    let mut stream = child.gateway().await.stream(&topic, "format=value").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    let (before, writer) = (status_of(&child, "VmRSS"), context.kafka().writer());
    let value = |partition: usize, n: usize| {
        let mut value = format!("{partition} {n} ").into_bytes();
        value.resize(BYTES, b'x');
        Draft::value(value)
    };
    for round in 0..ROUNDS {
        for partition in 0..PARTITIONS {
            writer.write_all(&topic, partition as i32, [value(partition, round)]).await;
        }
    }
    let grown = status_of(&child, "VmRSS").saturating_sub(before) / 1024;
    let sent = PARTITIONS * ROUNDS * BYTES / (1 << 20);
    // The ring of the topic, and that of the stretch of the log that is read for it when the ring has left it behind.
    assert!(sent > 60 && grown < 32, "{grown} MiB more for a reader that takes nothing of {sent} MiB");
    let mut next = [0; PARTITIONS];
    for Event { data, .. } in stream.records(PARTITIONS * ROUNDS).await {
        let mut words = data.split(' ').map(|word| word.parse::<usize>());
        let (partition, n) = (words.next().expect("two").expect("a number"), words.next().expect("two"));
        assert_eq!((n, data.len()), (Ok(next[partition]), BYTES), "partition {partition}");
        next[partition] += 1;
    }
    assert_eq!(next, [ROUNDS; PARTITIONS]);
}

/// Records that are larger, all together, than what a connection holds on its way.
const MANY: i64 = 400;

fn large() -> Draft {
    Draft::value("x".repeat(100_000))
}

/// A gateway with a small ring, and a stream of a topic that takes nothing while many records are written.
async fn slow(context: &Context, query: &str) -> (Gateway, Event, Sse) {
    let topic = context.topic("slow", 1).await;
    let small = |config: &mut Config| {
        config.streams.ring_bytes = 1_000_000;
        config.streams.max_lag_bytes = 2_000_000;
    };
    let gateway = context.gateway_with(small).await;
    let mut stream = gateway.stream(&topic, query).await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    // Who has never been at the end is not slow.
    gateway.produce(&topic, "", "first").await.receipt();
    let first = stream.records(1).await.remove(0);
    context.kafka().writer().write_all(&topic, 0, (1..MANY).map(|_| large())).await;
    (gateway, first, stream)
}

fn topic(record: &Event) -> String {
    record.json()["topic"].as_str().expect("a name").to_owned()
}

async fn a_slow_client_skips_what_it_missed_if_it_asked_to_and_hears_of_it(context: Context) {
    let (gateway, first, mut stream) = slow(&context, "on_slow=skip").await;
    let (mut next, mut skipped) = (1, 0);
    while next < MANY {
        let event = stream.next().await.expect("it goes on");
        if event.kind == "gap" {
            let data = event.json();
            assert_eq!((&data["reason"], &data["from"]), (&json!("slow"), &json!(next)), "{data}");
            let to = data["to"].as_i64().expect("a number");
            assert!(to > next, "{data}");
            (next, skipped) = (to, skipped + to - next);
        } else if event.kind == "message" {
            assert_eq!(event.address(), (0, next));
            next += 1;
        }
    }
    assert!(skipped > 0, "nothing was slow about it");
    gateway.produce(&topic(&first), "", "new").await.receipt();
    assert_eq!(stream.records(1).await[0].address(), (0, MANY));
    assert_eq!(gateway.metric("sluicegate_streams_overrun_total").await.min(1), 1);
}

async fn a_slow_client_is_closed_if_it_asked_to_and_comes_back_to_all_of_it(context: Context) {
    let (gateway, first, mut stream) = slow(&context, "on_slow=close").await;
    let (topic, mut next, mut id) = (topic(&first), 1, first.id);
    let drain = loop {
        let event = stream.next().await.expect("a drain comes first");
        if event.kind == "drain" {
            break event;
        }
        assert_eq!(event.address(), (0, next));
        (next, id) = (next + 1, event.id);
    };
    assert_eq!(drain.json(), json!({ "reason": "slow", "reconnect": true }));
    assert!(drain.retry.is_some() && next < MANY, "{drain:?} after {next}");
    assert_eq!(stream.next().await, None);
    let mut again = Sse::open(gateway.streaming(&topic, "on_slow=close").header("last-event-id", &id)).await;
    for record in again.records((MANY - next) as usize).await {
        assert_eq!(record.address(), (0, next));
        next += 1;
    }
}

async fn a_client_that_falls_further_and_further_behind_is_asked_to_come_back(context: Context) {
    let (_gateway, first, mut stream) = slow(&context, "on_slow=replay").await;
    let topic = topic(&first);
    let writer = context.kafka().writer();
    let deadline = Instant::now() + Duration::from_secs(60);
    let drain = loop {
        assert!(Instant::now() < deadline, "it would go on for ever");
        // For each that it takes two are written.
        let two = [(); 2].map(|()| Draft::value("y".repeat(10_000)));
        writer.write_all(&topic, 0, two).await;
        let event = stream.next().await.expect("a drain comes first");
        assert!(["message", "drain", "checkpoint"].contains(&event.kind.as_str()), "{event:?}");
        if event.kind == "drain" {
            break event;
        }
    };
    assert_eq!(drain.json()["reason"], "slow");
}

async fn viewers_that_leave_abruptly_leave_nothing_behind(context: Context) {
    const VIEWERS: usize = 100;
    let topic = context.topic("viewers", 1).await;
    let mut child = context.serve(&[]);
    let gateway = child.gateway().await;
    let address = gateway.address();
    // One viewer first, so that what the gateway itself starts when it is first used does not count.
    drop(viewer(address, topic.clone()).await);
    let gone = async || {
        let open = gateway.metric("sluicegate_streams").await;
        (open == 0).then_some(())
    };
    until("the first viewer is gone", gone).await;
    let threads = status_of(&child, "Threads");
    let viewers = (0..VIEWERS).map(|_| tokio::spawn(viewer(address, topic.clone())));
    let mut open = Vec::new();
    for viewer in viewers.collect::<Vec<_>>() {
        open.push(viewer.await.expect("it opens"));
    }
    assert_eq!(gateway.metric("sluicegate_streams").await, VIEWERS);
    assert_eq!(gateway.metric("sluicegate_stream_readers").await, 0, "none has a reader of its own");
    // Questions to Kafka have threads, which stay for a while; there are never more than a few.
    assert!(status_of(&child, "Threads") < threads + VIEWERS / 4, "none has a thread of its own");
    until("one live topic", async || (gateway.metric("sluicegate_live_topics").await == 1).then_some(()))
        .await;
    drop(open);
    until("every stream is gone", gone).await;
}

/// A stream that has begun, on a connection that can be cut.
async fn viewer(address: SocketAddr, topic: String) -> Socket {
    let mut socket = Socket::connect(address).await;
    let request = format!(
        "GET /v1/topics/{topic}/stream HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n"
    );
    socket.write(request).await;
    socket.read_past("event: caught-up").await;
    socket
}
