//! What a stream of a group asks for, from its query and `Last-Event-ID`.

use super::super::error::{ApiError, code};
use super::super::state::Limits;
use super::filter::filter;
use super::group;
use super::manner::{Form, told};
use super::query::{Query, invalid};
use super::reading::{brought, isolation};
use super::settings::{self, ACK_TIMEOUT, WINDOW, Wishes};
use crate::group::{AckMode, Manner, Ordering, Work};
use crate::record::{Selection, Start, ValueForm, number};
use crate::wire::Format;
use axum::http::HeaderMap;
use std::num::NonZeroU32;
use utoipa::IntoParams;

/// What would contradict a group's own position, or its ids.
const NOT_IN_GROUPS: [&str; 6] = ["until", "partition", "ids", "on_slow", "on_loss", "flush"];

/// The parameters that [`working`] takes besides those of every stream, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct WorkingParameters {
    /// The group that the stream works off. It begins where the group stands; `from` (`latest`, `earliest` or a time) says
    /// where a partition begins of which the group has no offset. Topics are literal names, and `until`, `partition`, `ids`,
    /// `on_slow`, `on_loss`, `flush` and `value=json` do not go with it. The settings of the group follow.
    #[param(required = false, min_length = 1, example = "billing")]
    group: String,
    /// Setting: when a record counts as acknowledged. `reconnect`: when the client comes back with its id, or a later one, as
    /// an EventSource does by itself (the default of events). `explicit`: when `POST /v1/groups/{group}/acks` says so (the
    /// default of lines). `written`: its offset is committed before it is sent; at most once. `none`: never.
    #[param(required = false, inline, example = "reconnect")]
    ack: AckMode,
    /// Setting: what records keep their order among while several clients work them off.
    #[param(required = false, inline, default = "partition")]
    ordering: Ordering,
    /// Setting: how many records of a partition may be taken from Kafka and not yet acknowledged; 5000 with `reconnect`, else
    /// `groups.window`, unless given. With `reconnect` a stream ends, for its client to come back, at half of it.
    #[param(required = false, minimum = 1, maximum = 100_000)]
    window: usize,
    /// Setting: how long a record waits for its acknowledgement before it is handed out again: an integer with its unit. With
    /// `reconnect` that begins when the stream ends, and is 10 s; else it is `groups.ack_timeout`, unless given.
    #[param(required = false, pattern = "^[0-9]+(ms|s|m|h)$", example = "30s")]
    ack_timeout: String,
    /// Setting: how often a record is handed out before it is given up; for ever if left out.
    #[param(required = false, minimum = 1)]
    max_attempts: u32,
    /// Setting: the topic that a record goes to which is given up; it is skipped if left out. Needs `max_attempts`.
    #[param(required = false)]
    dead_letter: String,
}

/// A stream of a group, as it is asked for.
pub struct Working {
    /// What it works off.
    pub work: Work,
    /// How it is told.
    pub manner: Manner,
    /// Whether failures are wanted as plain statuses.
    pub as_status: bool,
    /// The id that the client brought, whatever it is. An old or a foreign one is no error: it would end an EventSource for
    /// ever, or have it come back for ever.
    pub brought: Option<String>,
}

/// Takes from `query` what a stream of `group` asks for.
///
/// # Errors
/// When a parameter has a value it cannot have, does not go with a group, or contradicts another.
pub fn working(
    topics: &Selection,
    group: &str,
    (form, mut query): (Form, Query),
    headers: &HeaderMap,
    limits: Limits,
) -> Result<Working, ApiError> {
    let group = group::parse(group)?;
    if let Some(pattern) = topics.patterns().first() {
        let why = format!("`{pattern}` is a pattern; a group is worked off by literal names");
        return Err(ApiError::new(code::INVALID_TOPIC, why));
    }
    for name in NOT_IN_GROUPS {
        if query.one(name)?.is_some() {
            return Err(invalid(name, "it does not go with `group`"));
        }
    }
    let header = headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let brought = brought(&mut query, header)?;
    let start = query.parsed("from", settings::start)?;
    let modes = [AckMode::Reconnect, AckMode::Explicit, AckMode::Written, AckMode::None];
    let ack = query.word("ack", &modes.map(|mode| (mode.as_str(), mode)))?;
    let by_form = if form == Form::Lines { AckMode::Explicit } else { AckMode::Reconnect };
    let wishes = Wishes {
        ack: ack.unwrap_or(by_form),
        ordering: query.word("ordering", &Ordering::WORDS)?.unwrap_or_default(),
        isolation: isolation(&mut query)?,
        filter: filter(&mut query)?,
        window: query.count("window", WINDOW.0..=WINDOW.1)?,
        ack_timeout: query.duration("ack_timeout", ACK_TIMEOUT)?,
        max_attempts: query.parsed("max_attempts", |text| {
            number(text).and_then(NonZeroU32::new).ok_or("it is a whole number from 1 on")
        })?,
        dead_letter: query.one("dead_letter")?,
    };
    let delivery = wishes.settle(limits, |name, why| invalid(name, why))?;
    let told = told(form, &mut query, limits)?;
    query.finish()?;
    if matches!(told.format, Format::Events(ValueForm::Json) | Format::Lines(ValueForm::Json)) {
        return Err(invalid("value", "`json` does not go with `group`: what is not JSON is handed out, too"));
    }
    let manner =
        Manner { format: told.format, heartbeat: told.heartbeat, ping: told.ping, max_age: told.max_age };
    let topics = topics.literals().iter().cloned().collect();
    let work = Work { group, topics, delivery, start: start.unwrap_or(Start::Latest) };
    Ok(Working { work, manner, as_status: told.as_status, brought })
}
