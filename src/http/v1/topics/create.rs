//! `PUT /v1/topics/{topics}`: makes a topic, or finds that it is there as it should be.

use crate::access::{Access, Action, Caller};
use crate::http::error::{ApiError, code};
use crate::http::extract::body::Bodies;
use crate::http::extract::query::Query;
use crate::http::extract::{OneTopic, OneTopicParameters, authorise};
use crate::http::reply;
use crate::http::schema::refusals;
use crate::kafka::admin::{TopicConfig, TopicSpec};
use crate::kafka::catalog::Topic;
use crate::kafka::{Admin, Catalog, Error as KafkaError};
use crate::record::TopicName;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The longest body taken: far more than every config Kafka has.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What a topic is to be like. Every member may be left out, and so may the whole body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TopicSpec, example = json!({"partitions": 3, "configs": {"retention.ms": "60000"}}))]
struct Wanted {
    /// How many partitions; the cluster's default where it is left out.
    #[schema(minimum = 1)]
    partitions: Option<i32>,
    /// How many replicas of each; the cluster's default where it is left out.
    #[schema(minimum = 1)]
    replication_factor: Option<i32>,
    /// Configs by Kafka's names.
    #[schema(inline)]
    configs: Option<BTreeMap<String, ConfigValue>>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "orders", "result": "created"}))]
pub struct Creation<'a> {
    /// The topic's name.
    name: &'a str,
    /// What was done, or would be.
    result: CreationResult,
}

/// What was done, or would be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreationResult {
    /// The topic was made.
    Created,
    /// It was there as it should be.
    Exists,
    /// It would be made.
    WouldCreate,
}

/// The query, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the value is taken by itself")]
pub struct CreateParameters {
    /// Makes nothing, and says what would be made.
    #[param(required = false, default = false)]
    dry_run: bool,
}

/// A config as people write it; Kafka knows texts only.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ConfigValue {
    Text(String),
    Whole(i64),
    Fraction(f64),
    Switch(bool),
}

impl PartialSchema for ConfigValue {
    fn schema() -> RefOr<Schema> {
        let types = [Type::String, Type::Number, Type::Boolean];
        ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).build().into()
    }
}

impl ToSchema for ConfigValue {}

/// Create a topic, or find that it is there
///
/// What is not said is not compared, so the same request may be sent again. The body is read as JSON whatever its
/// Content-Type says, and has at most 64 KiB.
#[utoipa::path(
    put, path = "/v1/topics/{topics}", operation_id = "create_topic", tag = "topics",
    params(OneTopicParameters, CreateParameters),
    request_body(content = Option<Wanted>, content_type = "application/json"),
    responses(
        (status = 200, description = "The topic is there already as described, or with `dry_run=true` would be made.",
            body = Creation<'static>, example = json!({"name": "orders", "result": "exists"})),
        (status = 201, description = "The topic was made.", body = Creation<'static>),
        refusals::CreateTopic,
    ),
)]
pub async fn create(
    (State(catalog), State(admin)): (State<Catalog>, State<Admin>),
    State(access): State<Access>,
    (caller, OneTopic(name)): (Caller, OneTopic),
    mut query: Query,
    (State(bodies), request): (State<Bodies>, Request),
) -> Result<Response, ApiError> {
    let dry_run = query.flag("dry_run")?;
    query.finish()?;
    authorise(&access, &caller, Action::CreateTopic(&name))?;
    let spec = parse(&bodies.take(request, MAX_BODY_BYTES).await?)?;
    let (status, result) = match admin.create(&name, &spec, dry_run).await {
        Ok(()) if dry_run => (StatusCode::OK, CreationResult::WouldCreate),
        Ok(()) => {
            catalog.await_topic(&name).await?;
            (StatusCode::CREATED, CreationResult::Created)
        }
        Err(KafkaError::TopicExists) => {
            compare(&catalog, &admin, &name, &spec).await?;
            (StatusCode::OK, CreationResult::Exists)
        }
        Err(error) => return Err(error.into()),
    };
    Ok((status, reply::json(&Creation { name: name.as_str(), result })).into_response())
}

fn parse(body: &[u8]) -> Result<TopicSpec, ApiError> {
    let invalid = |reason: String| ApiError::new(code::INVALID_BODY, reason);
    if body.trim_ascii_start().starts_with(b"[") {
        // serde would read its items as the fields in their order.
        return Err(invalid("an array where an object belongs, at line 1 column 1".to_owned()));
    }
    let wanted: Wanted = if body.is_empty() {
        Wanted::default()
    } else {
        serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?
    };
    for (field, value) in
        [("partitions", wanted.partitions), ("replication_factor", wanted.replication_factor)]
    {
        if value.is_some_and(|value| value < 1) {
            return Err(invalid(format!("{field} is at least 1")));
        }
    }
    let configs =
        wanted.configs.into_iter().flatten().map(|(name, value)| (name, value.into_text())).collect();
    Ok(TopicSpec { partitions: wanted.partitions, replication_factor: wanted.replication_factor, configs })
}

impl ConfigValue {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Switch(on) => on.to_string(),
        }
    }
}

/// Holds an existing topic against what was asked for; what was not said is not compared.
async fn compare(
    catalog: &Catalog,
    admin: &Admin,
    name: &TopicName,
    spec: &TopicSpec,
) -> Result<(), ApiError> {
    // Whoever made it may have done so a moment ago: the broker that is asked need not have heard of it yet.
    let topic = catalog.await_topic(name).await?;
    let configs = if spec.configs.is_empty() { Vec::new() } else { admin.configs(name).await? };
    let differences = differences(&topic, &configs, spec);
    if differences.is_empty() {
        return Ok(());
    }
    Err(ApiError::new(code::TOPIC_DIFFERS, format!("topic `{name}` exists with {}", differences.join(", "))))
}

fn differences(topic: &Topic, configs: &[TopicConfig], spec: &TopicSpec) -> Vec<String> {
    let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
    let counts = [
        ("partitions", topic.partitions.len(), spec.partitions),
        ("replication_factor", replicas, spec.replication_factor),
    ];
    let counts = counts.into_iter().filter_map(|(field, is, wanted)| {
        let wanted = wanted?;
        (usize::try_from(wanted) != Ok(is)).then(|| format!("{field} {is} instead of {wanted}"))
    });
    let texts = spec.configs.iter().filter_map(|(name, wanted)| {
        let is =
            configs.iter().find(|config| config.name == *name).and_then(|config| config.value.as_deref());
        (is != Some(wanted.as_str())).then(|| format!("{name} {} instead of {wanted}", is.unwrap_or("unset")))
    });
    counts.chain(texts).collect()
}
