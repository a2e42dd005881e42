//! One record as a request describes it: the body byte for byte, everything else beside it in the query and headers.

use super::super::error::{ApiError, code};
use super::super::state::Limits;
use super::OneTopic;
use super::body::Bodies;
use super::query::{Query, invalid};
use crate::kafka::producer::Outgoing;
use crate::record::{Acks, Header, json, number, time};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, header};
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurposeConfig};
use bytes::Bytes;
use utoipa::IntoParams;

/// Bodies with a meaning of their own, which are not one record; they are served when their issue is done.
const NOT_ONE_RECORD: [&str; 4] = [
    "application/x-ndjson",
    "application/jsonl",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

/// What curl says of any body it is not told the type of.
const CURL_DEFAULT: &str = "application/x-www-form-urlencoded";

/// A CloudEvent in HTTP's binary mode.
const CE_ID: HeaderName = HeaderName::from_static("ce-id");

/// The prefix of HTTP headers that become record headers; their names arrive in lower case.
const RECORD_HEADER: &str = "kafka-header-";

/// Padding may be there or not: who leaves it out of a URL is understood.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The parameters that a record is described by, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct ProduceParameters {
    /// The key, as text. Of `key`, `key_base64` and `key_pointer` one may be given; without any the key is null.
    #[param(required = false, example = "c-17")]
    key: String,
    /// The key's bytes, in either alphabet of base64, padded or not.
    #[param(required = false, pattern = "^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$", example = "Yy0xNw==")]
    key_base64: String,
    /// A JSON pointer (RFC 6901) into the value: the key is what it points at, a string's own text, anything else as
    /// compact JSON, and null where there is nothing.
    #[param(required = false, pattern = "^(/.*)?$", example = "/user/id")]
    key_pointer: String,
    /// The partition; without it the key decides as Java's default partitioner does (murmur2), or chance where there is no
    /// key.
    #[param(required = false, minimum = 0, example = 0)]
    partition: i32,
    /// The record's time, RFC 3339 or epoch milliseconds, later than 1970-01-01T00:00:00Z; without it the time at which it
    /// is sent.
    #[param(required = false, example = "2026-11-22T08:00:00Z")]
    timestamp: String,
    /// How many replicas must hold the record before the answer: all in-sync ones, the leader, or none (202, without an
    /// offset).
    #[param(required = false, inline, default = "all")]
    acks: Acks,
    /// Writes null as the value, for which the body must be empty. An empty body without it is an empty value.
    #[param(required = false, default = false)]
    tombstone: bool,
    /// A record header, `Name:text`, exact in case. May be repeated: order and repeats are kept. HTTP headers
    /// `Kafka-Header-<name>: text` become record headers too, with their names in lower case.
    #[param(required = false, explode, example = json!(["trace:ab12"]))]
    header: Vec<String>,
    /// A record header whose value is not text, `Name:` and base64. May be repeated.
    #[param(required = false, explode, example = json!(["span:q1I="]))]
    header_base64: Vec<String>,
}

/// A record ready to be sent, and how many replicas must confirm it.
pub struct OneRecord {
    /// The record.
    pub record: Outgoing,
    /// The confirmation asked for.
    pub acks: Acks,
}

/// Where the key comes from.
enum Key {
    Given(Option<Bytes>),
    Pointer(String),
}

impl<S: Send + Sync> FromRequest<S> for OneRecord
where
    Limits: FromRef<S>,
    Bodies: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let OneTopic(topic) = OneTopic::from_request_parts(&mut parts, state).await?;
        let mut query = Query::from_request_parts(&mut parts, state).await?;
        let key = key(&mut query)?;
        let partition = query.parsed("partition", partition)?;
        let timestamp = query.parsed("timestamp", timestamp)?;
        let acks =
            query.word("acks", &[("all", Acks::All), ("leader", Acks::Leader), ("none", Acks::None)])?;
        let tombstone = query.flag("tombstone")?;
        let given = given_headers(&mut query)?;
        query.finish()?;
        refuse_other_bodies(&parts.headers)?;
        let headers = all_headers(given, &parts.headers)?;
        let limit = Limits::from_ref(state).max_record_bytes;
        let body = Bodies::from_ref(state).read(body, &parts.headers, limit, || too_large(limit)).await?;
        let value = match (tombstone, body.is_empty()) {
            (true, true) => None,
            (true, false) => {
                return Err(invalid("tombstone", "a tombstone has no value, but the body is not empty"));
            }
            (false, _) => Some(body),
        };
        let key = match key {
            Key::Given(key) => key,
            Key::Pointer(pointer) => match &value {
                None => return Err(invalid("key_pointer", "a tombstone has no value to point into")),
                Some(value) => json::key_at(value, &pointer).map_err(|error| match error {
                    json::PointerError::NotJson(_) => ApiError::new(code::INVALID_BODY, error.to_string()),
                    json::PointerError::Malformed(_) => invalid("key_pointer", error),
                })?,
            },
        };
        let record = Outgoing { topic, partition, key, value, headers, timestamp };
        if record.bytes() > limit {
            return Err(too_large(limit));
        }
        Ok(Self { record, acks: acks.unwrap_or_default() })
    }
}

fn key(query: &mut Query) -> Result<Key, ApiError> {
    let text = query.one("key")?;
    let base64 = query.parsed("key_base64", decode_base64)?;
    let pointer = query.one("key_pointer")?;
    match (text, base64, pointer) {
        (None, None, None) => Ok(Key::Given(None)),
        (Some(text), None, None) => Ok(Key::Given(Some(text.into()))),
        (None, Some(bytes), None) => Ok(Key::Given(Some(bytes))),
        (None, None, Some(pointer)) => {
            // A malformed pointer is told before the body is read.
            json::steps(&pointer).map_err(|error| invalid("key_pointer", error))?;
            Ok(Key::Pointer(pointer))
        }
        _ => Err(invalid("key", "only one of key, key_base64 and key_pointer may be given")),
    }
}

fn partition(text: &str) -> Result<i32, String> {
    number(text)
        .ok_or_else(|| format!("`{}` is no partition number", text.chars().take(20).collect::<String>()))
}

/// The client library takes 0 for "now", so the first moment that can be written is 1 ms after the epoch.
fn timestamp(text: &str) -> Result<i64, String> {
    match time::parse_millis(text) {
        Ok(millis) if millis >= 1 => Ok(millis),
        Ok(_) => Err(format!("`{text}` is not later than 1970-01-01T00:00:00Z")),
        Err(invalid) => Err(invalid.to_string()),
    }
}

/// Record headers named by the query, exact in case: `header=Name:text`, then `header_base64=Name:…`.
fn given_headers(query: &mut Query) -> Result<Vec<Header>, ApiError> {
    let mut headers = Vec::new();
    for pair in query.all("header") {
        let (name, text) = split("header", &pair)?;
        headers.push((name.into(), Some(Bytes::copy_from_slice(text.as_bytes()))));
    }
    for pair in query.all("header_base64") {
        let (name, text) = split("header_base64", &pair)?;
        let bytes = decode_base64(text).map_err(|error| invalid("header_base64", error))?;
        headers.push((name.into(), Some(bytes)));
    }
    Ok(headers)
}

fn split<'a>(parameter: &str, pair: &'a str) -> Result<(&'a str, &'a str), ApiError> {
    let (name, value) =
        pair.split_once(':').ok_or_else(|| invalid(parameter, "it has the form Name:value"))?;
    if name.is_empty() || name.contains('\0') {
        return Err(invalid(parameter, "the name before the colon is empty or holds a NUL byte"));
    }
    Ok((name, value))
}

/// Adds the record headers that come as HTTP headers, and the Content-Type unless the caller set one of that name.
fn all_headers(mut headers: Vec<Header>, http: &HeaderMap) -> Result<Vec<Header>, ApiError> {
    for (name, value) in http {
        let Some(name) = name.as_str().strip_prefix(RECORD_HEADER).filter(|name| !name.is_empty()) else {
            continue;
        };
        if std::str::from_utf8(value.as_bytes()).is_err() {
            let detail = format!("the value of Kafka-Header-{name} is not UTF-8; use header_base64");
            return Err(ApiError::new(code::INVALID_HEADER, detail));
        }
        headers.push((name.into(), Some(Bytes::copy_from_slice(value.as_bytes()))));
    }
    if let Some(kind) = http.get(header::CONTENT_TYPE)
        && essence(kind.as_bytes()) != CURL_DEFAULT
        && !headers.iter().any(|(name, _)| &**name == "content-type")
    {
        headers.push(("content-type".into(), Some(Bytes::copy_from_slice(kind.as_bytes()))));
    }
    Ok(headers)
}

fn refuse_other_bodies(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(CE_ID) {
        let detail =
            "CloudEvents are not served yet; without the ce-id header the body is one record's value";
        return Err(ApiError::new(code::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| essence(kind.as_bytes())).unwrap_or_default();
    if NOT_ONE_RECORD.contains(&kind.as_str()) {
        let detail = format!("{kind} is not served yet; any other type is one record's value");
        return Err(ApiError::new(code::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    Ok(())
}

/// A media type without its parameters, in lower case.
fn essence(kind: &[u8]) -> String {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(kind.trim_ascii()).to_ascii_lowercase()
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("value, key and headers of a record may have {limit} bytes together");
    ApiError::new(code::RECORD_TOO_LARGE, detail)
}

/// The bytes of a text in either alphabet of RFC 4648, padded or not.
///
/// # Errors
/// When it is in neither.
pub fn decode_base64(text: &str) -> Result<Bytes, String> {
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(text).map(Bytes::from).map_err(|error| format!("not base64: {error}"))
}
