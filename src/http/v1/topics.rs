//! `/v1/topics`: which topics there are, what they are like, and making one.

mod create;

use crate::access::{Access, Action, Caller};
use crate::http::error::ApiError;
use crate::http::extract::query::Query;
use crate::http::extract::{OneTopic, authorise};
use crate::http::reply;
use crate::kafka::catalog::{Topic, Watermarks};
use crate::kafka::{Admin, Catalog};
use crate::record::topic::matches;
use axum::extract::State;
use axum::response::Response;
pub use create::create;
use serde_json::{Map, Value, json};

/// `GET /v1/topics`: every topic's name, partitions and replication factor; `match=` takes a pattern with `*`, and
/// Kafka's own topics are left out unless `internal=true`.
pub async fn list(
    State(catalog): State<Catalog>,
    State(access): State<Access>,
    caller: Caller,
    mut query: Query,
) -> Result<Response, ApiError> {
    let pattern = query.one("match")?;
    let internal = query.flag("internal")?;
    query.finish()?;
    authorise(&access, &caller, Action::ListTopics)?;
    let mut topics = catalog.list().await?;
    topics.retain(|topic| internal || !topic.name.is_internal());
    topics.retain(|topic| pattern.as_deref().is_none_or(|pattern| matches(pattern, topic.name.as_str())));
    let topics: Vec<_> = topics
        .iter()
        .map(|topic| {
            json!({
                "name": topic.name.as_str(),
                "partitions": topic.partitions,
                "replication_factor": topic.replication_factor,
            })
        })
        .collect();
    Ok(reply::json(&json!({ "topics": topics })))
}

/// `GET /v1/topics/{topics}`: partitions with leader, replicas and where their logs begin and end, and the configs that
/// differ from the cluster's defaults (`configs=all` for all).
pub async fn describe(
    (State(catalog), State(admin)): (State<Catalog>, State<Admin>),
    State(access): State<Access>,
    (caller, OneTopic(name)): (Caller, OneTopic),
    mut query: Query,
) -> Result<Response, ApiError> {
    let all = query.word("configs", &[("all", true), ("changed", false)])?.unwrap_or(false);
    query.finish()?;
    authorise(&access, &caller, Action::DescribeTopic(&name))?;
    let topic = catalog.refresh(&name).await?;
    let topics = std::slice::from_ref(&topic);
    let (watermarks, configs) = tokio::try_join!(catalog.watermarks(topics), admin.configs(&name))?;
    let configs: Map<String, Value> = configs
        .into_iter()
        .filter(|config| all || !config.is_default)
        .map(|config| (config.name, config.value.into()))
        .collect();
    Ok(reply::json(&json!({
        "name": name.as_str(),
        "id": topic.id.map(|id| uuid::Uuid::from_bytes(id).to_string()),
        "internal": name.is_internal(),
        "partitions": partitions(&topic, &watermarks[0]),
        "configs": configs,
    })))
}

fn partitions(topic: &Topic, watermarks: &Watermarks) -> Vec<Value> {
    let ends = watermarks.earliest.iter().zip(&watermarks.high);
    let described = topic.partitions.iter().zip(ends).map(|(partition, (earliest, latest))| {
        json!({
            "partition": partition.partition,
            "leader": partition.leader,
            "replicas": partition.replicas,
            "in_sync": partition.in_sync,
            "earliest": earliest,
            "latest": latest,
        })
    });
    described.collect()
}
