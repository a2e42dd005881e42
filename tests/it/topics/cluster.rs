//! `GET /v1/cluster`.

use crate::harness::{Context, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![the_cluster_tells_its_id_its_controller_and_its_brokers]
}

async fn the_cluster_tells_its_id_its_controller_and_its_brokers(context: Context) {
    let cluster = context.gateway().await.get("/v1/cluster").await.json(200);
    assert!(cluster["id"].as_str().is_some_and(|id| !id.is_empty()), "{cluster}");
    let brokers = cluster["brokers"].as_array().expect("a list");
    assert!(!brokers.is_empty(), "{cluster}");
    for broker in brokers {
        assert!(broker["id"].is_i64() && broker["host"].is_string() && broker["port"].is_u64(), "{broker}");
    }
    assert!(brokers.iter().any(|broker| broker["id"] == cluster["controller"]), "{cluster}");
    let address = |broker: &serde_json::Value| {
        format!("{}:{}", broker["host"].as_str().unwrap_or_default(), broker["port"])
    };
    let bootstrap = context.kafka().bootstrap().to_owned();
    let known = brokers.iter().any(|broker| bootstrap.split(',').any(|server| server == address(broker)));
    assert!(known, "{bootstrap} is none of {brokers:?}");
}
