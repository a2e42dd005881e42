//! Whether Kafka answers, asked at most once a second however often somebody wants to know.

use super::catalog::Catalog;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long one answer counts.
const FRESH: Duration = Duration::from_secs(1);

/// How long one who asks waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What Kafka answered, and when.
type Answer = (Instant, Result<(), String>);

/// Knows whether Kafka answers.
#[derive(Clone)]
pub struct Health {
    catalog: Catalog,
    last: Arc<Mutex<Option<Answer>>>,
    metrics: Arc<Metrics>,
}

impl Health {
    /// Asks through `catalog`, and tells `metrics` what was answered.
    pub fn new(catalog: Catalog, metrics: Arc<Metrics>) -> Self {
        Self { catalog, last: Arc::default(), metrics }
    }

    /// Asks, if the last answer is old, without waiting.
    pub fn look(&self) {
        let this = self.clone();
        // It ends by the time-out of a request.
        tokio::spawn(async move { this.ask().await });
    }

    /// Asks once, and tells the log when Kafka does not answer: an operator should not have to wait for the first request.
    pub async fn greet(self) {
        if let Err(reason) = self.check().await {
            tracing::warn!(reason, "Kafka does not answer yet; it is tried again all the time");
        }
    }

    /// Whether Kafka answered within the last second, or does now.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn check(&self) -> Result<(), String> {
        let this = self.clone();
        // The question goes on when the asker gives up, so that the next one finds its answer.
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
        let answer = self.catalog.answers().await.map_err(|error| error.to_string());
        self.metrics.kafka.up.set(answer.is_ok().into());
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
