//! `/v1/topics/{topics}/stream`: records as they come, by server-sent events.

use crate::access::{Access, Action, Caller};
use crate::broadcast::{Broadcast, Request};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::{EventStream, event_stream};
use crate::http::extract::query::{Query, invalid};
use crate::http::extract::{OneTopic, RequestId, authorise};
use crate::http::reply::stream::respond;
use crate::http::state::Limits;
use crate::record::start::StartError;
use crate::record::{Cursor, Start, TopicName};
use crate::wire::sse::Format;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// The shortest and the longest heartbeat a client may ask for.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// `GET /v1/topics/{topics}/stream`: history from a position, then the tail, until the client leaves.
pub async fn open(
    State(broadcast): State<Broadcast>,
    (State(access), State(limits)): (State<Access>, State<Limits>),
    (caller, OneTopic(topic), RequestId(id)): (Caller, OneTopic, RequestId),
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    let accepted = event_stream(&headers);
    if accepted == EventStream::Refused {
        return Err(ApiError::new(code::NOT_ACCEPTABLE, "this route sends text/event-stream"));
    }
    let (request, plain_errors) = read(topic, query, &headers, limits)?;
    authorise(&access, &caller, Action::Read(&request.topic))?;
    if request.cursor().is_some_and(|cursor| cursor.finished) {
        // The stream that wrote this cursor reached its end: 204 tells an EventSource to stop for good.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    match broadcast.open(request).await.map_err(ApiError::from) {
        Ok(stream) => Ok(respond(stream, id)),
        Err(error) if accepted == EventStream::Named && !plain_errors => Err(error.as_event()),
        Err(error) => Err(error),
    }
}

/// Reads what was asked for, and whether failures are wanted as plain statuses.
fn read(
    topic: TopicName,
    mut query: Query,
    headers: &HeaderMap,
    limits: Limits,
) -> Result<(Request, bool), ApiError> {
    let from = query.one("from")?;
    let later = (query.one("last_event_id")?, query.one("lastEventId")?);
    let format = query.word("format", &[("envelope", Format::Envelope), ("value", Format::Value)])?;
    let heartbeat = query.duration("heartbeat", HEARTBEAT)?;
    let plain_errors = query.word("errors", &[("fault", false), ("status", true)])?;
    query.finish()?;
    let header = headers.get("last-event-id").map(|value| value.to_str().map(str::to_owned));
    let header = header.transpose().map_err(|_| bad_cursor("Last-Event-ID is not ASCII"))?;
    // An empty id is what a client has that was told none: it says nothing.
    let given = [header, later.0, later.1].into_iter().flatten().find(|id| !id.is_empty());
    let request = Request {
        topic,
        from: from.map_or(Ok(Start::Latest), |text| read_start(&text, limits))?,
        cursor: given.map(|text| read_cursor(&text, limits)).transpose()?,
        format: format.unwrap_or_default(),
        heartbeat: heartbeat.unwrap_or(limits.heartbeat),
    };
    Ok((request, plain_errors.unwrap_or(false)))
}

fn read_start(text: &str, limits: Limits) -> Result<Start, ApiError> {
    check_length(text, limits)?;
    Start::parse(text).map_err(|error| match error {
        StartError::Cursor(error) => bad_cursor(error),
        other => invalid("from", other),
    })
}

fn read_cursor(text: &str, limits: Limits) -> Result<Cursor, ApiError> {
    check_length(text, limits)?;
    Cursor::parse(text).map_err(bad_cursor)
}

fn check_length(text: &str, limits: Limits) -> Result<(), ApiError> {
    let most = limits.max_cursor_bytes;
    if text.len() <= most {
        return Ok(());
    }
    Err(ApiError::new(code::SELECTION_TOO_WIDE, format!("the cursor is longer than {most} bytes")))
}

fn bad_cursor(reason: impl std::fmt::Display) -> ApiError {
    ApiError::new(code::INVALID_CURSOR, reason.to_string())
}
