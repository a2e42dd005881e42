//! Every route, grouped by whom it serves: the table of contents.

use super::error::{ApiError, code};
use super::state::AppState;
use super::{examples, layers, ops, v1};
use axum::Router;
use axum::routing::{get, post};

/// The gateway's routes, with what every request passes through in front of them; those of operations only where they have
/// no listener of their own.
pub fn router(state: AppState, with_operations: bool) -> Router {
    let native = Router::new()
        .route("/v1/topics", get(v1::topics::list))
        .route("/v1/topics/{topics}", get(v1::topics::describe).put(v1::topics::create))
        .route("/v1/topics/{topics}/records", post(v1::records::produce).get(v1::records::page))
        .route("/v1/topics/{topics}/partitions/{partition}/records/{offset}", get(v1::record::show))
        .route("/v1/topics/{topics}/stream", get(v1::stream::open))
        .route("/v1/cluster", get(v1::cluster::describe));
    let routes = if with_operations { native.merge(operational()) } else { native };
    let routes = if state.has_examples() { routes.merge(examples::routes()) } else { routes };
    finish(routes, state)
}

/// The routes of operations alone.
pub fn operations(state: AppState) -> Router {
    finish(operational(), state)
}

fn operational() -> Router<AppState> {
    Router::new()
        .route("/livez", get(ops::livez))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
}

fn finish(routes: Router<AppState>, state: AppState) -> Router {
    let routes = routes
        .fallback(|| async { ApiError::new(code::NOT_FOUND, "no route has this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(code::METHOD_NOT_ALLOWED, "this route does not take the method")
        });
    layers::wrap(routes, &state).with_state(state)
}
