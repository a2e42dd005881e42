//! One id, one log line and one count for every request.
//!
//! The line is written when the response has ended, so a stream's line tells what it cost; the count is taken when the
//! head is ready, so a stream's duration does not hide the others'.

use super::error::{ApiError, render};
use crate::telemetry::{Metrics, RequestLabels};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower_http::request_id::{MakeRequestId, RequestId};
pub use tower_http::request_id::{PropagateRequestIdLayer as PropagateId, SetRequestIdLayer as SetId};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The trace a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id taken from a caller.
const MAX_ID_BYTES: usize = 128;

/// Makes ids that sort by time.
#[derive(Clone, Copy, Debug)]
pub struct MakeId;

impl MakeRequestId for MakeId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = uuid::Uuid::now_v7().hyphenated().to_string();
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}

/// Removes an id that is too long or not plain text: it would stand in logs and bodies.
pub async fn clean_id(mut request: Request, next: Next) -> Response {
    let plain = |id: &HeaderValue| {
        (1..=MAX_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    if request.headers().get(&X_REQUEST_ID).is_some_and(|id| !plain(id)) {
        request.headers_mut().remove(&X_REQUEST_ID);
    }
    next.run(request).await
}

/// The request's id as text.
pub fn id_of(request_id: Option<&RequestId>) -> String {
    request_id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default().to_owned()
}

/// Renders errors, counts the request, and logs it when its response has ended.
pub async fn observe(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = id_of(request.extensions().get::<RequestId>());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let traceparent =
        request.headers().get(&TRACEPARENT).and_then(|parent| parent.to_str().ok().map(str::to_owned));
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = render(next.run(request).await, &id);
    let status = response.status().as_u16();
    metrics.answered(labels(&method, &route, status), begun.elapsed());
    let line = Line {
        error: response.extensions().get::<ApiError>().cloned(),
        id,
        traceparent,
        method,
        path,
        route,
        status,
        begun,
        head: begun.elapsed(),
        bytes: 0,
        ended: response.body().is_end_stream(),
    };
    response.map(|body| Body::new(Logged { body, line }))
}

fn labels(method: &Method, route: &str, status: u16) -> RequestLabels {
    // A method may be any token: only the known ones become labels.
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let method = if known.contains(&method.as_str()) { method.as_str() } else { "other" };
    RequestLabels { method: method.to_owned(), route: route.to_owned(), status }
}

/// What the log will say of a request.
struct Line {
    id: String,
    traceparent: Option<String>,
    method: Method,
    path: String,
    route: String,
    status: u16,
    error: Option<ApiError>,
    begun: Instant,
    head: Duration,
    bytes: u64,
    ended: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        tracing::info!(
            target: "sluicegate::request",
            request_id = self.id,
            traceparent = self.traceparent,
            principal = "anonymous",
            method = %self.method,
            path = self.path,
            route = self.route,
            status = self.status,
            code = self.error.as_ref().map(|error| error.code().name),
            detail = self.error.as_ref().map(ApiError::detail),
            cause = self.error.as_ref().and_then(ApiError::cause),
            bytes = self.bytes,
            head_us = self.head.as_micros() as u64,
            total_us = self.begun.elapsed().as_micros() as u64,
            cut_short = !self.ended,
        );
    }
}

/// A body that counts its bytes and has its line written when it is done with.
struct Logged {
    body: Body,
    line: Line,
}

impl http_body::Body for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.line.ended = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.ended = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
