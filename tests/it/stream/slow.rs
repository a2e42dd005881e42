//! Readers that are slow or gone: what they cost the gateway, looked at from outside the process.

use crate::harness::{Child, Context, Draft, Event, Socket, Test, until};
use crate::tests;
use std::net::SocketAddr;

pub fn tests() -> Vec<Test> {
    tests![
        a_reader_that_stops_costs_bounded_memory_and_loses_nothing,
        viewers_that_leave_abruptly_leave_nothing_behind,
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
    assert!(sent > 60 && grown < 24, "{grown} MiB more for a reader that takes nothing of {sent} MiB");
    let mut next = [0; PARTITIONS];
    for Event { data, .. } in stream.records(PARTITIONS * ROUNDS).await {
        let mut words = data.split(' ').map(|word| word.parse::<usize>());
        let (partition, n) = (words.next().expect("two").expect("a number"), words.next().expect("two"));
        assert_eq!((n, data.len()), (Ok(next[partition]), BYTES), "partition {partition}");
        next[partition] += 1;
    }
    assert_eq!(next, [ROUNDS; PARTITIONS]);
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
    until("one live topic", async || (gateway.metric("sluicegate_live_topics").await == 1).then_some(()))
        .await;
    drop(open);
    until("every stream is gone", gone).await;
    until("their threads have ended", async || (status_of(&child, "Threads") <= threads).then_some(())).await;
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
