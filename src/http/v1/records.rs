//! `/v1/topics/{topics}/records`: putting records in.

use crate::access::{Access, Action, Caller};
use crate::http::error::ApiError;
use crate::http::extract::{authorise, produce::OneRecord};
use crate::http::reply;
use crate::produce::Produce;
use crate::record::Acks;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Where a record was written.
#[derive(Debug, Serialize)]
struct Receipt<'a> {
    topic: &'a str,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

/// `POST /v1/topics/{topics}/records`: one record, whose value is the body. 200 when as many replicas hold it as `acks`
/// asks for; 202 when none was asked.
pub async fn produce(
    State(produce): State<Produce>,
    State(access): State<Access>,
    caller: Caller,
    OneRecord { record, acks }: OneRecord,
) -> Result<Response, ApiError> {
    authorise(&access, &caller, Action::Produce(&record.topic))?;
    let topic = record.topic.clone();
    let receipt = produce.send(record, acks).await?;
    let body = Receipt {
        topic: topic.as_str(),
        partition: receipt.partition,
        offset: receipt.offset,
        timestamp: receipt.timestamp,
    };
    let status = if acks == Acks::None { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, reply::json(&body)).into_response())
}
