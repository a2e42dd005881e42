//! `GET /v1/topics`.

use crate::harness::{Context, Reply, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        the_list_has_every_topic_with_its_partitions_and_replication_factor,
        a_pattern_selects_topics,
        internal_topics_are_listed_when_asked_for,
    ]
}

/// Names and partitions in the list, in its order.
fn listed(reply: &Reply) -> Vec<(String, u64)> {
    let list = reply.json(200);
    let topics = list["topics"].as_array().expect("a list").iter();
    let name = |topic: &serde_json::Value| topic["name"].as_str().expect("a name").to_owned();
    topics.map(|topic| (name(topic), topic["partitions"].as_u64().expect("a number"))).collect()
}

async fn the_list_has_every_topic_with_its_partitions_and_replication_factor(context: Context) {
    let gateway = context.gateway().await;
    let (one, three) = (context.topic("one", 1).await, context.topic("three", 3).await);
    let reply = gateway.get("/v1/topics").await;
    let topics = listed(&reply);
    assert!(topics.contains(&(one.clone(), 1)) && topics.contains(&(three, 3)), "{topics:?}");
    assert!(topics.is_sorted(), "by name: {topics:?}");
    let list = reply.json(200);
    let entry = list["topics"]
        .as_array()
        .and_then(|topics| topics.iter().find(|topic| topic["name"] == one.as_str()));
    assert_eq!(entry, Some(&serde_json::json!({"name": one, "partitions": 1, "replication_factor": 1})));
}

async fn a_pattern_selects_topics(context: Context) {
    let gateway = context.gateway().await;
    for name in ["orders-eu", "orders-us", "payments"] {
        context.topic(name, 1).await;
    }
    let prefix = context.prefix();
    let table = [
        (format!("{prefix}*"), vec!["orders-eu", "orders-us", "payments"]),
        (format!("{prefix}orders-*"), vec!["orders-eu", "orders-us"]),
        (format!("{prefix}*-us"), vec!["orders-us"]),
        (format!("{prefix}payments"), vec!["payments"]),
        (format!("{prefix}pay"), vec![]),
        (format!("{prefix}*s*-*u"), vec!["orders-eu"]),
    ];
    for (pattern, expected) in table {
        let names: Vec<_> = listed(&gateway.get(&format!("/v1/topics?match={pattern}")).await)
            .into_iter()
            .map(|(name, _)| name.trim_start_matches(prefix).to_owned())
            .collect();
        assert_eq!(names, expected, "{pattern}");
    }
}

async fn internal_topics_are_listed_when_asked_for(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    for name in ["__internal", "_almost"] {
        broker.kafka().create_topic(name, 1, &[]).await;
    }
    let names = |reply: &Reply| listed(reply).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    for query in ["", "?internal=false"] {
        assert_eq!(names(&gateway.get(&format!("/v1/topics{query}")).await), ["_almost"], "{query}");
    }
    let all = names(&gateway.get("/v1/topics?internal=true").await);
    assert!(all.contains(&"__internal".to_owned()) && all.contains(&"_almost".to_owned()), "{all:?}");
    let internal = names(&gateway.get("/v1/topics?internal=true&match=__*").await);
    assert!(internal.contains(&"__internal".to_owned()), "{internal:?}");
    assert!(internal.iter().all(|name| name.starts_with("__")), "{internal:?}");
    gateway.get("/v1/topics?internal=yes").await.refusal(400, "invalid_parameter");
}
