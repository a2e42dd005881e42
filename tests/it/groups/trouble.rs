//! Groups of a cluster that does not answer, or of which a node is gone: coordinators move, and the gateway lives.

use super::{offsets, path};
use crate::harness::{Context, Gateway, Test, send, until};
use crate::tests;
use serde_json::json;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    let alone = tests![groups_of_a_node_that_is_killed_are_told_and_moved_by_another needs [ThreeNodes]];
    let tests = tests![while_kafka_is_away_nothing_is_told_or_done];
    tests.into_iter().chain(alone.into_iter().map(Test::alone)).collect()
}

async fn while_kafka_is_away_nothing_is_told_or_done(context: Context) {
    let broker = context.own_broker().await;
    let short =
        |config: &mut sluicegate::config::Config| config.kafka.request_timeout = Duration::from_secs(1);
    let (gateway, kafka) = (context.gateway_before(&broker, short).await, broker.kafka());
    kafka.create_topic("orders", 1, &[]).await;
    kafka.writer().write_numbers("orders", 0, 0..3).await;
    kafka.commit("g", "orders", &[(0, 2)]).await;
    assert_eq!(gateway.get(&path("g")).await.json(200)["lag"], 1);
    broker.away().await;
    let body = json!({"topics": {"orders": "earliest"}}).to_string();
    let replies = [
        gateway.get("/v1/groups").await,
        gateway.get(&path("g")).await,
        gateway.put(&offsets("g"), body.clone()).await,
        send(gateway.request("DELETE", &path("g"))).await,
    ];
    for reply in replies {
        assert_eq!(reply.problem(503, "kafka_unavailable")["retryable"], true);
        assert_eq!(reply.header("retry-after"), "1");
    }
    broker.back().await;
    assert_eq!(kafka.committed("g", "orders", &[0]).await, [Some(2)]);
    let moved = until("Kafka answers again", || async {
        Some(gateway.put(&offsets("g"), body.clone()).await).filter(|reply| reply.status == 200)
    });
    assert_eq!(moved.await.json(200)["partitions"][0]["before"], 2);
}

/// Enough that each node coordinates some.
const GROUPS: usize = 12;

/// Asks until every group is told, and in the list. Meanwhile a group is told, or Kafka is said not to answer: never that there
/// is none.
async fn all_are_told(gateway: &Gateway, groups: &[String]) {
    for group in groups {
        until("the group is told", || async {
            let reply = gateway.get(&path(group)).await;
            if reply.status == 503 {
                reply.problem(503, "kafka_unavailable");
                return None;
            }
            assert_eq!(reply.json(200)["lag"], 1);
            Some(())
        })
        .await;
    }
    until("all groups are listed", || async {
        let listed = gateway.get("/v1/groups").await;
        let listed = (listed.status == 200).then(|| listed.json(200))?;
        let listed = listed["groups"].as_array().expect("groups");
        let names: Vec<_> = listed.iter().filter_map(|group| group["name"].as_str()).collect();
        groups.iter().all(|group| names.contains(&group.as_str())).then_some(())
    })
    .await;
}

async fn groups_of_a_node_that_is_killed_are_told_and_moved_by_another(context: Context) {
    let (cluster, topic) = (context.cluster(), context.name("orders"));
    cluster.make_whole().await;
    let (gateway, kafka) = (context.gateway_with(|_| {}).await, context.kafka());
    kafka.create_replicated_topic(&topic, 1, 3, &[]).await;
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    let groups: Vec<_> = (0..GROUPS).map(|n| context.name(&format!("{n:02}"))).collect();
    for group in &groups {
        kafka.commit(group, &topic, &[(0, 2)]).await;
    }
    all_are_told(&gateway, &groups).await;
    for node in &cluster.nodes {
        node.kill().await;
        all_are_told(&gateway, &groups).await;
        // There and back again.
        for offset in [0, 2] {
            let body = json!({"topics": {&topic: {"0": offset}}}).to_string();
            for group in &groups {
                until("the group is moved", || async {
                    (gateway.put(&offsets(group), body.clone()).await.status == 200).then_some(())
                })
                .await;
            }
        }
        node.start().await;
        all_are_told(&gateway, &groups).await;
    }
    for group in &groups {
        until("the group is deleted", || async {
            let deleted = send(gateway.request("DELETE", &path(group))).await;
            matches!(deleted.status, 204 | 404).then_some(())
        })
        .await;
    }
}
