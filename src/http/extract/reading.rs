//! What is to be read, from a request's query and `Last-Event-ID`: the same for streams and pages.

use super::super::error::{ApiError, code};
use super::super::state::Limits;
use super::filter::filter;
use super::query::{Query, invalid};
use crate::broadcast::Reading;
use crate::record::start::StartError;
use crate::record::{Cursor, Isolation, OnLoss, PartitionSet, Selection, Start, Until, ValueForm};
use axum::http::HeaderMap;
use std::sync::Arc;
use utoipa::IntoParams;

/// The parameters that [`reading`] takes, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct ReadingParameters {
    /// Where to begin: `latest`, `earliest`, a time (RFC 3339 or epoch milliseconds), `-N` for the last N records of each
    /// partition (at most 10 000), `PARTITION:OFFSET,…` (one topic only), or a cursor.
    #[param(required = false, default = "latest", example = "earliest")]
    from: String,
    /// Where to end: `now` is the end of the logs as they stand when the request comes, a time (RFC 3339 or epoch
    /// milliseconds) is before the first record of each partition stamped at or after it. Without it there is no end.
    #[param(required = false, example = "now")]
    until: String,
    /// Only these partitions, of every topic: numbers and ranges.
    #[param(required = false, pattern = "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", example = "0,3-5")]
    partition: String,
    /// Whether records of transactions are seen that are not yet, or never, committed.
    #[param(required = false, inline, default = "committed")]
    isolation: Isolation,
    /// What to do when the position is gone: tell it and go on at the first record still held, or at the end, or refuse
    /// with 410 `position_lost`.
    #[param(required = false, inline, default = "earliest")]
    on_loss: OnLoss,
    /// A cursor to go on from: the id of the last event, or the `next` of the last page. It overrules `from`, and the
    /// header `Last-Event-ID` overrules it. An empty one says nothing. `lastEventId` is the same under the name that some
    /// clients use; `last_event_id` overrules it.
    #[param(required = false, max_length = 4096, example = "1.HJ4iXo0fMAGzCQ")]
    last_event_id: String,
}

/// The header that [`reading`] takes, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the document: the value is taken from the headers")]
pub struct ReadingHeaders {
    /// A cursor to go on from, as an EventSource brings it back by itself.
    #[param(required = false, rename = "Last-Event-ID", max_length = 4096, example = "1.HJ4iXo0fMAGzCQ")]
    last_event_id: String,
}

/// Takes from `query` what says what is to be read.
///
/// # Errors
/// When a parameter has a value it cannot have, or two contradict each other.
pub fn reading(
    topics: Selection,
    query: &mut Query,
    headers: &HeaderMap,
    limits: Limits,
) -> Result<Reading, ApiError> {
    let from = query.one("from")?.map(|text| start(&text, limits)).transpose()?.unwrap_or(Start::Latest);
    let header = headers.get("last-event-id").map(|value| value.to_str().map(str::to_owned));
    let header = header.transpose().map_err(|_| bad_cursor("Last-Event-ID is not ASCII"))?;
    let resume = brought(query, header)?.map(|text| cursor(&text, limits)).transpose()?;
    let until = query.parsed("until", Until::parse)?;
    let partitions = query.parsed("partition", PartitionSet::parse)?;
    let isolation = isolation(query)?;
    let losses = [("earliest", OnLoss::Earliest), ("latest", OnLoss::Latest), ("fail", OnLoss::Fail)];
    let on_loss = query.word("on_loss", &losses)?.unwrap_or_default();
    let partitions = chosen(&from, &topics, partitions)?;
    let filter = filter(query)?.map(Arc::new);
    Ok(Reading { topics, from, resume, until, partitions, isolation, on_loss, filter })
}

/// The id that a client brings back: that of the header `Last-Event-ID`, or one that `query` has in its place. An empty one is
/// what a client has that was told none: it says nothing.
///
/// # Errors
/// When a parameter is given more than once.
pub fn brought(query: &mut Query, header: Option<String>) -> Result<Option<String>, ApiError> {
    let (snake, camel) = (query.one("last_event_id")?, query.one("lastEventId")?);
    Ok([header, snake, camel].into_iter().flatten().find(|id| !id.is_empty()))
}

/// Takes from `query` which records of transactions are seen.
///
/// # Errors
/// When it is none of the words.
pub fn isolation(query: &mut Query) -> Result<Isolation, ApiError> {
    let words = [("committed", Isolation::Committed), ("uncommitted", Isolation::Uncommitted)];
    Ok(query.word("isolation", &words)?.unwrap_or_default())
}

/// Takes from `query` how values stand in envelopes.
///
/// # Errors
/// When it is none of the words.
pub fn value_form(query: &mut Query) -> Result<Option<ValueForm>, ApiError> {
    let forms = [
        ("auto", ValueForm::Auto),
        ("json", ValueForm::Json),
        ("text", ValueForm::Text),
        ("base64", ValueForm::Base64),
    ];
    query.word("value", &forms)
}

/// Explicit offsets choose partitions of one topic, and nothing may choose others.
fn chosen(
    from: &Start,
    topics: &Selection,
    partitions: Option<PartitionSet>,
) -> Result<Option<PartitionSet>, ApiError> {
    let Start::Offsets(starts) = from else { return Ok(partitions) };
    if topics.only().is_none() {
        return Err(invalid("from", "offsets are of one topic, and this path may name several"));
    }
    let started = PartitionSet::of(starts.keys().copied());
    if partitions.is_some_and(|chosen| chosen != started) {
        return Err(invalid("partition", "it names other partitions than the offsets in `from`"));
    }
    Ok(Some(started))
}

fn start(text: &str, limits: Limits) -> Result<Start, ApiError> {
    check_length(text, limits)?;
    Start::parse(text).map_err(|error| match error {
        StartError::Cursor(error) => bad_cursor(error),
        other => invalid("from", other),
    })
}

fn cursor(text: &str, limits: Limits) -> Result<Cursor, ApiError> {
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
