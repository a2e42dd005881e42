//! The events of a stream and its lines, as `wire` and `broadcast` write them.

#![expect(
    dead_code,
    reason = "shapes for the document: the bytes are written without them, for all clients at once"
)]

use super::group::GroupStalled;
use super::record::{KeyEncoding, Record};
use crate::group::AckMode;
use crate::http::error::Problem;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::{Object, ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The next offset of each partition, by topic.
type Positions = BTreeMap<String, Vec<i64>>;

/// The data of a stream's events, by their names; `message` are those without a name, which are records.
#[derive(ToSchema)]
pub struct StreamEvents {
    /// A record. With `format=value` its value alone, which need not be JSON.
    #[schema(required = false)]
    message: Message,
    /// With `format=value`: a tombstone.
    #[schema(required = false)]
    tombstone: Tombstone,
    /// With `format=value`: a value that is not UTF-8, in base64.
    #[schema(required = false)]
    binary: String,
    #[schema(required = false)]
    ready: FirstEvent,
    #[schema(required = false, rename = "caught-up")]
    caught_up: CaughtUp,
    #[schema(required = false)]
    checkpoint: Checkpoint,
    #[schema(required = false)]
    gap: Gap,
    #[schema(required = false)]
    drain: Drain,
    #[schema(required = false)]
    fault: Fault,
    #[schema(required = false)]
    end: End,
    #[schema(required = false)]
    ping: Ping,
    /// In a group: partitions of the gateway's member that came to it.
    #[schema(required = false)]
    assigned: Moved,
    /// In a group: partitions that are about to leave it. What is acknowledged at once does not come again.
    #[schema(required = false)]
    revoked: Moved,
    #[schema(required = false)]
    stalled: Stalled,
}

/// A record in its envelope.
#[derive(ToSchema)]
pub struct Message {
    #[schema(inline)]
    #[serde(flatten)]
    record: Record,
    /// In a group: the how-manieth attempt this is; left out at the first.
    #[schema(required = false, minimum = 2)]
    attempt: u32,
}

/// The first event.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum FirstEvent {
    /// Of a stream without a group.
    Ready(Ready),
    /// Of a group's.
    GroupReady(GroupReady),
}

/// The first event of a stream without a group: where it begins, and its terms.
#[derive(ToSchema)]
pub struct Ready {
    /// The topics that are read.
    topics: Vec<String>,
    /// Where each partition begins.
    #[schema(inline)]
    positions: Positions,
    /// Where each partition ended when the stream was opened.
    #[schema(inline)]
    end: Positions,
    /// The worst that happened to the position that was brought.
    loss: Loss,
    /// The longest silence.
    #[schema(minimum = 0)]
    heartbeat_ms: i64,
    /// The stream's lifetime, if it has one.
    #[schema(required = false, minimum = 0)]
    max_age_ms: i64,
    #[schema(required = false, schema_with = flush)]
    ids: String,
    /// `-N` found fewer records, though the log may hold more.
    #[schema(required = false)]
    short: bool,
}

/// The first event of a group's stream, which begins where the group stands: its terms, and what became of the id that the
/// client brought.
#[derive(ToSchema)]
pub struct GroupReady {
    /// The topics that are worked off.
    topics: Vec<String>,
    /// The group's id.
    group: String,
    /// How records are acknowledged.
    mode: AckMode,
    ack: Resumed,
    /// How many records of a partition may be held.
    #[schema(minimum = 1)]
    window: usize,
    /// How long a record waits for its acknowledgement.
    #[schema(minimum = 100)]
    ack_timeout_ms: i64,
    /// The longest silence.
    #[schema(minimum = 0)]
    heartbeat_ms: i64,
    /// The stream's lifetime, if it has one.
    #[schema(required = false, minimum = 0)]
    max_age_ms: i64,
}

/// What became of the id that the client of a group's stream brought.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Resumed {
    /// It brought none, or acknowledges otherwise.
    None,
    /// What it was sent up to it is acknowledged.
    Done,
    /// It stands for nothing any more: its record may come again.
    Dropped,
}

/// Partitions of a group's member.
#[derive(ToSchema)]
pub struct Moved {
    /// Their numbers, by topic.
    #[schema(inline)]
    partitions: BTreeMap<String, Vec<i32>>,
}

/// A partition of a group whose first record is not acknowledged, for five minutes or in ten attempts.
#[derive(ToSchema)]
pub struct Stalled {
    #[schema(inline)]
    #[serde(flatten)]
    partition: GroupStalled,
    /// What acknowledges it; null if it was never handed out.
    #[schema(required)]
    id: Option<String>,
}

/// What happened to a position.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Loss {
    None,
    Foreign,
    Recreated,
    Truncated,
    Expired,
}

/// Every partition has come to the `end` that `ready` told.
#[derive(ToSchema)]
pub struct CaughtUp {
    /// Where each partition stands.
    #[schema(inline)]
    positions: Positions,
}

/// The position moved though no record was sent.
#[derive(ToSchema)]
pub struct Checkpoint {
    /// Where each partition stands.
    #[schema(inline)]
    positions: Positions,
}

/// Offsets of a partition that are not read.
#[derive(ToSchema)]
pub struct Gap {
    /// The topic.
    topic: String,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset that came next.
    from: i64,
    /// The offset at which reading goes on; null where nothing is left to read.
    #[schema(required)]
    to: Option<i64>,
    /// Why.
    reason: GapReason,
}

/// Why offsets are not read.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum GapReason {
    Expired,
    Recreated,
    Truncated,
    Deleted,
    Slow,
}

/// The stream ends though there is more to come.
#[derive(ToSchema)]
pub struct Drain {
    /// Why.
    reason: DrainReason,
    /// Whether to come back with the last id.
    reconnect: bool,
}

/// Why a stream ends though there is more to come.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum DrainReason {
    Lifetime,
    Shutdown,
    Slow,
    Ack,
}

/// Something could not be read, or cannot be begun now.
#[derive(ToSchema)]
pub struct Fault {
    /// What, as a refusal would say it.
    problem: Problem<'static>,
    /// Whether the stream ends with it for good.
    r#final: bool,
}

/// `until` is reached. The event's id begins with `e1.`; who comes back with it gets 204.
#[derive(ToSchema)]
pub struct End {
    /// Where each partition stands.
    #[schema(inline)]
    positions: Positions,
}

/// A heartbeat that code can see; it says no more.
#[derive(ToSchema)]
pub struct Ping {}

/// A tombstone of `format=value`.
#[derive(ToSchema)]
pub struct Tombstone {
    /// The key.
    #[schema(required)]
    key: Option<String>,
    /// The key is not UTF-8 and stands in base64.
    #[schema(required = false)]
    key_encoding: KeyEncoding,
}

/// What every line of a stream of lines has: `@` and the members of the event of that name, or, without `@`, those of a
/// record.
#[derive(ToSchema)]
pub struct StreamLine {
    /// The event's name; none for a record.
    #[schema(required = false, rename = "@")]
    event: LineEvent,
    /// The position behind this line.
    #[schema(required = false)]
    cursor: String,
    /// Of a record of a group: what acknowledges it.
    #[schema(required = false)]
    id: String,
    /// Of a record of a group: the how-manieth attempt this is; left out at the first.
    #[schema(required = false, minimum = 2)]
    attempt: u32,
}

/// The events that stand on lines.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum LineEvent {
    Ready,
    CaughtUp,
    Checkpoint,
    Gap,
    Drain,
    Fault,
    End,
    Ping,
    Assigned,
    Revoked,
    Stalled,
}

/// A word that is left out otherwise.
fn flush() -> Object {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([json!("flush")]));
    word.description(Some("Ids stand only on the last record of each flush.")).build()
}

/// A stream of events, for the document.
pub const EVENTS: &str = concat!(
    ":\nevent: ready\nretry: 2317\nid: 1.HJ4iXo0fMAGzCQ\n",
    r#"data: {"topics":["orders"],"positions":{"orders":[1203]},"end":{"orders":[1204]},"loss":"none","heartbeat_ms":15000,"max_age_ms":843000}"#,
    "\n\n",
    r#"data: {"topic":"orders","partition":0,"offset":1203,"timestamp":1763795871123,"key":"c-17","headers":[],"value":{"total":12.5}}"#,
    "\nid: 1.HJ4iXo0fMAG0CQ\n\nevent: caught-up\nid: 1.HJ4iXo0fMAG0CQ\n",
    r#"data: {"positions":{"orders":[1204]}}"#,
    "\n\n",
);

/// The same as lines.
pub const LINES: &str = concat!(
    r#"{"@":"ready","cursor":"1.HJ4iXo0fMAGzCQ","topics":["orders"],"positions":{"orders":[1203]},"end":{"orders":[1204]},"loss":"none","heartbeat_ms":15000}"#,
    "\n",
    r#"{"topic":"orders","partition":0,"offset":1203,"timestamp":1763795871123,"key":"c-17","headers":[],"value":{"total":12.5},"cursor":"1.HJ4iXo0fMAG0CQ"}"#,
    "\n",
    r#"{"@":"caught-up","cursor":"1.HJ4iXo0fMAG0CQ","positions":{"orders":[1204]}}"#,
    "\n",
);

/// The body of a stream of events: text, and what it is made of.
pub enum EventStream {}

/// The body of a stream of lines: text, and what it is made of.
pub enum LineStream {}

/// One text with a type, whose content has a shape of its own (JSON Schema 2020-12, section 8).
fn text_of(media_type: &str, shape: &str) -> RefOr<Schema> {
    let content = Box::new(RefOr::Ref(Ref::from_schema_name(shape)));
    let text = ObjectBuilder::new().schema_type(Type::String).content_media_type(media_type);
    let mut text = text.build();
    text.content_schema = Some(content);
    text.into()
}

impl PartialSchema for EventStream {
    fn schema() -> RefOr<Schema> {
        text_of("text/event-stream", "StreamEvents")
    }
}

impl ToSchema for EventStream {}

impl PartialSchema for LineStream {
    fn schema() -> RefOr<Schema> {
        text_of("application/x-ndjson", "StreamLine")
    }
}

impl ToSchema for LineStream {}
