//! `GET /v1/topics/{topics}`.

use crate::harness::{Context, Test};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        a_topic_tells_its_partitions_and_where_their_logs_begin_and_end,
        a_topic_tells_the_configs_that_differ_or_all,
        a_topic_made_again_has_another_id,
        a_topic_is_described_as_it_is_now,
        a_topic_that_is_not_there_is_not_found,
        one_topic_is_described_by_its_literal_name,
    ]
}

async fn a_topic_tells_its_partitions_and_where_their_logs_begin_and_end(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ends", 3).await);
    for _ in 0..3 {
        gateway.produce(&topic, "partition=1", "v").await.receipt();
    }
    let described = gateway.get(&format!("/v1/topics/{topic}")).await.json(200);
    assert_eq!((&described["name"], &described["internal"]), (&json!(topic), &json!(false)));
    let id = described["id"].as_str().expect("an id");
    assert!(uuid::Uuid::parse_str(id).is_ok_and(|id| !id.is_nil()), "{id}");
    let cluster = gateway.get("/v1/cluster").await.json(200);
    let brokers: Vec<_> =
        cluster["brokers"].as_array().expect("a list").iter().map(|broker| &broker["id"]).collect();
    let partitions = described["partitions"].as_array().expect("a list");
    assert_eq!(partitions.len(), 3);
    for (number, partition) in partitions.iter().enumerate() {
        assert_eq!(partition["partition"], number);
        assert!(brokers.contains(&&partition["leader"]), "{partition}");
        assert_eq!(partition["replicas"], json!([partition["leader"]]));
        assert_eq!(partition["in_sync"], json!([partition["leader"]]));
        assert_eq!(
            (&partition["earliest"], &partition["latest"]),
            (&json!(0), &json!(if number == 1 { 3 } else { 0 }))
        );
    }
}

async fn a_topic_tells_the_configs_that_differ_or_all(context: Context) {
    let gateway = context.gateway().await;
    let topic = context
        .topic_with("configs", 1, &[("cleanup.policy", "compact"), ("max.message.bytes", "5000")])
        .await;
    let configs = async |query: &str| {
        gateway.get(&format!("/v1/topics/{topic}{query}")).await.json(200)["configs"].clone()
    };
    let changed = configs("").await;
    assert_eq!(
        changed,
        json!({"cleanup.policy": "compact", "max.message.bytes": "5000", "retention.ms": "-1"})
    );
    assert_eq!(configs("?configs=changed").await, changed);
    let all = configs("?configs=all").await;
    let count = |configs: &Value| configs.as_object().expect("an object").len();
    assert!(count(&all) > count(&changed), "{all}");
    assert_eq!(all["cleanup.policy"], "compact");
    assert!(all["segment.bytes"].is_string(), "{all}");
    gateway.get(&format!("/v1/topics/{topic}?configs=some")).await.refusal(400, "invalid_parameter");
}

async fn a_topic_made_again_has_another_id(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("again", 2).await);
    let id = async || gateway.get(&format!("/v1/topics/{topic}")).await.json(200)["id"].clone();
    let first = id().await;
    assert_eq!(id().await, first);
    context.kafka().delete_topic(&topic).await;
    gateway.get(&format!("/v1/topics/{topic}")).await.refusal(404, "topic_not_found");
    context.kafka().create_topic(&topic, 1, &[]).await;
    let path = format!("/v1/topics/{topic}");
    let second = crate::harness::until("the new topic is described", || async {
        let reply = gateway.get(&path).await;
        (reply.status == 200).then(|| reply.json(200)["id"].clone())
    })
    .await;
    assert_ne!(second, first);
}

async fn a_topic_is_described_as_it_is_now(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("now", 1).await);
    let partitions = async || {
        let described = gateway.get(&format!("/v1/topics/{topic}")).await.json(200);
        described["partitions"].as_array().expect("a list").len()
    };
    assert_eq!(partitions().await, 1);
    context.kafka().add_partitions(&topic, 4).await;
    assert_eq!(partitions().await, 4);
}

async fn a_topic_that_is_not_there_is_not_found(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("missing"));
    let detail = gateway.get(&format!("/v1/topics/{topic}")).await.refusal(404, "topic_not_found");
    assert!(detail.contains(&topic), "{detail}");
}

async fn one_topic_is_described_by_its_literal_name(context: Context) {
    let gateway = context.gateway().await;
    for topics in ["a,b", "a-*"] {
        gateway.get(&format!("/v1/topics/{topics}")).await.refusal(400, "one_topic_only");
    }
    gateway.get("/v1/topics/a%2Fb").await.refusal(400, "invalid_topic");
}
