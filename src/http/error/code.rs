//! The registry of error codes: everything a client can be told went wrong, in one table.
//!
//! `docs/errors.md` is written from it, and a test holds the two together. A code's name and status never change.

use std::fmt::Write;
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Its stable name.
    pub name: &'static str,
    /// The HTTP status it is told with.
    pub status: u16,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// A few words for people, the same in every case.
    pub title: &'static str,
    /// When it is told, and what to do.
    pub help: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $status:literal, $retryable:literal, $title:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &Code =
                &Code { name: $name, status: $status, retryable: $retryable, title: $title, help: $help };
        )*

        /// Every code, in the order of the reference.
        pub const ALL: &[&Code] = &[$($constant),*];
    };
}

codes! {
    UNKNOWN_PARAMETER = "unknown_parameter", 400, false, "Unknown query parameter",
        "The query has a parameter that this route does not know; the detail names those it knows.";
    INVALID_PARAMETER = "invalid_parameter", 400, false, "Invalid query parameter",
        "A query parameter has a value it cannot have; the detail says which and what is allowed.";
    INVALID_CURSOR = "invalid_cursor", 400, false, "Invalid cursor",
        "A cursor does not decode. Nothing is guessed: begin anew with `from`.";
    SELECTION_TOO_WIDE = "selection_too_wide", 400, false, "Selection too wide",
        "A cursor is longer than `streams.max_cursor_bytes`, or would become so while the topics grow. Read fewer topics or partitions in one stream.";
    INVALID_TOPIC = "invalid_topic", 400, false, "Invalid topic name",
        "The path does not hold a legal Kafka topic name.";
    INVALID_GROUP = "invalid_group", 400, false, "Invalid group id",
        "The path does not hold a group id: it is empty, not UTF-8 when decoded, or has a NUL character.";
    INVALID_ID = "invalid_id", 400, false, "Invalid record id",
        "A text that is to acknowledge a record is no `id` of grouped delivery: those begin with `g1.`. Nothing was acknowledged.";
    ONE_TOPIC_ONLY = "one_topic_only", 400, false, "One topic only",
        "This request takes exactly one literal topic name: no list and no `*`.";
    PARTITION_OUT_OF_RANGE = "partition_out_of_range", 400, false, "Partition out of range",
        "The topic has no such partition; the detail says how many it has.";
    INVALID_HEADER = "invalid_header", 400, false, "Invalid header",
        "An HTTP header, or a record header given as one, cannot be used as it is.";
    INVALID_BODY = "invalid_body", 400, false, "Invalid body",
        "The body is not what the request needs; the detail says where it breaks.";
    REFUSED_BY_KAFKA = "refused_by_kafka", 400, false, "Refused by Kafka",
        "Kafka refuses the request as it stands, such as a topic with a config it does not know.";
    FORBIDDEN = "forbidden", 403, false, "Forbidden",
        "The caller may not do this, by the gateway's rules or by Kafka's.";
    CROSS_SITE = "cross_site", 403, false, "Cross-site request",
        "A page of another site asked for something that changes data, or the gateway was called by a name that is not its own. List the page's origin in `listen.cors_origins` if it is yours.";
    NOT_FOUND = "not_found", 404, false, "No such route",
        "No route has this path.";
    TOPIC_NOT_FOUND = "topic_not_found", 404, false, "Topic not found",
        "The cluster has no topic of this name, and it is not made by asking.";
    OFFSET_NOT_FOUND = "offset_not_found", 404, false, "No record at this offset",
        "No record that may be seen stands at the offset: it is not written yet, belongs to a transaction that was aborted or is not yet committed, or compaction removed it.";
    GROUP_NOT_FOUND = "group_not_found", 404, false, "Group not found",
        "The cluster has no consumer group of this id. A group is there from its first member or commit on, until it is deleted or has been empty for long.";
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, false, "Method not allowed",
        "The route does not take this method; the `Allow` header names those it takes.";
    NOT_ACCEPTABLE = "not_acceptable", 406, false, "Not acceptable",
        "`Accept` names nothing that this route can send.";
    BODY_TIMED_OUT = "body_timed_out", 408, true, "Body timed out",
        "The request's body was not whole after `listen.body_timeout`. Nothing was written.";
    TOPIC_DIFFERS = "topic_differs", 409, false, "Topic exists and differs",
        "A topic of this name exists with other settings; the detail says which.";
    GROUP_ACTIVE = "group_active", 409, false, "Group has members",
        "Kafka lets nobody move or delete a group that has members. Stop them, wait until they have left, and ask again.";
    GROUP_SETTINGS_DIFFER = "group_settings_differ", 409, false, "Group settings differ",
        "The group is delivered with other filters or settings, which hold while a request waits for its records or a record is held; the detail names those that differ. Ask for the same ones, or come back when the group is idle.";
    FENCED = "fenced", 409, false, "Ids are fenced",
        "Some ids stand for nothing any more: their partition is another member's by now, the gateway was restarted, or their group is delivered otherwise. `fenced` names them. All others were acknowledged; the records of these will be handed out again.";
    POSITION_LOST = "position_lost", 410, false, "Position lost",
        "The log no longer holds the position, and `on_loss=fail` asks not to go on elsewhere. Begin anew with `from`, or with another `on_loss`.";
    OFFSET_EXPIRED = "offset_expired", 410, false, "Offset expired",
        "The log begins behind this offset: retention, or a deletion, removed the record for good.";
    RECORD_TOO_LARGE = "record_too_large", 413, false, "Record too large",
        "The record is larger than `produce.max_record_bytes`, or than the broker takes.";
    TARGET_TOO_LONG = "target_too_long", 414, false, "Target too long",
        "Path and query have more than 16 KiB together.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, false, "Unsupported media type",
        "The body's Content-Type has a meaning of its own that this release does not serve.";
    VALUE_NOT_JSON = "value_not_json", 422, false, "Value is not JSON",
        "A record was asked for with `value=json`, and its value is not JSON. Streams and pages tell it in the record's place and go on behind it.";
    OFFSET_OUT_OF_RANGE = "offset_out_of_range", 422, false, "Offset out of range",
        "A group was to stand at an offset that its partition's log does not reach; the detail says from where to where it goes. Nothing was moved.";
    TOO_MANY_CONNECTIONS = "too_many_connections", 429, true, "Too many connections",
        "The client's address has as many connections as `listen.max_connections_per_address` allows. Close some, share one by HTTP/2, or try again after `Retry-After`.";
    TOO_MANY_STREAMS = "too_many_streams", 429, true, "Too many streams",
        "The client's address, or the caller, has as many streams as `streams.max_streams_per_address` and `streams.max_streams_per_principal` allow. Close some, read several topics in one stream, or try again after `Retry-After`.";
    HEADERS_TOO_LARGE = "headers_too_large", 431, false, "Headers too large",
        "Target and headers have more bytes together than `listen.max_head_bytes`.";
    INTERNAL = "internal", 500, true, "Internal error",
        "A fault of the gateway. Its log has more under the request's id.";
    OVERLOADED = "overloaded", 503, true, "Overloaded",
        "Too much is under way. Nothing was written; try again after `Retry-After`.";
    KAFKA_UNAVAILABLE = "kafka_unavailable", 503, true, "Kafka unavailable",
        "Kafka cannot be reached, or too few replicas are in sync. `written` says whether the record may have been written all the same.";
    NOT_READY = "not_ready", 503, true, "Not ready",
        "The gateway cannot serve now: it is shutting down, or Kafka does not answer.";
    DELIVERY_TIMED_OUT = "delivery_timed_out", 504, true, "Timed out",
        "Kafka did not confirm in time. `written` says whether the record may have been written all the same.";
}

/// A code's name, as the OpenAPI document describes it.
pub fn schema() -> Object {
    let names =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(ALL.iter().map(|code| code.name)));
    names.description(Some("The problem's stable name.")).build()
}

/// The reference of all codes, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         <!-- Written from the registry in src/http/error/code.rs; a test compares the two. -->\n\n\
         Every refusal is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `code`, `detail`, \
         `retryable` and `request_id`; a failed produce adds `written`: `no`, or `unknown` when the record may have \
         been written all the same. Branch on `code`: names and statuses never change. On a stream whose `Accept` \
         names `text/event-stream`, the statuses 429, 500, 503 and 504 arrive as a `fault` event under status 200, with \
         the status in the header `Kafka-Stream-Status`, because an EventSource never comes back from another \
         status; `errors=status` asks for the plain one.\n\n\
         | code | status | retryable | meaning |\n|---|---|---|---|\n",
    );
    for code in ALL {
        let retryable = if code.retryable { "yes" } else { "no" };
        writeln!(text, "| `{}` | {} | {retryable} | {} |", code.name, code.status, code.help)
            .expect("writing to a string cannot fail");
    }
    text
}
