//! What a stream of a group does by the clock.

use std::time::{Duration, Instant};

/// How long records may wait for their client to come back.
const ACKNOWLEDGE: Duration = Duration::from_secs(20);

/// How long it may hold more than its share while others wait.
const SHARE: Duration = Duration::from_millis(500);

/// How often it is looked for partitions that stand still, and for what else changes by the clock alone.
const LOOK: Duration = Duration::from_secs(1);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The gateway is about to end, and this stream's moment has come.
    Drain,
    /// Its lifetime is over.
    Lifetime,
    /// Its client is to come back, which acknowledges.
    Acknowledge,
    /// It is to look at its partitions.
    Look,
    /// Nothing was written for long.
    Silence,
}

/// When everything is due; `None` is never.
#[derive(Debug)]
pub struct Due {
    drain: Option<Instant>,
    lifetime: Option<Instant>,
    acknowledge: Option<Instant>,
    look: Instant,
    silence: Instant,
    heartbeat: Duration,
}

impl Due {
    /// Counts from now.
    pub fn new(heartbeat: Duration, lifetime: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            drain: None,
            lifetime: lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            acknowledge: None,
            look: now + LOOK,
            silence: now + heartbeat,
            heartbeat,
        }
    }

    /// When something is due.
    pub fn next(&self) -> Instant {
        self.all().filter_map(|(_, when)| when).min().unwrap_or(self.silence)
    }

    /// What is due by now, if anything; it is due again after its time.
    pub fn take(&mut self, now: Instant) -> Option<What> {
        let (what, _) = self.all().find(|(_, when)| when.is_some_and(|when| when <= now))?;
        match what {
            What::Drain | What::Lifetime | What::Acknowledge => {}
            What::Look => self.look = now + LOOK,
            What::Silence => self.silence = now + self.heartbeat,
        }
        Some(what)
    }

    /// The gateway is about to end, and this stream is to end then.
    pub fn drain(&mut self, moment: Option<Instant>) {
        self.drain = Some(moment.unwrap_or_else(Instant::now));
    }

    /// Whether it is to end with the gateway.
    pub fn drains(&self) -> bool {
        self.drain.is_some()
    }

    /// Something was written.
    pub fn spoke(&mut self) {
        self.silence = Instant::now() + self.heartbeat;
    }

    /// Something is given that waits for the client to come back.
    pub fn acknowledge(&mut self) {
        self.acknowledge.get_or_insert(Instant::now() + ACKNOWLEDGE);
    }

    /// Others wait for what this stream holds beyond its share.
    pub fn share(&mut self, now: Instant) {
        let soon = now + SHARE;
        self.acknowledge = Some(self.acknowledge.map_or(soon, |then| then.min(soon)));
    }

    /// In the order in which what is due at once happens.
    fn all(&self) -> impl Iterator<Item = (What, Option<Instant>)> {
        [
            (What::Drain, self.drain),
            (What::Lifetime, self.lifetime),
            (What::Acknowledge, self.acknowledge),
            (What::Look, Some(self.look)),
            (What::Silence, Some(self.silence)),
        ]
        .into_iter()
    }
}
