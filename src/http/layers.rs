//! What every request passes through, outermost first, each with its reason.

use super::error::{ApiError, code};
use super::observe;
use super::same_site::{self, SameSite};
use super::state::AppState;
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Puts the layers around the routes. The last one added is the first one a request meets.
pub fn wrap(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    routes
        // Innermost: no handler runs for a stranger's page.
        .layer(from_fn_with_state(Arc::<SameSite>::from_ref(state), same_site::guard))
        // A panic is answered and logged like any other failure instead of cutting the connection.
        .layer(CatchPanicLayer::custom(panicked))
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

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = said, "a handler panicked");
    ApiError::new(code::INTERNAL, "the gateway failed; its log has more under this request's id")
        .into_response()
}
