//! Leadership moves between brokers that are all there: nobody notices.

use super::ledger::{Writers, ends, seen_is_the_ledger, watch};
use crate::harness::{Context, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![a_leader_that_moves_is_followed needs [ThreeNodes]]
}

const PARTITIONS: usize = 2;

async fn a_leader_that_moves_is_followed(context: Context) {
    let (cluster, topic) = (context.cluster(), context.name("moved"));
    context.kafka().create_replicated_topic(&topic, PARTITIONS as i32, 3, &[]).await;
    let gateway = context.gateway_with(|_| {}).await;
    let (told, known) = tokio::sync::watch::channel(None);
    let viewer = tokio::spawn(watch(gateway.stream(&topic, "from=earliest").await, known));
    let writers = Writers::start(&gateway, &topic, 3, PARTITIONS);
    for leader in [1, 2, 3, 1] {
        let before = writers.acknowledged();
        for partition in 0..PARTITIONS as i32 {
            cluster.move_leader(&topic, partition, &[1, 2, 3], leader).await;
        }
        let leads = async || {
            let described = gateway.get(&format!("/v1/topics/{topic}")).await;
            if described.status != 200 {
                return None;
            }
            let described = described.json(200);
            let all =
                described["partitions"].as_array()?.iter().all(|partition| partition["leader"] == leader);
            (all && writers.acknowledged() >= before + 50).then_some(())
        };
        until("the new leader is told, and records go on", leads).await;
    }
    let written = writers.stop().await;
    let ledger = context.kafka().consume_all(&topic).await;
    written.holds(&ledger);
    assert_eq!(written.unknown(), 0, "a leader that moves loses sight of nothing");
    told.send(Some(ends(&ledger, PARTITIONS))).expect("the viewer waits for it");
    seen_is_the_ledger(&viewer.await.expect("the viewer is content"), &ledger);
}
