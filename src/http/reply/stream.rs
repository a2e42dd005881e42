//! An open stream as a response: the head that proxies and browsers need, and a body that ends between two frames.

use super::super::error::ApiError;
use crate::broadcast::{Item, Stream};
use crate::wire::Format;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use std::convert::Infallible;

/// The cursor the stream really began at.
pub(super) const START: HeaderName = HeaderName::from_static("kafka-stream-start");

/// What was lost before it began.
pub(super) const LOSS: HeaderName = HeaderName::from_static("kafka-stream-loss");

/// Tells nginx not to buffer.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A longer cursor is told by `ready` alone: proxies refuse long headers.
const MAX_START_BYTES: usize = 1024;

/// The response of a stream; `request_id` stands in a fault that ends it.
pub fn respond(stream: Stream, format: Format, request_id: String) -> Response {
    let start = stream.start().to_string();
    let loss = stream.loss().map_or("none", |loss| loss.as_str());
    let mut response = Body::from_stream(parts(stream, format, request_id)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin"));
    headers.insert(LOSS, HeaderValue::from_static(loss));
    if start.len() <= MAX_START_BYTES
        && let Ok(start) = HeaderValue::try_from(start)
    {
        headers.insert(START, start);
    }
    response
}

fn parts(
    stream: Stream,
    format: Format,
    request_id: String,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send {
    futures_util::stream::unfold((stream, format, request_id), async |(mut stream, format, request_id)| {
        let bytes = match stream.next().await? {
            Item::Frames(bytes) => bytes,
            Item::Fault(error) => {
                let error = ApiError::from(error);
                tracing::info!(
                    request_id,
                    code = error.code().name,
                    detail = error.detail(),
                    "a stream ends"
                );
                let mut frame = BytesMut::new();
                error.fault(&request_id, format, &mut frame);
                frame.freeze()
            }
        };
        Some((Ok(bytes), (stream, format, request_id)))
    })
}
