//! Response heads and bodies that more than one handler sends.

pub mod stream;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// JSON that nobody should cache.
pub fn json(value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).expect("replies are made of texts, numbers and maps of them");
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
