//! What slow clients hold of that which is sent to all: bounded, at the cost of the slowest.

use crate::harness::{Context, Draft, Test, until};
use crate::tests;
use sluicegate::config::Config;

pub fn tests() -> Vec<Test> {
    tests![clients_that_hold_too_much_are_cut_the_slowest_first_and_nobody_else_notices]
}

const VIEWERS: i64 = 24;
const EACH: i64 = 10;
const MOST: usize = 1_000_000;

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
