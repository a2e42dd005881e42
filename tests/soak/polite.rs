//! A client like most: one connection, one record after the other, each of which has to be taken.

use crate::harness::{Gateway, send};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A pause between two records, so that it measures the gateway and not itself.
const PAUSE: Duration = Duration::from_millis(5);

/// A client that produces until it is told to stop.
pub struct Polite {
    times: Arc<Mutex<Vec<Duration>>>,
    stop: CancellationToken,
    task: JoinHandle<usize>,
}

impl Polite {
    /// Begins to produce to `topic`.
    pub fn start(gateway: Gateway, topic: String) -> Self {
        let (times, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (kept, told) = (times.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut acknowledged = 0;
            while !told.is_cancelled() {
                let begun = Instant::now();
                let reply = send(gateway.producing(&topic, "").body(acknowledged.to_string())).await;
                reply.receipt();
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(begun.elapsed());
                acknowledged += 1;
                tokio::time::sleep(PAUSE).await;
            }
            acknowledged
        });
        Self { times, stop, task }
    }

    /// What became of the records since this was asked last: how many, and the median, the 99th percentile and the longest
    /// of their times.
    pub fn told(&self) -> String {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable();
        let Some(longest) = times.last() else { return "no record".to_owned() };
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        format!(
            "{:5} records, p50 {:9.3?}, p99 {:9.3?}, longest {longest:9.3?}",
            times.len(),
            at(0.5),
            at(0.99)
        )
    }

    /// Whether it goes on: it ends by itself only when a record was refused.
    pub fn goes_on(&self) -> bool {
        !self.task.is_finished()
    }

    /// Stops it; how many records were acknowledged. Every one was.
    pub async fn stop(self) -> usize {
        self.stop.cancel();
        self.task.await.expect("every record of the polite client is taken")
    }
}
