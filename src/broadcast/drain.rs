//! The gateway's leave: told once, known to everything that is open.
//!
//! Clients that were all cut off at one moment would all come back at one moment. So each stream is told to go at
//! a random moment of a window, while the listener still takes newcomers, who are told when to come back.

use rand::RngExt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether, and since when, the gateway is about to end.
#[derive(Clone, Debug)]
pub struct Drain {
    window: Duration,
    deadline: Duration,
    begun: Arc<OnceLock<Instant>>,
    token: CancellationToken,
}

impl Drain {
    /// A drain that has not begun. Streams will end within `window` of its beginning, the process by `deadline`.
    pub fn new(window: Duration, deadline: Duration) -> Self {
        Self {
            window: window.min(deadline),
            deadline,
            begun: Arc::default(),
            token: CancellationToken::new(),
        }
    }

    /// Begins it; how long newcomers are still to be let in.
    pub fn begin(&self) -> Duration {
        self.begun.get_or_init(Instant::now);
        self.token.cancel();
        self.window
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Ready when it has begun.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// How long the process may still live; all of its deadline, while the drain has not begun.
    pub fn left(&self) -> Duration {
        let gone = self.begun.get().map_or(Duration::ZERO, Instant::elapsed);
        self.deadline.saturating_sub(gone)
    }

    /// A moment of the window for one of many.
    pub fn moment(&self) -> Duration {
        self.window.mul_f64(rand::rng().random_range(0.0..1.0))
    }

    /// When a newcomer had better come back: the process has ended by then.
    pub fn after(&self) -> Duration {
        self.left() + Duration::from_millis(rand::rng().random_range(500..2500))
    }
}
