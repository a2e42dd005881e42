//! `/v1/topics/{topics}/records`: putting records in, and taking them out page by page.

use crate::access::{Access, Action, Caller};
use crate::broadcast::{Broadcast, PageLimits};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::accepted;
use crate::http::extract::query::Query;
use crate::http::extract::reading::{reading, value_form};
use crate::http::extract::{RequestId, Topics, authorise, authorise_reading, produce::OneRecord};
use crate::http::reply;
use crate::http::state::Limits;
use crate::produce::Produce;
use crate::record::Acks;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;

/// How many records a page holds, unless it is asked for another number, and the most it may be asked for.
const RECORDS: (usize, usize) = (100, 10_000);

/// The same of its bytes.
const BYTES: (usize, usize) = (1 << 20, 16 << 20);

/// The longest that a page may wait for a record: proxies give up after a minute.
const WAIT: Duration = Duration::from_secs(55);

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

/// `GET /v1/topics/{topics}/records`: the records from a position on, as soon as there are any; 204 when there are none.
pub async fn page(
    State(broadcast): State<Broadcast>,
    (State(access), State(limits)): (State<Access>, State<Limits>),
    (caller, Topics(topics), RequestId(id)): (Caller, Topics, RequestId),
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    if !accepted(&headers, "application/json").is_taken() {
        return Err(ApiError::new(code::NOT_ACCEPTABLE, "this route sends application/json"));
    }
    let reading = reading(topics, &mut query, &headers, limits)?;
    query.word("format", &[("envelope", ())])?;
    let limits = PageLimits {
        form: value_form(&mut query)?.unwrap_or_default(),
        max: query.count("max", 1..=RECORDS.1)?.unwrap_or(RECORDS.0),
        max_bytes: query.count("max_bytes", 1..=BYTES.1)?.unwrap_or(BYTES.0),
        wait: query.duration("wait", (Duration::ZERO, WAIT))?.unwrap_or_default(),
        not_json: reply::not_json(id),
    };
    query.finish()?;
    authorise_reading(&access, &caller, &reading.topics)?;
    match reading.cursor().filter(|cursor| cursor.finished) {
        Some(finished) => Ok(reply::page::nothing(finished, None)),
        None => Ok(reply::page::respond(broadcast.page(&reading, limits).await?, &headers)),
    }
}
