//! A page as a response.

use super::super::observe::Outcome;
use super::stream::LOSS;
use super::tag;
use crate::broadcast::{Gap, Page};
use crate::record::{Cursor, Loss};
use crate::telemetry::Tally;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;
use std::sync::Arc;

/// Where to go on after a response without a body.
const NEXT: HeaderName = HeaderName::from_static("kafka-stream-next");

/// The response of a page: 200, 304 when the client has it already, 204 when it holds nothing.
pub fn respond(page: Page, request: &HeaderMap) -> Response {
    if page.count == 0 && page.faults.is_empty() && page.gaps.is_empty() && page.up_to_date {
        return nothing(&page.next, page.loss);
    }
    let mut response = tag::respond(request, "page", "application/json", body(&page));
    response.extensions_mut().insert(Outcome::new(Arc::new(Tally::of_page(page.count))));
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin, Last-Event-ID"));
    headers.insert(LOSS, HeaderValue::from_static(word(page.loss)));
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
        member("gaps", &page.gaps.iter().map(Gap::data).collect::<serde_json::Value>().to_string());
    }
    if !page.faults.is_empty() {
        member("faults", &format!("[{}]", page.faults.join(",")));
    }
    body.put(&b"}"[..]);
    body.freeze()
}
