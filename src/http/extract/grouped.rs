//! What a poll of a group and its acknowledgements ask for, from the body of the request.
//!
//! Filters and settings are members under the names that they have in a stream's query, and durations are whole numbers of
//! milliseconds. Who leaves a setting out asks for its default, which is then as fixed as any other.

use super::super::error::{ApiError, code};
use super::super::state::Limits;
use super::filter::{HEADER, Wanted};
use super::query::{among, brief};
use super::settings::{self, ACK_TIMEOUT, WINDOW, Wishes};
use crate::group::{AckMode, Acks, Appetite, Delivery, Nack, Ordering, Poll, Work};
use crate::record::{GroupId, Isolation, Start, TopicName, ValueForm};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest body taken.
pub const MAX_BODY_BYTES: usize = 4 << 20;

/// The most ids of one kind.
const MAX_IDS: usize = 10_000;

/// How many topics one poll may name.
const MAX_TOPICS: usize = 100;

/// How many records a poll takes unless it is asked for another number, and the most it may be asked for.
const RECORDS: (u32, u32) = (100, 10_000);

/// The same of their bytes.
const BYTES: (u32, u32) = (1 << 20, 16 << 20);

/// How long a poll waits unless it is asked for another time, and the longest: proxies give up after a minute.
const WAIT: (u64, u64) = (20_000, 55_000);

/// The longest name of a session, in bytes.
const MAX_SESSION: usize = 100;

/// The longest delay of a record that is given back, in milliseconds.
const MAX_DELAY: u64 = 43_200_000;

/// Ids of records, to be acknowledged or given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AckRequest, example = json!({"up_to": [], "ids": ["g1.…"], "nacks": [{"id": "g1.…", "delay_ms": 1000}]}))]
pub struct AckRequest {
    /// Each acknowledges all records that its session was handed up to and with it, of all partitions, and that nobody was
    /// handed since.
    #[serde(default)]
    #[schema(max_items = 10000)]
    up_to: Vec<String>,
    /// Each acknowledges its record.
    #[serde(default)]
    #[schema(max_items = 10000)]
    ids: Vec<String>,
    /// Each gives its record back.
    #[serde(default)]
    #[schema(inline, max_items = 10000)]
    nacks: Vec<NackRequest>,
}

/// A record that is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NackRequest {
    /// Its id.
    id: String,
    /// How long it is not to be handed out again; those behind it in its partition that were not handed out yet wait, too.
    #[serde(default)]
    #[schema(default = 0, maximum = 43_200_000)]
    delay_ms: u64,
}

/// What a poll asks for. Beside these there is `header.<name>`, an array of texts: only records with a header of that name
/// and one of these values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PollRequest, example = json!({"topics": ["orders"], "max": 100, "wait_ms": 20000, "up_to": [], "session": "s-1", "seq": 7}))]
pub struct PollRequest {
    /// Topics, by their names.
    #[schema(min_items = 1, max_items = 100, example = json!(["orders"]))]
    topics: Vec<String>,
    /// As in acknowledgements; they are taken first.
    #[serde(default)]
    #[schema(max_items = 10000)]
    up_to: Vec<String>,
    /// As in acknowledgements.
    #[serde(default)]
    #[schema(max_items = 10000)]
    ids: Vec<String>,
    /// As in acknowledgements.
    #[serde(default)]
    #[schema(inline, max_items = 10000)]
    nacks: Vec<NackRequest>,
    /// The most records.
    #[schema(minimum = 1, maximum = 10000, default = 100)]
    max: Option<u32>,
    /// The most bytes of keys, values and headers; one record that is larger is still given, alone.
    #[schema(minimum = 1, maximum = 16_777_216, default = 1_048_576)]
    max_bytes: Option<u32>,
    /// How long to wait where there is no record. The answer comes as soon as there is anything.
    #[schema(maximum = 55_000, default = 20_000)]
    wait_ms: Option<u64>,
    /// A name by which the gateway knows the client again from poll to poll. Goes with `seq`.
    #[schema(min_length = 1, max_length = 100)]
    session: Option<String>,
    /// The number of the poll in its session. The same number gives the same records again for as long as all of them are
    /// held, so a reply that was lost on its way costs nothing; any other number is the next poll.
    seq: Option<u64>,
    /// Where a partition begins of which the group has no offset: `latest`, `earliest`, or a time (RFC 3339 or epoch
    /// milliseconds, as a text).
    #[schema(default = "latest")]
    from: Option<String>,
    /// How values stand in envelopes: `auto` is JSON, else text, else base64.
    #[schema(default = "auto", pattern = "^(auto|text|base64)$")]
    value: Option<String>,
    /// Setting: whether records of transactions are seen that are not yet, or never, committed.
    #[schema(default = "committed", pattern = "^(committed|uncommitted)$")]
    isolation: Option<String>,
    /// Setting: when a record counts as acknowledged. `explicit`: when it is acknowledged; at least once. `written`: its
    /// offset is committed before it goes to the client; at most once. `none`: never; the group is read from where it stands,
    /// and stays there.
    #[schema(default = "explicit", pattern = "^(explicit|written|none)$")]
    ack: Option<String>,
    /// Setting: what records keep their order among while several clients work them off. `partition`: one client at a time has
    /// records of a partition. `key`: one client at a time has records of a key; those without a key keep no order. `none`.
    #[schema(default = "partition", pattern = "^(partition|key|none)$")]
    ordering: Option<String>,
    /// Setting: how many records of a partition may be taken from Kafka and not yet acknowledged; `groups.window` if left out.
    #[schema(minimum = 1, maximum = 100_000)]
    window: Option<usize>,
    /// Setting: how long a record waits for its acknowledgement before it is handed out again; `groups.ack_timeout` if left
    /// out.
    #[schema(minimum = 100, maximum = 43_200_000)]
    ack_timeout_ms: Option<u64>,
    /// Setting: how often a record is handed out before it is given up; for ever if left out.
    #[schema(minimum = 1, value_type = Option<u32>)]
    max_attempts: Option<NonZeroU32>,
    /// Setting: the topic that a record goes to which is given up; it is skipped if left out. Needs `max_attempts`.
    dead_letter: Option<String>,
    /// Setting: only records with one of these keys. Of `key`, `key_base64` and `key_prefix` one may be given.
    #[serde(default)]
    #[schema(max_items = 100)]
    key: Vec<String>,
    /// Setting: the same with keys of any bytes, in base64.
    #[serde(default)]
    #[schema(max_items = 100)]
    key_base64: Vec<String>,
    /// Setting: only records whose key begins with one of these.
    #[serde(default)]
    #[schema(max_items = 100)]
    key_prefix: Vec<String>,
    /// Setting: only records whose value is JSON that meets each of these conditions.
    #[serde(default)]
    #[schema(max_items = 4, example = json!(["/total>100"]))]
    r#where: Vec<String>,
}

/// The acknowledgements in a body.
///
/// # Errors
/// 400 `invalid_body`.
pub fn acks(body: &[u8]) -> Result<Acks, ApiError> {
    let object = object(body)?;
    let AckRequest { up_to, ids, nacks } = serde_json::from_value(Value::Object(object)).map_err(invalid)?;
    gather(up_to, ids, nacks)
}

/// The poll of a group in a body, and how values stand in its answer.
///
/// # Errors
/// 400 `invalid_body` or `invalid_topic`.
pub fn poll(group: GroupId, body: &[u8], limits: Limits) -> Result<(Poll, ValueForm), ApiError> {
    let mut object = object(body)?;
    let headers = headers(&mut object)?;
    let request: PollRequest = serde_json::from_value(Value::Object(object)).map_err(invalid)?;
    let topics = topics(&request.topics)?;
    let form = word(
        "value",
        request.value.as_deref(),
        &[("auto", ValueForm::Auto), ("text", ValueForm::Text), ("base64", ValueForm::Base64)],
    )?;
    let session = match (request.session.clone(), request.seq) {
        (None, None) => None,
        (Some(session), Some(seq)) if (1..=MAX_SESSION).contains(&session.len()) => Some((session, seq)),
        (Some(_), Some(_)) => return Err(invalid("session: it has 1 to 100 bytes")),
        _ => return Err(invalid("`session` and `seq` go together")),
    };
    let appetite = Appetite {
        max: within("max", request.max.unwrap_or(RECORDS.0), (1, RECORDS.1))? as usize,
        max_bytes: within("max_bytes", request.max_bytes.unwrap_or(BYTES.0), (1, BYTES.1))? as usize,
    };
    let wait = Duration::from_millis(within("wait_ms", request.wait_ms.unwrap_or(WAIT.0), (0, WAIT.1))?);
    let start = request.from.as_deref().map(settings::start).transpose();
    let start = start.map_err(|why| invalid(format!("from: {why}")))?.unwrap_or(Start::Latest);
    let delivery = delivery(&request, headers, limits)?;
    let acks = gather(request.up_to, request.ids, request.nacks)?;
    let work = Work { group, topics, delivery, start };
    Ok((Poll { work, acks, session, appetite, wait }, form))
}

fn delivery(
    request: &PollRequest,
    headers: Vec<(String, Vec<String>)>,
    limits: Limits,
) -> Result<Delivery, ApiError> {
    let isolations = [("committed", Isolation::Committed), ("uncommitted", Isolation::Uncommitted)];
    let modes = [AckMode::Explicit, AckMode::Written, AckMode::None].map(|mode| (mode.as_str(), mode));
    let ack = word("ack", request.ack.as_deref(), &modes)?;
    let wanted = Wanted {
        keys: request.key.clone(),
        keys_base64: request.key_base64.clone(),
        key_prefixes: request.key_prefix.clone(),
        headers,
        conditions: request.r#where.clone(),
    };
    let filter = wanted.filter(|name, why| match name {
        Some(name) => invalid(format!("{name}: {why}")),
        None => invalid(why),
    });
    let millis = |(least, most): (Duration, Duration)| (least.as_millis() as u64, most.as_millis() as u64);
    let ack_timeout = request.ack_timeout_ms;
    let ack_timeout = ack_timeout.map(|lease| within("ack_timeout_ms", lease, millis(ACK_TIMEOUT)));
    let wishes = Wishes {
        ack,
        ordering: word("ordering", request.ordering.as_deref(), &Ordering::WORDS)?,
        isolation: word("isolation", request.isolation.as_deref(), &isolations)?,
        filter: filter?,
        window: request.window.map(|window| within("window", window, WINDOW)).transpose()?,
        ack_timeout: ack_timeout.transpose()?.map(Duration::from_millis),
        max_attempts: request.max_attempts,
        dead_letter: request.dead_letter.clone(),
    };
    wishes.settle(limits, |name, why| invalid(format!("{name}: {why}")))
}

/// Takes the members out whose names are open.
fn headers(object: &mut Map<String, Value>) -> Result<Vec<(String, Vec<String>)>, ApiError> {
    let names: Vec<_> = object.keys().filter(|name| name.starts_with(HEADER)).cloned().collect();
    let mut headers = Vec::new();
    for name in names {
        let values = object.remove(&name).unwrap_or_default();
        let values =
            serde_json::from_value(values).map_err(|why| invalid(format!("{}: {why}", brief(&name))))?;
        headers.push((name[HEADER.len()..].to_owned(), values));
    }
    Ok(headers)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(invalid)
}

fn topics(texts: &[String]) -> Result<Vec<TopicName>, ApiError> {
    if !(1..=MAX_TOPICS).contains(&texts.len()) {
        return Err(invalid(format!("topics: it names 1 to {MAX_TOPICS}")));
    }
    let names: Result<BTreeSet<_>, _> = texts.iter().map(|text| TopicName::parse(text)).collect();
    let names = names.map_err(|why| ApiError::new(code::INVALID_TOPIC, why.to_string()))?;
    Ok(names.into_iter().collect())
}

fn gather(up_to: Vec<String>, ids: Vec<String>, nacks: Vec<NackRequest>) -> Result<Acks, ApiError> {
    for (name, count) in [("up_to", up_to.len()), ("ids", ids.len()), ("nacks", nacks.len())] {
        if count > MAX_IDS {
            return Err(invalid(format!("{name}: it has {MAX_IDS} members at most")));
        }
    }
    let back = |nack: NackRequest| {
        let delay = Duration::from_millis(within("delay_ms", nack.delay_ms, (0, MAX_DELAY))?);
        Ok(Nack { id: nack.id, delay })
    };
    let nacks = nacks.into_iter().map(back).collect::<Result<_, ApiError>>()?;
    Ok(Acks { up_to, ids, nacks })
}

fn word<T: Copy + Default>(
    name: &str,
    given: Option<&str>,
    words: &[(&'static str, T)],
) -> Result<T, ApiError> {
    let Some(given) = given else { return Ok(T::default()) };
    among(given, words).map_err(|why| invalid(format!("{name}: {why}")))
}

fn within<T: PartialOrd + std::fmt::Display>(
    name: &str,
    number: T,
    (least, most): (T, T),
) -> Result<T, ApiError> {
    if number >= least && number <= most {
        return Ok(number);
    }
    Err(invalid(format!("{name}: {number} is not between {least} and {most}")))
}

fn invalid(reason: impl std::fmt::Display) -> ApiError {
    ApiError::new(code::INVALID_BODY, reason.to_string())
}
