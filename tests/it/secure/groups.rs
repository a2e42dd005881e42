//! Consumer groups behind ACLs: each right for its request, as `docs/kafka-security.md` lists them, and nothing without.

use super::gateway_as;
use crate::harness::{Context, Gateway, Operation::*, Reply, Resource, Test, send, until};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_group_is_seen_moved_and_deleted_by_a_right_for_each needs [Sasl],
        a_topic_that_may_only_be_seen_holds_the_whole_move_back needs [Sasl],
        a_group_that_is_not_there_is_not_found_by_who_may_see_groups_alone needs [Sasl],
    ]
}

async fn names(gateway: &Gateway) -> Vec<String> {
    let listed = gateway.get("/v1/groups").await.json(200);
    let groups = listed["groups"].as_array().expect("groups").iter();
    groups.map(|group| group["name"].as_str().expect("a name").to_owned()).collect()
}

/// The reply once it is no refusal any more.
async fn granted<F: Future<Output = Reply>>(ask: impl Fn() -> F) -> Reply {
    let allowed = || async { Some(ask().await).filter(|reply| reply.status != 403) };
    until("the right is known to all nodes", allowed).await
}

async fn a_group_is_seen_moved_and_deleted_by_a_right_for_each(context: Context) {
    let (gateway, kafka, cluster) =
        (gateway_as(&context, "gateway").await, context.kafka(), context.cluster());
    let (topic, group) = (context.topic("read", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let path = format!("/v1/groups/{group}");
    let body = json!({"topics": {&topic: "earliest"}}).to_string();
    let get = || gateway.get(&path);
    let offsets = format!("{path}/offsets");
    let put = || gateway.put(&offsets, body.clone());
    let delete = || send(gateway.request("DELETE", &path));
    for reply in [get().await, put().await, delete().await] {
        reply.refusal(403, "forbidden");
    }
    assert!(!names(&gateway).await.contains(&group), "Kafka does not tell of it");

    let groups = Resource::Groups(context.prefix());
    cluster.allow("gateway", &[(groups, Describe)]).await;
    let told = granted(get).await.json(200);
    assert_eq!(told["partitions"], json!([]), "what it has committed is the topic's secret: {told}");
    assert!(names(&gateway).await.contains(&group));
    put().await.refusal(403, "forbidden");
    delete().await.refusal(403, "forbidden");

    cluster.allow("gateway", &[(Resource::Topic(&topic), Read)]).await;
    until("the right on the topic is known to all nodes", || async {
        (get().await.json(200)["lag"] == 1).then_some(())
    })
    .await;
    put().await.refusal(403, "forbidden");
    cluster.allow("gateway", &[(groups, Read)]).await;
    assert_eq!(granted(put).await.json(200)["partitions"][0]["before"], 2);
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(0)]);

    delete().await.refusal(403, "forbidden");
    cluster.allow("gateway", &[(groups, Delete)]).await;
    assert_eq!(granted(delete).await.status, 204);
    assert!(!names(&gateway).await.contains(&group));
}

/// Kafka by itself would move the group in the one topic and not in the other.
async fn a_topic_that_may_only_be_seen_holds_the_whole_move_back(context: Context) {
    let (gateway, kafka, cluster) =
        (gateway_as(&context, "gateway").await, context.kafka(), context.cluster());
    let (open, seen, group) =
        (context.topic("a", 1).await, context.topic("b", 1).await, context.name("group"));
    for topic in [&open, &seen] {
        kafka.writer().write_numbers(topic, 0, 0..3).await;
        kafka.commit(&group, topic, &[(0, 2)]).await;
    }
    let rights = [
        (Resource::Groups(context.prefix()), Read),
        (Resource::Topic(&open), Read),
        (Resource::Topic(&seen), Describe),
    ];
    cluster.allow("gateway", &rights).await;
    let path = format!("/v1/groups/{group}");
    until("the rights are known to all nodes", || async {
        let told = gateway.get(&path).await;
        (told.status == 200 && told.json(200)["lag"] == 2).then_some(())
    })
    .await;
    let body = json!({"topics": {&open: "earliest", &seen: "earliest"}}).to_string();
    for query in ["?dry_run=true", ""] {
        let refused = gateway.put(&format!("{path}/offsets{query}"), body.clone()).await;
        assert!(refused.refusal(403, "forbidden").contains(&seen));
    }
    for topic in [&open, &seen] {
        assert_eq!(kafka.committed(&group, topic, &[0]).await, [Some(2)]);
    }
    let body = json!({"topics": {&open: "earliest"}}).to_string();
    gateway.put(&format!("{path}/offsets"), body).await.json(200);
}

/// On a cluster that never had a group nobody coordinates one, and the topic that would tell why may not be seen.
async fn a_group_that_is_not_there_is_not_found_by_who_may_see_groups_alone(context: Context) {
    let (gateway, cluster) = (gateway_as(&context, "gateway").await, context.cluster());
    let path = format!("/v1/groups/{}", context.name("none"));
    cluster.allow("gateway", &[(Resource::Groups(context.prefix()), Describe)]).await;
    let begun = Instant::now();
    granted(|| gateway.get(&path)).await.refusal(404, "group_not_found");
    assert!(begun.elapsed() < Duration::from_secs(10), "after {:?}", begun.elapsed());
}
