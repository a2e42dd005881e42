//! `GET /v1/groups`.

use super::described;
use crate::harness::{Context, Gateway, Test};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        groups_are_listed_with_state_protocol_and_members,
        a_cluster_without_groups_has_an_empty_list,
        more_groups_than_are_described_at_once_are_listed,
    ]
}

/// The groups of this test in the list, which must be in order.
async fn listed(gateway: &Gateway, context: &Context) -> Vec<Value> {
    let told = gateway.get("/v1/groups").await.json(200);
    let groups = told["groups"].as_array().expect("groups");
    let name = |group: &Value| group["name"].as_str().expect("a name").to_owned();
    assert!(groups.is_sorted_by_key(name), "{told}");
    groups.iter().filter(|group| name(group).starts_with(context.prefix())).cloned().collect()
}

async fn groups_are_listed_with_state_protocol_and_members(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let topic = context.topic("read", 1).await;
    let [active, left, plain] = ["active", "left", "plain"].map(|name| context.name(name));
    let (stays, leaves) = (kafka.join(&active, &topic, &[]), kafka.join(&left, &topic, &[]));
    kafka.commit(&plain, &topic, &[(0, 0)]).await;
    described(&gateway, &active, "stable", 1).await;
    described(&gateway, &left, "stable", 1).await;
    leaves.leave().await;
    described(&gateway, &left, "empty", 0).await;
    let expected = [
        json!({"name": active, "state": "stable", "protocol": "classic", "members": 1}),
        json!({"name": left, "state": "empty", "protocol": "classic", "members": 0}),
        json!({"name": plain, "state": "empty", "protocol": "classic", "members": 0}),
    ];
    assert_eq!(listed(&gateway, &context).await, expected);
    stays.leave().await;
}

async fn a_cluster_without_groups_has_an_empty_list(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    assert_eq!(gateway.get("/v1/groups").await.json(200), json!({"groups": []}));
}

async fn more_groups_than_are_described_at_once_are_listed(context: Context) {
    let broker = context.own_broker().await;
    let (gateway, kafka) = (context.gateway_before(&broker, |_| {}).await, broker.kafka());
    let topic = context.name("read");
    kafka.create_topic(&topic, 1, &[]).await;
    let names: Vec<_> = (0..130).map(|n| context.name(&format!("{n:03}"))).collect();
    for group in &names {
        kafka.commit(group, &topic, &[(0, 0)]).await;
    }
    let told = listed(&gateway, &context).await;
    let told: Vec<_> = told.iter().map(|group| group["name"].as_str().expect("a name")).collect();
    assert_eq!(told, names);
}
