//! One record as a response: its value for whoever wants the bytes, its envelope for whoever wants to know.
//!
//! A value is a stranger's. A browser must run none of it in our origin, so only JSON and plain text are served as what
//! they are, everything else is bytes to save, and a policy forbids what a browser may yet think of.

use super::super::error::{ApiError, code};
use super::tag;
use crate::record::{Record, ValueForm, json};
use crate::wire::envelope;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;

/// Says that there is no body because the value is null.
const TOMBSTONE: HeaderName = HeaderName::from_static("kafka-record-tombstone");

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// The record's envelope.
///
/// # Errors
/// 422 `value_not_json` when the value is asked for as JSON and is none.
pub fn envelope(record: &Record, form: ValueForm, request: &HeaderMap) -> Result<Response, ApiError> {
    let mut body = BytesMut::from(&b"{"[..]);
    envelope::write_members(record, form, &mut body)
        .map_err(|_| ApiError::new(code::VALUE_NOT_JSON, "the record's value is not JSON"))?;
    body.extend_from_slice(b"}");
    Ok(guarded(tag::respond(request, &scope(record), JSON, body.freeze())))
}

/// The record's value, byte for byte; 204 when it is a tombstone.
pub fn value(record: &Record, request: &HeaderMap) -> Response {
    let Some(value) = &record.value else {
        let mut response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().insert(TOMBSTONE, HeaderValue::from_static("true"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return guarded(response);
    };
    let (content_type, save) = content_type(named(record), value);
    let mut response = tag::respond(request, &scope(record), content_type, value.clone());
    if save {
        let attachment = HeaderValue::from_static("attachment");
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    }
    guarded(response)
}

fn guarded(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("sandbox; default-src 'none'");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin"));
    response
}

fn scope(record: &Record) -> String {
    format!("{}/{}/{}", record.topic, record.partition, record.offset)
}

/// The media type that a record header names, without parameters and in lower case.
fn named(record: &Record) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    let text = std::str::from_utf8(value.as_deref()?).ok()?;
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    Some(essence.trim().to_ascii_lowercase())
}

/// What a value is served as, and whether a browser is to save it instead of showing it.
fn content_type(named: Option<String>, value: &[u8]) -> (&'static str, bool) {
    let (is_text, is_json) = (std::str::from_utf8(value).is_ok(), || json::on_one_line(value).is_some());
    match named.as_deref() {
        Some("application/json") if is_json() => (JSON, false),
        Some("text/plain") if is_text => (TEXT, false),
        Some("application/octet-stream") => (BYTES, false),
        Some(_) => (BYTES, true),
        None if is_json() => (JSON, false),
        None if is_text => (TEXT, false),
        None => (BYTES, false),
    }
}
