//! An open stream as a response: the head that proxies and browsers need, and a body that ends between two frames.

use super::super::error::ApiError;
use super::super::observe::Outcome;
use crate::broadcast::{Admitted, Item, Stream};
use crate::group;
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
    let mut response = head(Body::new(Parts { stream, told }), format, outcome);
    response.extensions_mut().insert(SharesFrames);
    let headers = response.headers_mut();
    headers.insert(LOSS, HeaderValue::from_static(loss));
    if start.len() <= MAX_START_BYTES
        && let Ok(start) = HeaderValue::try_from(start)
    {
        headers.insert(START, start);
    }
    response
}

/// The response of a stream of a group, for which `admitted` is held.
pub fn respond_held(
    stream: group::Stream,
    admitted: Admitted,
    format: Format,
    request_id: String,
) -> Response {
    let outcome = Outcome::new(stream.tally());
    let told = Told { format, request_id, outcome: outcome.clone() };
    let parts =
        futures_util::stream::unfold((stream, told, admitted), async |(mut stream, told, admitted)| {
            let bytes = match stream.next().await? {
                group::Item::Frames(bytes) => bytes,
                group::Item::Fault(error) => told.fault(error.into()),
            };
            Some((Ok::<_, Infallible>(bytes), (stream, told, admitted)))
        });
    head(Body::from_stream(parts), format, outcome)
}

/// A response with what proxies and browsers need to know of a stream.
fn head(body: Body, format: Format, outcome: Arc<Outcome>) -> Response {
    let mut response = body.into_response();
    response.extensions_mut().insert(outcome);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin"));
    response
}

/// How a stream is told.
struct Told {
    format: Format,
    request_id: String,
    outcome: Arc<Outcome>,
}

impl Told {
    /// The frame of what ends a stream.
    fn fault(&self, error: ApiError) -> Bytes {
        let mut frame = BytesMut::new();
        error.fault(&self.request_id, self.format, &mut frame);
        self.outcome.fails(error);
        frame.freeze()
    }
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
            Some(Item::Fault(error)) => told.fault(error.into()),
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}
