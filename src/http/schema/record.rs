//! A record and a page of them, as `wire` and `reply` write them.

#![expect(
    dead_code,
    reason = "shapes for the document: the bytes are written without them, for all clients at once"
)]

use super::stream::Gap;
use crate::http::error::Problem;
use serde_json::{Value, json};
use utoipa::openapi::schema::{Array, KnownFormat, SchemaFormat, SchemaType};
use utoipa::openapi::{ArrayBuilder, Object, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A record in its envelope. The value stands as it was written where it is JSON; `value_encoding` says how else.
#[derive(ToSchema)]
#[schema(example = json!({
    "topic": "orders", "partition": 0, "offset": 1203, "timestamp": 1_763_795_871_123_i64,
    "key": "c-17", "headers": [["trace", "ab12"]], "value": {"total": 12.5}
}))]
pub struct Record {
    /// The topic.
    topic: String,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset in the partition.
    #[schema(minimum = 0)]
    offset: i64,
    /// Epoch milliseconds; null in logs older than Kafka 0.10.
    #[schema(required)]
    timestamp: Option<i64>,
    /// The key as text; null where there is none, which is not the empty key.
    #[schema(required)]
    key: Option<String>,
    /// The key is not UTF-8 and stands in base64.
    #[schema(required = false)]
    key_encoding: KeyEncoding,
    #[schema(schema_with = headers)]
    headers: Vec<Value>,
    /// The value: any JSON.
    value: Value,
    /// How the value stands here, unless it is JSON that is neither a string nor null: `text` is a string of its own
    /// text, `base64` its bytes, `json` a JSON string or null.
    #[schema(required = false)]
    value_encoding: ValueEncoding,
    #[schema(required = false, schema_with = tombstone)]
    tombstone: bool,
}

/// The standard alphabet of RFC 4648, padded.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum KeyEncoding {
    Base64,
}

/// How a value stands in an envelope.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ValueEncoding {
    Text,
    Json,
    Base64,
}

/// A page of records.
#[derive(ToSchema)]
#[schema(example = json!({
    "records": [{
        "topic": "orders", "partition": 0, "offset": 1203, "timestamp": 1_763_795_871_123_i64,
        "key": "c-17", "headers": [], "value": {"total": 12.5}
    }],
    "next": "1.HJ4iXo0fMAGzCQ", "up_to_date": true
}))]
pub struct Page {
    /// The records, in the order of each partition.
    records: Vec<Record>,
    /// Where to go on: the `from` of the next page, or the `last_event_id` of a stream. It begins with `e1.` when
    /// `until` is reached.
    next: String,
    /// Whether the page reaches the end of the logs.
    up_to_date: bool,
    /// What was lost on the way, a member for each partition; left out where nothing was.
    #[schema(required = false)]
    gaps: Vec<Gap>,
    /// Records that `value=json` cannot tell, each as a problem; left out where there are none.
    #[schema(required = false)]
    faults: Vec<Problem<'static>>,
}

/// What a poll of a group is answered with.
#[derive(ToSchema)]
#[schema(example = json!({
    "records": [{
        "topic": "orders", "partition": 0, "offset": 1203, "timestamp": 1_763_795_871_123_i64,
        "key": "c-17", "headers": [], "value": {"total": 12.5}, "id": "g1.AAAA"
    }],
    "lease_ms": 30000
}))]
pub struct Batch {
    /// The records, in the order of each partition.
    records: Vec<HeldRecord>,
    /// How long all of them are held, in milliseconds; left out where they need no acknowledgement.
    #[schema(required = false, minimum = 0)]
    lease_ms: u64,
    /// Ids of the request that acknowledged nothing any more; left out where there are none.
    #[schema(required = false)]
    fenced: Vec<String>,
}

/// A record of a group in its envelope.
#[derive(ToSchema)]
pub struct HeldRecord {
    #[schema(inline)]
    #[serde(flatten)]
    record: Record,
    /// The how-manieth attempt this is; left out at the first.
    #[schema(required = false, minimum = 2)]
    attempt: u32,
    /// What acknowledges it.
    id: String,
}

/// Bytes of any kind.
pub enum Binary {}

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).build().into()
    }
}

impl ToSchema for Binary {}

/// Pairs, and triples where a value stands in base64.
fn headers() -> Array {
    let text = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let header = ArrayBuilder::new().items(text).min_items(Some(2)).max_items(Some(3));
    let description = "`[name, value]`, and `[name, value, \"base64\"]` where the value is not UTF-8. The value may be \
                       null; order and repeats are the writer's.";
    ArrayBuilder::new().items(header).description(Some(description)).build()
}

/// `true`: it is left out otherwise.
fn tombstone() -> Object {
    let word = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([json!(true)]));
    word.description(Some("The value is null because the record is a tombstone.")).build()
}
