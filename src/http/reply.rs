//! Response heads and bodies that more than one handler sends.

pub mod batch;
pub mod page;
pub mod record;
pub mod stream;
pub mod tag;

use super::error::{ApiError, code};
use crate::broadcast::Problem;
use crate::record::Record;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

/// JSON that nobody should cache.
pub fn json(value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).expect("replies are made of texts, numbers and maps of them");
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a client is told of a record that it wants as JSON and that is none.
pub fn not_json(request_id: String) -> Problem {
    Problem(Arc::new(move |record: &Record| {
        let (topic, partition, offset) = (&record.topic, record.partition, record.offset);
        let detail = format!("the value of {topic}, partition {partition}, offset {offset} is not JSON");
        ApiError::new(code::VALUE_NOT_JSON, detail).problem(&request_id)
    }))
}
