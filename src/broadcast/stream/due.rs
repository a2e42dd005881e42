//! What a stream does by the clock.

use rand::RngExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How often a stream looks whether its topics are still the same.
const LOOK: Duration = Duration::from_secs(5);

/// How long a position may have moved without a word of it.
const MOVED: Duration = Duration::from_secs(5);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The gateway is about to end, and this stream's moment has come.
    Drain,
    /// Its lifetime is over.
    Lifetime,
    /// The time it is to read to has come.
    Until,
    /// It is to look for a place to go on from.
    Reopen,
    /// It is to look at its topics.
    Look,
    /// The position moved, and nothing told it.
    Moved,
    /// The position is to be told once more.
    Checkpoint,
    /// Nothing was written for long.
    Silence,
}

/// Tells when something is due. What is put off needs no new alarm: the old one goes off, and finds that it is early.
#[derive(Debug)]
pub struct Clock {
    alarm: Pin<Box<Sleep>>,
}

impl Clock {
    /// Goes off first at that time.
    pub fn at(first: Instant) -> Self {
        Self { alarm: Box::pin(tokio::time::sleep_until(first)) }
    }

    /// Ready when something of `due` is due.
    pub fn poll(&mut self, due: &Due, cx: &mut Context<'_>) -> Poll<()> {
        let next = due.next();
        if next < self.alarm.deadline() {
            self.alarm.as_mut().reset(next);
        }
        loop {
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if next <= Instant::now() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(next);
        }
    }
}

/// When everything is due; `None` is never.
#[derive(Debug)]
pub struct Due {
    drain: Option<Instant>,
    lifetime: Option<Instant>,
    until: Option<Instant>,
    reopen: Option<Instant>,
    look: Instant,
    moved: Option<Instant>,
    checkpoint: Instant,
    silence: Instant,
    heartbeat: Duration,
    checkpoint_every: Duration,
}

impl Due {
    /// Counts from now.
    pub fn new(heartbeat: Duration, checkpoint_every: Duration, lifetime: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            drain: None,
            lifetime: lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            until: None,
            reopen: None,
            look: now + jittered(LOOK),
            moved: None,
            checkpoint: now + checkpoint_every,
            silence: now + heartbeat,
            heartbeat,
            checkpoint_every,
        }
    }

    /// When something is due.
    pub fn next(&self) -> Instant {
        self.all().filter_map(|(_, when)| when).min().unwrap_or(self.silence)
    }

    /// What is due by now, if anything; it is due again after its time.
    pub fn take(&mut self) -> Option<What> {
        let now = Instant::now();
        let (what, _) = self.all().find(|(_, when)| when.is_some_and(|when| when <= now))?;
        match what {
            What::Drain | What::Lifetime => (self.drain, self.lifetime) = (None, None),
            What::Until => self.until = None,
            What::Reopen => self.reopen = None,
            What::Look => self.look = now + jittered(LOOK),
            What::Moved => self.moved = None,
            What::Checkpoint => self.checkpoint = now + self.checkpoint_every,
            What::Silence => self.silence = now + self.heartbeat,
        }
        Some(what)
    }

    /// The gateway is about to end, and this stream is to end after `pause`.
    pub fn drain(&mut self, pause: Duration) {
        self.drain = Some(Instant::now() + pause);
    }

    /// Whether it is to end with the gateway.
    pub fn drains(&self) -> bool {
        self.drain.is_some()
    }

    /// Something was written.
    pub fn spoke(&mut self) {
        self.silence = Instant::now() + self.heartbeat;
    }

    /// The position moved and nothing was written.
    pub fn moved(&mut self) {
        self.moved.get_or_insert(Instant::now() + MOVED);
    }

    /// A place to go on from is to be looked for after `pause`.
    pub fn reopen(&mut self, pause: Duration) {
        self.reopen = Some(Instant::now() + pause);
    }

    /// Whether a place to go on from is still to be looked for.
    pub fn reopens(&self) -> bool {
        self.reopen.is_some()
    }

    /// The time to read to comes in so many milliseconds; it has come when that is none.
    pub fn until(&mut self, milliseconds: i64) {
        let milliseconds = u64::try_from(milliseconds).ok().filter(|left| *left > 0);
        self.until = milliseconds.and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
    }

    /// In the order in which what is due at once happens.
    fn all(&self) -> impl Iterator<Item = (What, Option<Instant>)> {
        [
            (What::Drain, self.drain),
            (What::Lifetime, self.lifetime),
            (What::Until, self.until),
            (What::Reopen, self.reopen),
            (What::Look, Some(self.look)),
            (What::Moved, self.moved),
            (What::Checkpoint, Some(self.checkpoint)),
            (What::Silence, Some(self.silence)),
        ]
        .into_iter()
    }
}

/// Streams that opened together do not look together.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::rng().random_range(0.8..1.0))
}
