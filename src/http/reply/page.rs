//! A page as a response.
//!
//! Compaction, retention and rules of access change pages, so they may be kept but are asked for anew each time: the
//! entity tag (RFC 9110, section 8.8.3) is a hash of what is sent.

use super::stream::LOSS;
use crate::broadcast::Page;
use crate::record::{Cursor, Loss};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Where to go on after a response without a body.
const NEXT: HeaderName = HeaderName::from_static("kafka-stream-next");

/// The response of a page: 200, 304 when the client has it already, 204 when it holds nothing.
pub fn respond(page: Page, request: &HeaderMap) -> Response {
    if page.count == 0 && page.faults.is_empty() && page.gaps.is_empty() && page.up_to_date {
        return nothing(&page.next, page.loss);
    }
    let body = body(&page);
    let tag = tag(&body);
    let mut response = if has(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = body.into_response();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin, Last-Event-ID"));
    headers.insert(LOSS, HeaderValue::from_static(word(page.loss)));
    headers.extend(HeaderValue::try_from(tag).map(|tag| (header::ETAG, tag)));
    response
}

/// 204: nothing behind a position, and where to ask the next time.
pub fn nothing(next: &Cursor, loss: Option<Loss>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(LOSS, HeaderValue::from_static(word(loss)));
    headers.extend(HeaderValue::try_from(next.to_string()).map(|next| (NEXT, next)));
    response
}

fn word(loss: Option<Loss>) -> &'static str {
    loss.map_or("none", Loss::as_str)
}

fn body(page: &Page) -> Bytes {
    let mut body = BytesMut::with_capacity(page.records.len() + 512);
    body.put(&b"{\"records\":["[..]);
    body.put(&page.records[..]);
    body.put(&b"]"[..]);
    let mut member = |name: &str, value: &str| {
        body.put(format!(",\"{name}\":").as_bytes());
        body.put(value.as_bytes());
    };
    member("next", &json!(page.next.to_string()).to_string());
    member("up_to_date", &json!(page.up_to_date).to_string());
    if !page.gaps.is_empty() {
        member(
            "gaps",
            &page.gaps.iter().map(crate::broadcast::Gap::data).collect::<serde_json::Value>().to_string(),
        );
    }
    if !page.faults.is_empty() {
        member("faults", &format!("[{}]", page.faults.join(",")));
    }
    body.put(&b"}"[..]);
    body.freeze()
}

/// The request's id stands in faults alone, so the same page has the same tag.
fn tag(body: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]))
}

/// Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2).
fn has(request: &HeaderMap, tag: &str) -> bool {
    let given = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}
