//! `/v1/topics`: which topics there are, what they are like, and making one.

pub mod create;

use crate::access::{Access, Action, Caller};
use crate::http::error::ApiError;
use crate::http::extract::query::Query;
use crate::http::extract::{OneTopic, OneTopicParameters, authorise};
use crate::http::reply;
use crate::http::schema::refusals;
use crate::kafka::catalog::{Listed, Topic, Watermarks};
use crate::kafka::{Admin, Catalog, Error as KafkaError};
use crate::record::topic::matches;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Topics, in the order of their names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"topics": [{"name": "orders", "partitions": 3, "replication_factor": 1}]}))]
pub struct TopicList {
    topics: Vec<TopicSummary>,
}

/// A topic in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicSummary {
    /// Its name.
    name: String,
    /// How many partitions it has.
    #[schema(minimum = 0)]
    partitions: usize,
    /// How many replicas its first partition has.
    #[schema(minimum = 0)]
    replication_factor: usize,
}

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "orders", "id": "6b1f4d0e-6a0f-4c1e-9a54-2f6a3b1d8c77", "internal": false,
    "partitions": [
        {"partition": 0, "leader": 1, "replicas": [1], "in_sync": [1], "earliest": 0, "latest": 1204}
    ],
    "configs": {"retention.ms": "60000"}
}))]
pub struct TopicDescription {
    /// Its name.
    name: String,
    /// Its id (KIP-516), new each time a topic of the name is made; null where the cluster has none.
    #[schema(required)]
    id: Option<String>,
    /// Whether Kafka keeps it for itself.
    internal: bool,
    /// Its partitions, by number.
    partitions: Vec<Partition>,
    /// Its configs by name, with null where Kafka does not tell the value; null where Kafka lets the gateway see the topic
    /// but not its configs.
    #[schema(required)]
    configs: Option<BTreeMap<String, Option<String>>>,
}

/// A partition.
#[derive(Debug, Serialize, ToSchema)]
pub struct Partition {
    /// Its number.
    #[schema(minimum = 0)]
    partition: i32,
    /// The broker that leads it; null while it has no leader.
    #[schema(required)]
    leader: Option<i32>,
    /// The brokers that have a replica.
    replicas: Vec<i32>,
    /// Those of them that are in sync.
    in_sync: Vec<i32>,
    /// The offset at which its log begins.
    #[schema(minimum = 0)]
    earliest: i64,
    /// The offset behind its last record (the high watermark).
    #[schema(minimum = 0)]
    latest: i64,
}

/// The query of a list, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct ListParameters {
    /// Only topics whose names have this form; `*` stands for any characters.
    #[param(required = false, rename = "match", example = "order*")]
    pattern: String,
    /// Whether topics that Kafka keeps for itself (`__…`) are among them.
    #[param(required = false, default = false)]
    internal: bool,
}

/// The query of a description, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct DescribeParameters {
    /// Which configs are told: all, or those that differ from the cluster's defaults.
    #[param(required = false, inline, default = "changed")]
    configs: Configs,
}

/// A word of `configs`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document: the words are read where they are taken")]
enum Configs {
    All,
    Changed,
}

/// List topics
///
/// Name, partitions and replication factor of each.
#[utoipa::path(
    get, path = "/v1/topics", operation_id = "list_topics", tag = "topics",
    params(ListParameters),
    responses((status = 200, description = "The topics.", body = TopicList), refusals::ListTopics),
)]
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
    let summary = |topic: Listed| TopicSummary {
        name: topic.name.to_string(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
    };
    Ok(reply::json(&TopicList { topics: topics.into_iter().map(summary).collect() }))
}

/// Describe a topic
///
/// Its partitions with leader, replicas and where their logs begin and end, and its configs.
#[utoipa::path(
    get, path = "/v1/topics/{topics}", operation_id = "describe_topic", tag = "topics",
    params(OneTopicParameters, DescribeParameters),
    responses((status = 200, description = "The topic.", body = TopicDescription), refusals::DescribeTopic),
)]
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
    let (watermarks, configs) = tokio::join!(catalog.watermarks(topics), admin.configs(&name));
    let watermarks = watermarks?;
    let configs = match configs {
        Ok(configs) => Some(configs.into_iter().filter(|config| all || !config.is_default)),
        Err(KafkaError::Forbidden(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(reply::json(&TopicDescription {
        name: name.to_string(),
        id: topic.id.map(|id| uuid::Uuid::from_bytes(id).to_string()),
        internal: name.is_internal(),
        partitions: partitions(&topic, &watermarks[0]),
        configs: configs.map(|configs| configs.map(|config| (config.name, config.value)).collect()),
    }))
}

fn partitions(topic: &Topic, watermarks: &Watermarks) -> Vec<Partition> {
    let ends = watermarks.earliest.iter().zip(&watermarks.high);
    let described = topic.partitions.iter().zip(ends).map(|(partition, (earliest, latest))| Partition {
        partition: partition.partition,
        leader: partition.leader,
        replicas: partition.replicas.clone(),
        in_sync: partition.in_sync.clone(),
        earliest: *earliest,
        latest: *latest,
    });
    described.collect()
}
