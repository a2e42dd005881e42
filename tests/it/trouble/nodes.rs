//! Nodes of a cluster of three end and come back. These tests run alone, and leave the cluster whole.

use super::ledger::{Writers, ends, seen_is_the_ledger, watch};
use super::{chosen, failed, outage, until_ready};
use crate::harness::{Context, Test, until};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    let tests = tests![
        a_partition_without_its_only_replica_holds_up_no_other needs [ThreeNodes],
        one_node_of_three_is_killed_under_load_and_nothing_is_lost needs [ThreeNodes],
    ];
    tests.into_iter().map(Test::alone).collect()
}

const PARTITIONS: usize = 6;
const WRITERS: usize = 6;

/// How many records are acknowledged between one blow and the next, at least.
const LOAD: usize = 300;

/// A topic with one replica a partition, the node of one of which ends.
async fn a_partition_without_its_only_replica_holds_up_no_other(context: Context) {
    let (cluster, topic) = (context.cluster(), context.name("alone"));
    cluster.make_whole().await;
    context.kafka().create_replicated_topic(&topic, 3, 1, &[]).await;
    let gateway =
        context.gateway_with(|config| config.produce.delivery_timeout = Duration::from_secs(3)).await;
    let described = gateway.get(&format!("/v1/topics/{topic}")).await.json(200);
    let leader = |p: usize| described["partitions"][p]["leader"].as_i64().expect("a leader") as i32;
    let mut stream = gateway.stream(&topic, "heartbeat=5s").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    let (lost, kept) = (0, (1..3).find(|p| leader(*p) != leader(0)).expect("replicas are spread"));
    let to = |p: usize| format!("partition={p}");
    gateway.produce(&topic, &to(lost), "before").await.receipt();
    stream.records(1).await;
    cluster.node(leader(lost)).stop().await;
    let gone = Instant::now();
    let mut written = 0;
    while gone.elapsed() < outage() {
        let (lost_to, kept_to) = (to(lost), to(kept));
        let (refused, kept_too) = tokio::join!(
            gateway.produce(&topic, &lost_to, "lost"),
            gateway.produce(&topic, &kept_to, "kept"),
        );
        assert_eq!(failed(&refused), "no", "{}", refused.text());
        assert_eq!(kept_too.receipt(), (kept as i32, written), "the other partition goes on");
        written += 1;
        assert_eq!(gateway.get("/livez").await.status, 200);
    }
    assert_eq!(
        stream.records(written as usize).await.len(),
        written as usize,
        "the stream has what there is"
    );
    until_ready(&gateway).await;
    cluster.node(leader(lost)).start().await;
    let back = Instant::now();
    until("the partition is written again", || async {
        (gateway.produce(&topic, &to(lost), "after").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(stream.records(1).await[0].address(), (lost as i64, 1), "without a hole and without a repeat");
    eprintln!("trouble: well {:?} after the node was back", back.elapsed());
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(
        ledger.iter().all(|entry| entry.value.as_deref() != Some(b"lost")),
        "it was said not to be written"
    );
}

/// A node is killed outright, another takes over, and it comes back: each of the three in turn.
async fn one_node_of_three_is_killed_under_load_and_nothing_is_lost(context: Context) {
    let (cluster, topic, kills) = (context.cluster(), context.name("killed"), chosen("NODE_KILLS", 3));
    cluster.make_whole().await;
    let two = [("min.insync.replicas", "2")];
    context.kafka().create_replicated_topic(&topic, PARTITIONS as i32, 3, &two).await;
    let gateway = context.gateway_with(|_| {}).await;
    let (told, known) = tokio::sync::watch::channel(None);
    let mut viewers = Vec::new();
    for query in ["from=earliest", "from=earliest&isolation=uncommitted", "from=earliest&ids=flush"] {
        viewers.push(tokio::spawn(watch(gateway.stream(&topic, query).await, known.clone())));
    }
    let writers = Writers::start(&gateway, &topic, WRITERS, PARTITIONS);
    let more = async |what: &str| {
        let wanted = writers.acknowledged() + LOAD;
        until(what, || async { (writers.acknowledged() >= wanted).then_some(()) }).await;
    };
    more("records are acknowledged").await;
    for kill in 0..kills {
        let node = &cluster.nodes[kill % cluster.nodes.len()];
        node.kill().await;
        let gone = Instant::now();
        more("two nodes are enough").await;
        let within = gone.elapsed();
        until_ready(&gateway).await;
        assert_eq!(gateway.get("/livez").await.status, 200);
        node.start().await;
        more("it is back").await;
        cluster.until_in_sync(&topic).await;
        eprintln!("trouble: kill {} (node {}): {LOAD} more within {within:?}", kill + 1, node.id);
    }
    let written = writers.stop().await;
    let ledger = context.kafka().consume_all(&topic).await;
    written.holds(&ledger);
    told.send(Some(ends(&ledger, PARTITIONS))).expect("the viewers wait for it");
    for viewer in viewers {
        seen_is_the_ledger(&viewer.await.expect("the viewer is content"), &ledger);
    }
}
