//! `/v1/topics/{topics}/records`: putting records in, and taking them out page by page.

use crate::access::{Access, Action, Caller};
use crate::broadcast::{Broadcast, PageLimits};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::accepted;
use crate::http::extract::filter::FilterParameters;
use crate::http::extract::produce::{OneRecord, ProduceParameters};
use crate::http::extract::query::Query;
use crate::http::extract::reading::{ReadingHeaders, ReadingParameters, reading, value_form};
use crate::http::extract::{
    Condition, OneTopicParameters, RequestId, Topics, TopicsParameters, authorise, authorise_reading,
};
use crate::http::reply;
use crate::http::schema::record::{self, Binary};
use crate::http::schema::refusals;
use crate::http::schema::stream::Loss;
use crate::http::state::Limits;
use crate::produce::Produce;
use crate::record::{Acks, ValueForm};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How many records a page holds, unless it is asked for another number, and the most it may be asked for.
const RECORDS: (usize, usize) = (100, 10_000);

/// The same of its bytes.
const BYTES: (usize, usize) = (1 << 20, 16 << 20);

/// The longest that a page may wait for a record: proxies give up after a minute.
const WAIT: Duration = Duration::from_secs(55);

/// Where a record was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "topic": "orders", "partition": 0, "offset": 1203, "timestamp": 1_763_795_871_123_i64
}))]
pub struct Receipt<'a> {
    /// The topic.
    topic: &'a str,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset in the partition; left out with `acks=none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    offset: Option<i64>,
    /// The record's time in epoch milliseconds, as Kafka confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timestamp: Option<i64>,
}

/// The parameters of a page that a stream does not have.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct PageParameters {
    /// How records are written; there is one way.
    #[param(required = false, default = "envelope", pattern = "^envelope$")]
    format: String,
    /// How values stand in envelopes: `auto` is JSON, else text, else base64.
    #[param(required = false, inline, default = "auto")]
    value: ValueForm,
    /// The most records.
    #[param(required = false, minimum = 1, maximum = 10000, default = 100)]
    max: u32,
    /// The most bytes of envelopes; one record that is larger is still given, alone.
    #[param(required = false, minimum = 1, maximum = 16777216, default = 1048576)]
    max_bytes: u32,
    /// How long to wait for a record where there is none: an integer with its unit, `0` to `55s`. The answer comes as soon
    /// as there is anything.
    #[param(required = false, pattern = "^(0|[0-9]+(ms|s|m|h))$", default = "0", example = "20s")]
    wait: String,
}

/// Produce a record
///
/// The body is the record's value, byte for byte, whatever its Content-Type says; key, headers and the rest come beside
/// it. A Content-Type that was given, and is not curl's default, is stored as record header `content-type`. Lines of JSON
/// and CloudEvents have a meaning of their own and are not served yet (415). If the client leaves after the body was read,
/// the record is sent all the same.
#[utoipa::path(
    post, path = "/v1/topics/{topics}/records", operation_id = "produce", tag = "records",
    params(OneTopicParameters, ProduceParameters),
    request_body(description = "The value: any bytes of any type; these two are examples.", content(
        (String = "text/plain", example = json!("{\"total\":12.5}")),
        (inline(Binary) = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "As many replicas hold the record as `acks` asks for.", body = Receipt<'static>),
        (status = 202, description = "With `acks=none`: the record was sent, and nobody confirms it.",
            body = Receipt<'static>, example = json!({"topic": "orders", "partition": 0})),
        refusals::Produce,
    ),
)]
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

/// Read a page of records
///
/// The records from a position on, as soon as there are any. Ask again with `from` and the `next` that came with the page;
/// a stream goes on from it as well. A gap is told in `gaps`, and a record that `value=json` cannot tell in `faults`.
///
/// Filters choose among the records, as in a stream: `header.<name>=value` beside `key`, `key_base64` or `key_prefix`, and
/// `where`. A page with filters passes over at most 50 000 records, 32 MiB, or what comes in 3 s, and then answers with what it found,
/// perhaps nothing, with `next` moved on and `up_to_date` false. While it waits at the end of the logs it passes over whatever
/// comes.
#[utoipa::path(
    get, path = "/v1/topics/{topics}/records", operation_id = "read_page", tag = "records",
    params(TopicsParameters, ReadingParameters, FilterParameters, PageParameters, ReadingHeaders, Condition),
    responses(
        (status = 200, description = "A page.", body = record::Page, headers(
            ("ETag" = String, description = "Changes with what the page holds."),
            ("Kafka-Stream-Loss" = inline(Loss), description = "The worst that happened to the position."),
        )),
        (status = 204, description = "Nothing stands behind the position, even after `wait`; or the cursor is finished.",
            headers(
                ("Kafka-Stream-Next" = String, description = "Where to go on: what `next` is in a page."),
                ("Kafka-Stream-Loss" = inline(Loss), description = "The worst that happened to the position."),
            )),
        (status = 304, description = "`If-None-Match` names the page as it is.", headers(
            ("ETag" = String, description = "The page's tag."),
            ("Kafka-Stream-Loss" = inline(Loss), description = "The worst that happened to the position."),
        )),
        refusals::ReadPage,
    ),
    extensions(("x-fault-codes" = json!(["value_not_json"]))),
)]
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
