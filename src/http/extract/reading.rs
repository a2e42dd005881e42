//! What is to be read, from a request's query and `Last-Event-ID`: the same for streams and pages.

use super::super::error::{ApiError, code};
use super::super::state::Limits;
use super::query::{Query, invalid};
use crate::broadcast::Reading;
use crate::record::start::StartError;
use crate::record::{Cursor, Isolation, OnLoss, PartitionSet, Selection, Start, Until, ValueForm};
use axum::http::HeaderMap;

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
    let (snake, camel) = (query.one("last_event_id")?, query.one("lastEventId")?);
    let header = headers.get("last-event-id").map(|value| value.to_str().map(str::to_owned));
    let header = header.transpose().map_err(|_| bad_cursor("Last-Event-ID is not ASCII"))?;
    // An empty id is what a client has that was told none: it says nothing.
    let given = [header, snake, camel].into_iter().flatten().find(|id| !id.is_empty());
    let resume = given.map(|text| cursor(&text, limits)).transpose()?;
    let until = query.parsed("until", Until::parse)?;
    let partitions = query.parsed("partition", PartitionSet::parse)?;
    let isolation = isolation(query)?;
    let losses = [("earliest", OnLoss::Earliest), ("latest", OnLoss::Latest), ("fail", OnLoss::Fail)];
    let on_loss = query.word("on_loss", &losses)?.unwrap_or_default();
    let partitions = chosen(&from, &topics, partitions)?;
    Ok(Reading { topics, from, resume, until, partitions, isolation, on_loss })
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
