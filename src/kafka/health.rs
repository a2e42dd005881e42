//! Whether Kafka answers, asked at most once a second however often somebody wants to know.

use super::catalog::Catalog;
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
}

impl Health {
    /// Asks through `catalog`.
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, last: Arc::default() }
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
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
