//! `/v1/topics/{topics}/stream`: records as they come, by server-sent events or as lines of JSON.

use crate::access::{Access, Caller};
use crate::broadcast::{Broadcast, Ids, Manner};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::{Accepted, accepted};
use crate::http::extract::query::{Query, invalid};
use crate::http::extract::reading::{reading, value_form};
use crate::http::extract::{RequestId, Topics, authorise_reading};
use crate::http::reply::{not_json, stream};
use crate::http::state::Limits;
use crate::record::Cursor;
use crate::wire::Format;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// The shortest and the longest heartbeat a client may ask for.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The shortest and the longest lifetime a client may ask for.
const MAX_AGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));

/// `GET /v1/topics/{topics}/stream`: history from a position, then the tail, until the client leaves.
pub async fn open(
    State(broadcast): State<Broadcast>,
    (State(access), State(limits)): (State<Access>, State<Limits>),
    (caller, Topics(topics), RequestId(id)): (Caller, Topics, RequestId),
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let form = negotiate(&headers)?;
    let reading = reading(topics, &mut query, &headers, limits)?;
    let (manner, as_status) = manner(form, query, limits, &id)?;
    authorise_reading(&access, &caller, &reading.topics)?;
    if reading.cursor().is_some_and(|cursor| cursor.finished) {
        // The stream that wrote this cursor reached its end: 204 tells an EventSource to stop for good.
        let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok((StatusCode::NO_CONTENT, [no_store]).into_response());
    }
    let (format, brought) = (manner.format, reading.cursor().map(Cursor::to_string));
    match broadcast.open(reading, manner).await.map_err(ApiError::from) {
        Ok(stream) => Ok(stream::respond(stream, format, id)),
        Err(error) if form == Form::Events { named: true } && !as_status => Err(error.as_event(brought)),
        Err(error) => Err(error),
    }
}

/// What the client is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Server-sent events; `named` when that is what it asked for, not only what it takes.
    Events { named: bool },
    /// Newline-delimited JSON.
    Lines,
}

fn negotiate(headers: &HeaderMap) -> Result<Form, ApiError> {
    let events = accepted(headers, "text/event-stream");
    let lines = accepted(headers, "application/x-ndjson");
    if !events.is_taken() && !lines.is_taken() {
        let detail = "this route sends text/event-stream and application/x-ndjson";
        return Err(ApiError::new(code::NOT_ACCEPTABLE, detail));
    }
    let named = matches!(events, Accepted::Named(_));
    Ok(if lines.rank() > events.rank() { Form::Lines } else { Form::Events { named } })
}

/// Reads how the stream is to be told, and whether failures are wanted as plain statuses.
fn manner(form: Form, mut query: Query, limits: Limits, id: &str) -> Result<(Manner, bool), ApiError> {
    let value_alone = query.word("format", &[("envelope", false), ("value", true)])?.unwrap_or(false);
    let value = value_form(&mut query)?;
    let ids = query.word("ids", &[("event", Ids::Event), ("flush", Ids::Flush)])?;
    let heartbeat = query.duration("heartbeat", HEARTBEAT)?;
    let ping = query.flag("ping")?;
    let max_age = query.duration("max_age", MAX_AGE)?;
    let as_status = query.word("errors", &[("fault", false), ("status", true)])?;
    query.finish()?;
    let format = match (form, value_alone, value) {
        (Form::Lines, true, _) => return Err(invalid("format", "lines of JSON are envelopes")),
        (Form::Lines, false, value) => Format::Lines(value.unwrap_or_default()),
        (Form::Events { .. }, true, None) => Format::Values,
        (Form::Events { .. }, true, Some(_)) => {
            return Err(invalid(
                "value",
                "it is the form of a value in an envelope, and `format=value` has none",
            ));
        }
        (Form::Events { .. }, false, value) => Format::Events(value.unwrap_or_default()),
    };
    let manner = Manner {
        format,
        ids: ids.unwrap_or_default(),
        heartbeat: heartbeat.unwrap_or(limits.heartbeat),
        ping,
        max_age: max_age.or((form != Form::Lines).then_some(limits.max_age)),
        not_json: not_json(id.to_owned()),
    };
    Ok((manner, as_status.unwrap_or(false)))
}
