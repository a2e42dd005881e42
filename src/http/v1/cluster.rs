//! `/v1/cluster`: the brokers behind the gateway.

use crate::access::{Access, Action, Caller};
use crate::http::error::ApiError;
use crate::http::extract::{authorise, query::Query};
use crate::http::reply;
use crate::kafka::Catalog;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

/// `GET /v1/cluster`: the cluster's id, its controller and its brokers.
pub async fn describe(
    State(catalog): State<Catalog>,
    State(access): State<Access>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::DescribeCluster)?;
    let cluster = catalog.cluster().await?;
    let brokers: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| json!({ "id": node.id, "host": node.host, "port": node.port, "rack": node.rack }))
        .collect();
    Ok(reply::json(&json!({ "id": cluster.id, "controller": cluster.controller, "brokers": brokers })))
}
