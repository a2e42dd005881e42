//! Groups on a cluster of three, whose nodes are killed and come back. It runs alone, and leaves the cluster whole.

use super::chosen;
use crate::harness::{Context, Crowd, Mode, Test, seed};
use crate::tests;
use std::time::Instant;

pub fn tests() -> Vec<Test> {
    let tests = tests![
        one_node_of_three_is_killed_under_groups_and_nothing_is_lost needs [ThreeNodes],
    ];
    tests.into_iter().map(Test::alone).collect()
}

const PARTITIONS: i32 = 6;

/// How many records each group is handed between one blow and the next, at least.
const LOAD: usize = 150;

/// Each of the three in turn, so that among what they led were the groups' offsets, too.
async fn one_node_of_three_is_killed_under_groups_and_nothing_is_lost(context: Context) {
    let (cluster, topic, kills) = (context.cluster(), context.name("killed"), chosen("NODE_KILLS", 3));
    cluster.make_whole().await;
    let two = [("min.insync.replicas", "2")];
    context.kafka().create_replicated_topic(&topic, PARTITIONS, 3, &two).await;
    let gateway = context.gateway_with(|_| {}).await;
    let modes = [Mode::Explicit, Mode::Reconnect, Mode::Written];
    let crowd = Crowd::start(&context, &gateway, (&topic, PARTITIONS), &modes, seed("killed nodes"));
    crowd.work_off(LOAD).await;
    for kill in 0..kills {
        let node = &cluster.nodes[kill % cluster.nodes.len()];
        node.kill().await;
        let gone = Instant::now();
        crowd.work_off(LOAD).await;
        let within = gone.elapsed();
        node.start().await;
        crowd.work_off(LOAD).await;
        cluster.until_in_sync(&topic).await;
        eprintln!("trouble: kill {} (node {}): {LOAD} more within {within:?}", kill + 1, node.id);
    }
    crowd.finish(&format!("{kills} killed nodes")).await;
}
