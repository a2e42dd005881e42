//! Operations: is the process turning, can it serve, what has it counted.

use super::error::{ApiError, code};
use crate::kafka::Catalog;
use crate::telemetry::Metrics;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long one answer of Kafka's counts.
const FRESH: Duration = Duration::from_secs(1);

/// How long a probe waits for Kafka.
const PATIENCE: Duration = Duration::from_secs(2);

/// What Kafka answered, and when.
type Answer = (Instant, Result<(), String>);

/// Whether the gateway can serve: it asks Kafka, at most once a second however often it is probed.
#[derive(Clone)]
pub struct Readiness {
    catalog: Catalog,
    shutdown: CancellationToken,
    last: Arc<tokio::sync::Mutex<Option<Answer>>>,
}

impl Readiness {
    /// Ready while Kafka answers and `shutdown` has not begun.
    pub fn new(catalog: Catalog, shutdown: CancellationToken) -> Self {
        Self { catalog, shutdown, last: Arc::default() }
    }

    /// Why the gateway is not ready, if it is not.
    async fn check(&self) -> Result<(), String> {
        if self.shutdown.is_cancelled() {
            return Err("the gateway is shutting down".into());
        }
        let this = self.clone();
        // The question goes on when a probe gives up, so that the next one finds its answer.
        let asked = tokio::spawn(async move { this.ask().await });
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err("Kafka does not answer".into()),
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = self.catalog.cluster().await.map(drop).map_err(|error| error.to_string());
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// `GET /livez`: 200 while the process turns.
pub async fn livez() -> impl IntoResponse {
    super::reply::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 when Kafka answers and the gateway is not shutting down, else 503 with why.
pub async fn readyz(State(readiness): State<Readiness>) -> Result<impl IntoResponse, ApiError> {
    match readiness.check().await {
        Ok(()) => Ok(super::reply::json(&json!({ "status": "ready" }))),
        Err(reason) => Err(ApiError::new(code::NOT_READY, reason)),
    }
}

/// `GET /metrics`: OpenMetrics text.
pub async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], metrics.render())
}
