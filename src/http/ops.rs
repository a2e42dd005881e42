//! Operations: is the process turning, can it serve, what has it counted.

use super::error::{ApiError, code};
use crate::broadcast::Drain;
use crate::kafka::Health;
use crate::telemetry::Metrics;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;
use std::sync::Arc;

/// Whether a path is one of these routes'.
pub fn is_operation(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// `GET /livez`: 200 while the process turns.
pub async fn livez() -> impl IntoResponse {
    super::reply::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 when Kafka answers and the gateway is not shutting down, else 503 with why.
pub async fn readyz(
    State(health): State<Health>,
    State(drain): State<Drain>,
) -> Result<impl IntoResponse, ApiError> {
    if drain.has_begun() {
        return Err(ApiError::new(code::NOT_READY, "the gateway is shutting down"));
    }
    health.check().await.map_err(|reason| ApiError::new(code::NOT_READY, reason))?;
    Ok(super::reply::json(&json!({ "status": "ready" })))
}

/// `GET /metrics`: OpenMetrics text.
pub async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], metrics.render())
}
