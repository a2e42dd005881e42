//! An open stream as a response: the head that proxies and browsers need, and a body that ends between two frames.

use super::super::error::ApiError;
use super::super::observe::Outcome;
use crate::broadcast::{Item, Stream};
use crate::wire::Format;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The cursor the stream really began at.
pub(super) const START: HeaderName = HeaderName::from_static("kafka-stream-start");

/// What was lost before it began.
pub(super) const LOSS: HeaderName = HeaderName::from_static("kafka-stream-loss");

/// Tells nginx not to buffer.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A longer cursor is told by `ready` alone: proxies refuse long headers.
const MAX_START_BYTES: usize = 1024;

/// Marks a response, in its extensions, as one of a stream: what it is sent is shared with others, and outlives the ring while a
/// client does not take it.
#[derive(Clone, Copy, Debug)]
pub struct SharesFrames;

/// The response of a stream; `request_id` stands in a fault that ends it.
pub fn respond(stream: Stream, format: Format, request_id: String) -> Response {
    let start = stream.start().to_string();
    let loss = stream.loss().map_or("none", |loss| loss.as_str());
    let outcome = Outcome::new(stream.tally());
    let told = Told { format, request_id, outcome: outcome.clone() };
    let mut response = Body::new(Parts { stream, told }).into_response();
    response.extensions_mut().insert(outcome);
    response.extensions_mut().insert(SharesFrames);
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

/// How a stream is told.
struct Told {
    format: Format,
    request_id: String,
    outcome: Arc<Outcome>,
}

/// A stream as a body.
struct Parts {
    stream: Stream,
    told: Told,
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { stream, told } = &mut *self;
        let bytes = match ready!(stream.poll_next(context)) {
            None => return Poll::Ready(None),
            Some(Item::Frames(bytes)) => bytes,
            Some(Item::Fault(error)) => {
                let (error, mut frame) = (ApiError::from(error), BytesMut::new());
                error.fault(&told.request_id, told.format, &mut frame);
                told.outcome.fails(error);
                frame.freeze()
            }
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}
