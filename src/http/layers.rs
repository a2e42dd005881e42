//! What every request passes through, outermost first, each with its reason.

use super::error::{ApiError, code};
use super::same_site::{self, SameSite};
use super::state::{AppState, Limits};
use super::{admission, observe};
use crate::broadcast::Drain;
use crate::config::Origin;
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

/// Puts the layers around the routes. The last one added is the first one a request meets.
pub fn wrap(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let routes = routes
        // Innermost: no handler runs for a stranger's page.
        .layer(from_fn_with_state(Arc::<SameSite>::from_ref(state), same_site::guard))
        // Nothing looks at a request that may be read in two ways, or for which there is no room.
        .layer(from_fn_with_state(Limits::from_ref(state), admission::guard))
        // A panic is answered and logged like any other failure instead of cutting the connection.
        .layer(CatchPanicLayer::custom(panicked));
    // Pages of listed origins may read what is answered, refusals too.
    let routes = match cors(Arc::<SameSite>::from_ref(state).origins()) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes
        // Clients are sent elsewhere before their connections close under them.
        .layer(from_fn_with_state(Drain::from_ref(state), leave))
        // Errors get their body, and every request its log line and its counts.
        .layer(from_fn_with_state(Arc::<Metrics>::from_ref(state), observe::observe))
        // Nothing we send is to be taken for another type than we say.
        .layer(SetResponseHeaderLayer::overriding(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        // Outermost: everything above has an id to speak of.
        .layer(observe::PropagateId::x_request_id())
        .layer(observe::SetId::x_request_id(observe::MakeId))
        .layer(from_fn(observe::clean_id))
}

/// While the gateway drains, each answer over HTTP/1 is the last of its connection: a connection that closed by itself might
/// close under a request that was just sent. So is one to a request that did not come whole in time.
async fn leave(State(drain): State<Drain>, request: Request, next: Next) -> Response {
    let keeps = request.version() >= Version::HTTP_2;
    let mut response = next.run(request).await;
    let gave_up = response.status() == StatusCode::REQUEST_TIMEOUT;
    if (drain.has_begun() || gave_up) && !keeps {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// How long a browser may remember the answer to a preflight request.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);

/// What pages of other origins may read of a response beside its body. A list, because `*` means nothing to a request
/// with credentials.
const EXPOSED: [HeaderName; 10] = [
    header::ALLOW,
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::RETRY_AFTER,
    HeaderName::from_static("kafka-record-tombstone"),
    HeaderName::from_static("kafka-stream-loss"),
    HeaderName::from_static("kafka-stream-next"),
    HeaderName::from_static("kafka-stream-start"),
    HeaderName::from_static("kafka-stream-status"),
    HeaderName::from_static("x-request-id"),
];

/// Answers for listed origins (Fetch, "CORS protocol"); `None` where there are none, and nobody else may read anything.
fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    let origins: Vec<_> =
        origins.iter().filter_map(|origin| HeaderValue::try_from(origin.to_string()).ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            // `Kafka-Header-*` has no end of names, and the origin is trusted to produce whatever it likes.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(PREFLIGHT_AGE)
    })
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    ApiError::new(code::INTERNAL, "the gateway failed; its log has more under this request's id")
        .caused_by(format!("a handler panicked: {said}"))
        .into_response()
}
