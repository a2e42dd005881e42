//! Every route, grouped by whom it serves: the table of contents.

use super::error::{ApiError, code};
use super::state::AppState;
use super::{examples, layers, openapi, ops, v1};
use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The gateway's routes, with what every request passes through in front of them; those of operations only where they have
/// no listener of their own.
pub fn router(state: AppState, with_operations: bool) -> Router {
    let routes = if with_operations { native().merge(operational()) } else { native() };
    let routes = Router::from(routes).merge(pages());
    let routes = if state.has_examples() { routes.merge(examples::routes()) } else { routes };
    finish(routes, state)
}

/// The routes of operations alone.
pub fn operations(state: AppState) -> Router {
    finish(operational().into(), state)
}

/// What programs ask for: the routes that the OpenAPI document has, wherever they are served.
pub fn documented() -> OpenApiRouter<AppState> {
    native().merge(operational())
}

fn native() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::topics::list))
        .routes(routes!(v1::topics::describe, v1::topics::create::create))
        .routes(routes!(v1::records::produce, v1::records::page))
        .routes(routes!(v1::record::show))
        .routes(routes!(v1::stream::open))
        .routes(routes!(v1::groups::list))
        .routes(routes!(v1::groups::describe, v1::groups::delete))
        .routes(routes!(v1::groups::offsets::put))
        .routes(routes!(v1::poll::poll))
        .routes(routes!(v1::acks::acknowledge))
        .routes(routes!(v1::cluster::describe))
        .routes(routes!(openapi::serve))
}

fn operational() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(ops::livez))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
}

/// What people look at in a browser.
fn pages() -> Router<AppState> {
    Router::new()
        .route("/docs", get(openapi::ui::page))
        .route("/docs/", get(openapi::ui::from_folder))
        .route("/docs/{file}", get(openapi::ui::file))
}

fn finish(routes: Router<AppState>, state: AppState) -> Router {
    let routes = routes
        .fallback(|| async { ApiError::new(code::NOT_FOUND, "no route has this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(code::METHOD_NOT_ALLOWED, "this route does not take the method")
        });
    layers::wrap(routes, &state).with_state(state)
}
