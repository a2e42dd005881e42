//! The bell that ends a wait: rung by whatever changed something, heard by every request held for it.
//!
//! A listener is taken before the state is looked at, so a change between the look and the wait is never
//! missed. There is no polling anywhere: a wait ends by the bell or by its deadline.

use std::time::Instant;
use tokio::{
    sync::watch,
    time::{Instant as TokioInstant, timeout_at},
};

/// Rings for all who listen.
#[derive(Debug, Default)]
pub struct Bell(watch::Sender<()>);

impl Bell {
    /// Wakes every listener, also those taken before but not yet waiting.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Starts to listen: every ring from now on counts.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// One waiter.
#[derive(Debug)]
pub struct Listener(watch::Receiver<()>);

impl Listener {
    /// Waits for the next ring, at most until `deadline`; `false` when the deadline came first.
    pub async fn rung_before(&mut self, deadline: Instant) -> bool {
        // A dropped bell is a broker going down: nothing will happen any more.
        timeout_at(TokioInstant::from_std(deadline), self.0.changed()).await.is_ok_and(|rung| rung.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_ring_between_the_look_and_the_wait_is_heard() {
        let bell = Bell::default();
        let mut listener = bell.listen();
        bell.ring();
        assert!(listener.rung_before(Instant::now() + Duration::from_secs(5)).await);
        assert!(!listener.rung_before(Instant::now() + Duration::from_millis(5)).await, "one ring, one wake");
    }
}
