//! Waiting for a condition, with a deadline. Nothing here sleeps for a fixed time and hopes.

use std::time::{Duration, Instant};

/// How long a condition may take. Generous: it is met in milliseconds, except on a machine that is very busy.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Waits until `look` sees something, and gives what it saw. `what` is the sentence of the failure.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain: {what}");
        tokio::time::sleep(STEP).await;
    }
}

/// Waits for a future at most [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} in vain: {what}"),
    }
}
