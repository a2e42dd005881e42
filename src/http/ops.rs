//! Operations: is the process turning, can it serve, what has it counted.

use super::error::{ApiError, code};
use super::extract::accept::accepted;
use super::schema::refusals;
use crate::broadcast::Drain;
use crate::kafka::Health;
use crate::telemetry::{Exposition, Metrics};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the gateway is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Probe {
    status: ProbeStatus,
}

/// How the gateway is, in a word.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeStatus {
    /// It turns.
    Ok,
    /// It can serve.
    Ready,
}

/// Is it alive?
///
/// For whoever restarts what hangs: it says nothing about Kafka.
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "operations",
    responses(
        (status = 200, description = "The process turns.", body = Probe, example = json!({"status": "ok"})),
        refusals::Alive,
    ),
)]
pub async fn livez() -> impl IntoResponse {
    super::reply::json(&Probe { status: ProbeStatus::Ok })
}

/// Can it serve?
///
/// For whoever spreads requests over gateways: it asks Kafka, and goes off before a shutdown.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "operations",
    responses(
        (status = 200, description = "Kafka answers, and the gateway is not shutting down.", body = Probe,
            example = json!({"status": "ready"})),
        refusals::Ready,
    ),
)]
pub async fn readyz(
    State(health): State<Health>,
    State(drain): State<Drain>,
) -> Result<impl IntoResponse, ApiError> {
    if drain.has_begun() {
        return Err(ApiError::new(code::NOT_READY, "the gateway is shutting down"));
    }
    health.check().await.map_err(|reason| ApiError::new(code::NOT_READY, reason))?;
    Ok(super::reply::json(&Probe { status: ProbeStatus::Ready }))
}

/// What has it counted?
///
/// All metrics of the gateway: OpenMetrics 1.0 for whoever asks for it by name, else Prometheus' text format 0.0.4.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "operations",
    responses(
        (
            status = 200, description = "The metrics.",
            content((String = "text/plain"), (String = "application/openmetrics-text")),
        ),
        refusals::Metrics,
    ),
)]
pub async fn metrics(
    State(metrics): State<Arc<Metrics>>,
    State(health): State<Health>,
    headers: HeaderMap,
) -> impl IntoResponse {
    // Nobody waits for Kafka's answer: a broker that is silent must not make a scrape fail.
    health.look();
    let rank = |form: Exposition| accepted(&headers, form.media_type()).rank();
    let (newer, older) = (Exposition::OpenMetrics, Exposition::Prometheus);
    let form = if rank(newer) > rank(older) { newer } else { older };
    let head = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept"),
    ];
    (head, metrics.render(form))
}
