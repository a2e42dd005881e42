//! What slow clients hold of that which is sent to all: bounded, at the cost of the slowest.

use crate::harness::{Context, Draft, Gateway, Sse, Test, until};
use crate::tests;
use sluicegate::config::Config;

pub fn tests() -> Vec<Test> {
    tests![
        clients_that_hold_too_much_are_cut_the_slowest_first_and_nobody_else_notices,
        no_more_clients_are_cut_than_it_takes,
    ]
}

const VIEWERS: i64 = 24;
const EACH: i64 = 10;
const MOST: usize = 1_000_000;
const CUT: &str = r#"sluicegate_http_connections_overdue_total{reason="pinned"}"#;
const PINNED: &str = "sluicegate_pinned_bytes";

async fn clients_that_hold_too_much_are_cut_the_slowest_first_and_nobody_else_notices(context: Context) {
    let topic = context.topic("pinned", 1).await;
    let small = |config: &mut Config| {
        config.streams.ring_bytes = 1_000_000;
        config.streams.max_pinned_bytes = MOST;
    };
    let (gateway, writer) = (context.gateway_with(small).await, context.kafka().writer());
    let mut reads = gateway.stream(&topic, "").await;
    reads.expect("ready").await;
    reads.expect("caught-up").await;
    // They come one after the other and take nothing, so that each is left with records of its own.
    let mut stuck = Vec::new();
    for n in 0..VIEWERS {
        let mut stream = gateway.stream(&topic, "").await;
        stream.expect("ready").await;
        stream.expect("caught-up").await;
        stuck.push(stream);
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(100_000)))).await;
        for (record, offset) in reads.records(EACH as usize).await.iter().zip(n * EACH..) {
            assert_eq!(record.address(), (0, offset));
        }
    }
    let cut = r#"sluicegate_http_connections_overdue_total{reason="pinned"}"#;
    until("the slowest are cut", async || (gateway.metric(cut).await > 0).then_some(())).await;
    until("the others hold what they may", async || {
        (gateway.metric("sluicegate_pinned_bytes").await <= MOST).then_some(())
    })
    .await;
    let cut = gateway.metric(cut).await as i64;
    assert!(cut < VIEWERS - 1, "not all of them: {cut}");
    assert_eq!(gateway.metric("sluicegate_streams").await as i64, VIEWERS + 1 - cut);
    // The last to come has lost nothing, and neither has who reads.
    let last = stuck.pop().expect("the last").records(EACH as usize).await;
    for (record, offset) in last.iter().zip((VIEWERS - 1) * EACH..) {
        assert_eq!(record.address(), (0, offset));
    }
    drop(stuck);
    until("nothing is held", async || (gateway.metric("sluicegate_pinned_bytes").await == 0).then_some(()))
        .await;
    gateway.produce(&topic, "", "1").await.receipt();
    assert_eq!(reads.records(1).await[0].address(), (0, VIEWERS * EACH));
}

/// A gateway with a small ring, where slow clients may hold `most` bytes, and a stream that is read.
async fn watched(context: &Context, topic: &str, most: usize) -> (Gateway, Sse) {
    let small = |config: &mut Config| {
        config.streams.ring_bytes = 1_000_000;
        config.streams.max_pinned_bytes = most;
    };
    let gateway = context.gateway_with(small).await;
    let reads = open(&gateway, topic).await;
    (gateway, reads)
}

async fn open(gateway: &Gateway, topic: &str) -> Sse {
    let mut stream = gateway.stream(topic, "").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    stream
}

async fn no_more_clients_are_cut_than_it_takes(context: Context) {
    // One client holds as much as many blocks.
    const LARGE: usize = 900_000;
    const MOST: usize = 10_000_000;
    let topic = context.topic("large", 1).await;
    let ((gateway, mut reads), writer) = (watched(&context, &topic, MOST).await, context.kafka().writer());
    let mut stuck = Vec::new();
    while gateway.metric(CUT).await == 0 {
        assert!(stuck.len() < 3 * VIEWERS as usize, "nobody is cut");
        stuck.push(open(&gateway, &topic).await);
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(LARGE)))).await;
        reads.records(EACH as usize).await;
    }
    until("they hold what they may", async || (gateway.metric(PINNED).await <= MOST).then_some(())).await;
    // Before the last of them came it was not too much, and who comes holds two records at most.
    let cut = gateway.metric(CUT).await;
    assert!(cut <= 4, "{cut} of {}", stuck.len());
}
