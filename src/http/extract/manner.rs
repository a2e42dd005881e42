//! How a stream is to be told, from a request's query and `Accept`.

use super::super::error::{ApiError, code};
use super::super::reply::not_json;
use super::super::state::Limits;
use super::accept::{Accepted, accepted};
use super::query::{Query, invalid};
use super::reading::value_form;
use crate::broadcast::{Ids, Manner};
use crate::record::{OnSlow, ValueForm};
use crate::wire::Format;
use axum::http::HeaderMap;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The shortest and the longest heartbeat a client may ask for.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The shortest and the longest time that a client may let frames wait.
const FLUSH: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(100));

/// The shortest and the longest lifetime a client may ask for.
const MAX_AGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));

/// The parameters that [`manner`] takes, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct StreamParameters {
    /// What an event's data is: the record's envelope, or its value alone. Lines of JSON are always envelopes.
    #[param(required = false, inline, default = "envelope")]
    format: FormatWord,
    /// How values stand in envelopes: `auto`, the default, is JSON, else text, else base64. Not with `format=value`.
    #[param(required = false, inline)]
    value: ValueForm,
    /// Where ids stand: on every event, or only on the last record of those that leave together.
    #[param(required = false, inline, default = "event")]
    ids: IdsWord,
    /// How long records may wait to share a write with others: an integer with its unit, `0` to `100ms`; 5 ms unless the
    /// configuration says otherwise. What comes after a silence never waits.
    #[param(required = false, pattern = "^(0|[0-9]+(ms|s|m|h))$", example = "20ms")]
    flush: String,
    /// What becomes of a stream whose client is so slow that the newest records have left memory before it took them:
    /// `replay` gives it everything all the same, from the log; `skip` tells a `gap` and goes on with what is new; `close`
    /// ends it with a `drain`.
    #[param(required = false, inline, default = "replay")]
    on_slow: OnSlow,
    /// The longest silence: an integer with its unit, `5s` to `60s`; 15 s unless the configuration says otherwise.
    #[param(required = false, pattern = "^[0-9]+(ms|s|m|h)$", example = "15s")]
    heartbeat: String,
    /// Whether heartbeats are events that code can see.
    #[param(required = false, default = false)]
    ping: bool,
    /// The stream's lifetime: an integer with its unit, `10s` to `24h`. Unless said, about 15 minutes for events and none
    /// for lines.
    #[param(required = false, pattern = "^[0-9]+(ms|s|m|h)$", example = "15m")]
    max_age: String,
    /// How a refusal that passes (500, 503, 504) is told where `Accept` names `text/event-stream`: as a `fault` under status
    /// 200, or by its status.
    #[param(required = false, inline, default = "fault")]
    errors: ErrorsWord,
}

/// A word of `format`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document: the words are read below")]
enum FormatWord {
    Envelope,
    Value,
}

/// A word of `ids`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document: the words are read below")]
enum IdsWord {
    Event,
    Flush,
}

/// A word of `errors`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document: the words are read below")]
enum ErrorsWord {
    Fault,
    Status,
}

/// What the client is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Server-sent events; `named` when that is what it asked for, not only what it takes.
    Events { named: bool },
    /// Newline-delimited JSON.
    Lines,
}

/// What the client is sent, by `Accept`.
///
/// # Errors
/// 406 when it takes neither.
pub fn negotiate(headers: &HeaderMap) -> Result<Form, ApiError> {
    let events = accepted(headers, "text/event-stream");
    let lines = accepted(headers, "application/x-ndjson");
    if !events.is_taken() && !lines.is_taken() {
        let detail = "this route sends text/event-stream and application/x-ndjson";
        return Err(ApiError::new(code::NOT_ACCEPTABLE, detail));
    }
    let named = matches!(events, Accepted::Named(_));
    Ok(if lines.rank() > events.rank() { Form::Lines } else { Form::Events { named } })
}

/// How any stream is told.
pub struct Told {
    /// The form of its frames.
    pub format: Format,
    /// The longest silence.
    pub heartbeat: Duration,
    /// Whether a heartbeat is an event that page code sees.
    pub ping: bool,
    /// About how long it lives; for ever, when `None`.
    pub max_age: Option<Duration>,
    /// Whether failures are wanted as plain statuses.
    pub as_status: bool,
}

/// Takes from `query` how any stream is to be told.
///
/// # Errors
/// When a parameter has a value it cannot have, or two contradict each other.
pub fn told(form: Form, query: &mut Query, limits: Limits) -> Result<Told, ApiError> {
    let value_alone = query.word("format", &[("envelope", false), ("value", true)])?.unwrap_or(false);
    let value = value_form(query)?;
    let heartbeat = query.duration("heartbeat", HEARTBEAT)?;
    let ping = query.flag("ping")?;
    let max_age = query.duration("max_age", MAX_AGE)?;
    let as_status = query.word("errors", &[("fault", false), ("status", true)])?;
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
    Ok(Told {
        format,
        heartbeat: heartbeat.unwrap_or(limits.heartbeat),
        ping,
        max_age: max_age.or((form != Form::Lines).then_some(limits.max_age)),
        as_status: as_status.unwrap_or(false),
    })
}

/// Reads how a stream without a group is to be told, and whether failures are wanted as plain statuses.
///
/// # Errors
/// When a parameter has a value it cannot have, or two contradict each other.
pub fn manner(form: Form, mut query: Query, limits: Limits, id: &str) -> Result<(Manner, bool), ApiError> {
    let ids = query.word("ids", &[("event", Ids::Event), ("flush", Ids::Flush)])?;
    let flush = query.duration("flush", FLUSH)?;
    let on_slow = [("replay", OnSlow::Replay), ("skip", OnSlow::Skip), ("close", OnSlow::Close)];
    let on_slow = query.word("on_slow", &on_slow)?.unwrap_or_default();
    let Told { format, heartbeat, ping, max_age, as_status } = told(form, &mut query, limits)?;
    query.finish()?;
    let manner = Manner {
        format,
        ids: ids.unwrap_or_default(),
        heartbeat,
        ping,
        flush: flush.unwrap_or(limits.flush),
        on_slow,
        max_age,
        not_json: not_json(id.to_owned()),
    };
    Ok((manner, as_status))
}
