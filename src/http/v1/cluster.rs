//! `/v1/cluster`: the brokers behind the gateway.

use crate::access::{Access, Action, Caller};
use crate::http::error::ApiError;
use crate::http::extract::{authorise, query::Query};
use crate::http::reply;
use crate::http::schema::refusals;
use crate::kafka::Catalog;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// The cluster.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "5L6g3nShT-eMCtK--X86sw", "controller": 1,
    "brokers": [{"id": 1, "host": "kafka-1.example", "port": 9092, "rack": null}]
}))]
pub struct Cluster {
    /// Its id.
    id: String,
    /// The broker id of its controller; null where it is not known.
    #[schema(required)]
    controller: Option<i32>,
    /// The brokers, by id.
    brokers: Vec<Node>,
}

/// A broker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Broker)]
pub struct Node {
    /// Its id.
    id: i32,
    /// Its host name or address.
    host: String,
    /// Its port.
    port: u16,
    /// Its rack; null where none is set.
    #[schema(required)]
    rack: Option<String>,
}

/// Describe the cluster
///
/// Its id, its controller and its brokers.
#[utoipa::path(
    get, path = "/v1/cluster", operation_id = "describe_cluster", tag = "cluster",
    responses((status = 200, description = "The cluster.", body = Cluster), refusals::DescribeCluster),
)]
pub async fn describe(
    State(catalog): State<Catalog>,
    State(access): State<Access>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::DescribeCluster)?;
    let cluster = catalog.cluster().await?;
    let nodes = cluster.nodes.iter();
    let brokers = nodes.map(|node| Node {
        id: node.id,
        host: node.host.clone(),
        port: node.port,
        rack: node.rack.clone(),
    });
    Ok(reply::json(&Cluster {
        id: cluster.id.clone(),
        controller: cluster.controller,
        brokers: brokers.collect(),
    }))
}
