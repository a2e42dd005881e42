//! The least that the gateway needs of a cluster's ACLs: what `docs/kafka-security.md` lists, each right for its feature.

use super::gateway_as;
use crate::harness::{Context, Operation::*, Resource, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![the_listed_rights_are_enough_for_everything needs [Sasl]]
}

/// Nothing but the table: no right on the cluster or on a group.
async fn the_listed_rights_are_enough_for_everything(context: Context) {
    let topics = Resource::Topics(context.prefix());
    let rights = [Describe, DescribeConfigs, Create, Read, Write].map(|right| (topics, right));
    context.cluster().allow("modest", &rights).await;
    let (gateway, topic) = (gateway_as(&context, "modest").await, context.name("made"));
    let body = r#"{"partitions":2,"configs":{"retention.ms":"3600000"}}"#;
    until("the rights are known to all nodes", || async {
        let made = gateway.put(&format!("/v1/topics/{topic}"), body).await;
        matches!(made.status, 200 | 201).then_some(())
    })
    .await;
    let produced = until("its leader is known", || async {
        Some(gateway.produce(&topic, "key=k", "1").await).filter(|reply| reply.status == 200)
    });
    let (partition, offset) = produced.await.receipt();
    for acks in ["leader", "none"] {
        let reply = gateway.produce(&topic, &format!("key=k&acks={acks}"), "2").await;
        assert!(matches!(reply.status, 200 | 202), "{}", reply.text());
    }
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    assert_eq!(stream.records(3).await[0].address(), (partition.into(), offset));
    let mut pattern = gateway.stream(&format!("{}*", context.prefix()), "from=-1").await;
    pattern.records(1).await;
    let page = gateway.page(&topic, "from=2020-01-01T00:00:00Z&wait=10s").await.json(200);
    assert!(page["records"].as_array().is_some_and(|records| !records.is_empty()), "{page}");
    let record = gateway.get(&format!("/v1/topics/{topic}/partitions/{partition}/records/{offset}")).await;
    assert_eq!((record.status, record.text()), (200, "1"));
    let described = gateway.get(&format!("/v1/topics/{topic}")).await.json(200);
    assert_eq!(described["configs"]["retention.ms"], "3600000", "{described}");
    let listed = gateway.get(&format!("/v1/topics?match={}*", context.prefix())).await.json(200);
    assert_eq!(listed["topics"][0]["name"], topic.as_str(), "{listed}");
    assert!(gateway.get("/v1/cluster").await.json(200)["id"].is_string());
    assert_eq!(gateway.get("/readyz").await.status, 200);
}
