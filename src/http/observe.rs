//! One id, one log line and one count for every request.
//!
//! The line is written when the response has ended, so a stream's line tells what it cost; the count is taken when the
//! head is ready, so a stream's duration does not hide the others'. A client that leaves before there is an answer is
//! counted and logged as status 499, which nobody is ever sent.

mod line;

pub use line::Outcome;

use super::error::{ApiError, render};
use crate::telemetry::Metrics;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use line::Line;
use std::sync::Arc;
use tower_http::request_id::{MakeRequestId, RequestId};
pub use tower_http::request_id::{PropagateRequestIdLayer as PropagateId, SetRequestIdLayer as SetId};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    let id = id_of(request.extensions().get::<RequestId>());
    let mut line = Line::begin(&request, id, metrics);
    let request = request.map(|body| line.count(body));
    let response = render(next.run(request).await, line.id());
    let error = response.extensions().get::<ApiError>().cloned();
    line.answered(&response, error);
    response.map(|body| line.follow(body))
}
