//! Where a member's thread and the requests that it serves meet: the member's desk, behind a lock that nobody holds for long.

use super::delivery::Delivery;
use super::desk::Desk;
use super::token::Ids;
use crate::kafka::Error as KafkaError;
use crate::kafka::member::Phase;
use crate::record::{GroupId, TopicName};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// The meeting place of one member of a group.
pub struct Station {
    /// The group.
    pub group: GroupId,
    /// The topics that the member subscribes to.
    pub topics: Vec<TopicName>,
    /// How the group is delivered.
    pub delivery: Delivery,
    /// What writes the ids of its records.
    pub ids: Ids,
    /// Told when there may be something that there was not before.
    pub changed: Notify,
    open: Mutex<Open>,
    nudge: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// What is behind the lock.
pub struct Open {
    /// What there is to hand out.
    pub desk: Desk,
    /// How far the member has come.
    pub phase: Phase,
    /// What keeps it from consuming.
    pub trouble: Option<KafkaError>,
    /// When the desk is to be looked at because of the clock.
    pub look: Option<Instant>,
    /// Since when nobody has needed the member.
    pub idle: Option<Instant>,
}

impl Station {
    /// The station of a member that is about to join.
    pub fn new(group: GroupId, topics: Vec<TopicName>, (delivery, ids): (Delivery, Ids), desk: Desk) -> Self {
        let open = Open { desk, phase: Phase::Joining, trouble: None, look: None, idle: None };
        Self {
            group,
            topics,
            delivery,
            ids,
            changed: Notify::new(),
            open: Mutex::new(open),
            nudge: OnceLock::new(),
        }
    }

    /// What is behind the lock.
    pub fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What wakes the member's thread.
    pub fn hang(&self, nudge: impl Fn() + Send + Sync + 'static) {
        // Hung once, when the member is made.
        self.nudge.set(Box::new(nudge)).ok();
    }

    /// Wakes the member's thread: there is room again, or a commit, or a lease that ends sooner.
    pub fn nudge(&self) {
        if let Some(nudge) = self.nudge.get() {
            nudge();
        }
    }
}

impl Open {
    /// The desk is to be looked at by then.
    pub fn look_by(&mut self, at: Instant) {
        self.look = Some(self.look.map_or(at, |look| look.min(at)));
    }

    /// Since when nobody has needed the member, `now` being the first time that this is seen.
    pub fn idle_since(&mut self, now: Instant) -> Option<Instant> {
        if self.desk.sessions.requests() > 0 || self.desk.is_in_flight() {
            self.idle = None;
        } else {
            self.idle.get_or_insert(now);
        }
        self.idle
    }
}
