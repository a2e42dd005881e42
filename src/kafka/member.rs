//! A member of a consumer group, whose partitions come and go by the group's rebalances.
//!
//! One consumer, one thread ([`duty`]), a few states: joining, consuming, draining, closed. The thread waits for nobody: a
//! revocation is recorded and goes on beside everything else until what was handed out is acknowledged or its time is over;
//! where a partition begins is asked on a thread of its own ([`seat`]); commits are answered on a queue. What a [`Keeper`]
//! does not want yet stays in the client's queues, partition by partition, so one that is full holds up no other.
//!
//! Who is given records, and what is acknowledged, is the keeper's business. Absent: any knowledge of HTTP, and patterns of
//! topics.

mod assigned;
mod client;
mod context;
mod duty;
mod protocol;
mod revocation;
mod seat;

use super::catalog::Catalog;
use super::error::Error;
use super::reader::bell::Bell;
use super::reader::{Event, Position};
use super::settings::Settings;
use crate::record::{GroupId, Isolation, Start, TopicName};
use duty::Duty;
pub(super) use protocol::{Protocol, Protocols};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The details of librdkafka's (`debug`) among which a member finds whether the brokers have KIP-848.
pub(super) const PROBE: &str = "cgrp";

/// A partition by its topic and number.
pub type Partition = (TopicName, i32);

/// What a member joins, and how.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The group.
    pub group: GroupId,
    /// The topics it subscribes to.
    pub topics: Vec<TopicName>,
    /// Which records of transactions it reads.
    pub isolation: Isolation,
    /// Where a partition begins of which the group has no offset: the start or the end of its log, or a time. Any other
    /// start is taken for the end.
    pub start: Start,
    /// Whether it commits. One that does not begins where the group stands, and leaves it there.
    pub commits: bool,
    /// What the client id ends with, by which others tell this member from those of other topics and settings; of
    /// characters that a client id may have.
    pub tag: String,
}

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for its first assignment.
    Joining,
    /// It is in the group.
    Consuming,
    /// It commits what is left to commit.
    Draining,
    /// It has left.
    Closed,
}

impl Phase {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Consuming => "consuming",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

/// Holds what a member is assigned. All calls come from the member's one thread, and none may block.
pub trait Keeper: Send + 'static {
    /// These partitions are the member's, each from its position on. One that it had already begins anew there, because its
    /// log no longer holds what came next.
    fn assigned(&mut self, positions: &[Position]);

    /// Takes what was read of one partition, in its order.
    fn take(&mut self, partition: &Partition, events: Vec<Event>);

    /// How many records of a partition it takes now. If none, it is asked again when anything was read, and when the member is
    /// nudged; what waits meanwhile fills the client's queue, and then no more is fetched. It wants nothing of a partition
    /// that it was not told to be assigned.
    fn room(&self, partition: &Partition) -> usize;

    /// These partitions are to be given up: nothing more of them is to be handed out.
    fn revoking(&mut self, partitions: &[Partition]);

    /// Whether all that was handed out of these partitions is acknowledged or given back.
    fn settled(&self, partitions: &[Partition]) -> bool;

    /// These partitions are the member's no more, after the last commit or without one.
    fn revoked(&mut self, partitions: &[Partition]);

    /// Where each partition may be committed that Kafka is not known to have committed there.
    fn committable(&mut self) -> Vec<Position>;

    /// Kafka has committed these.
    fn committed(&mut self, positions: &[Position]);

    /// Where the logs of its partitions ended when they were last fetched (the high watermark). Told about once a second.
    fn ends(&mut self, ends: &[Position]);

    /// What keeps the member from consuming, until the next assignment.
    fn troubled(&mut self, error: Error);

    /// Called when all partitions had their turn, and again at the time that it gives.
    fn settle(&mut self) -> Option<Instant>;

    /// The member has come so far.
    fn entered(&mut self, phase: Phase);
}

/// A running member. Dropping it makes it commit and leave its group, without waiting for that.
#[derive(Debug)]
pub struct Member {
    shared: Arc<Shared>,
}

/// What the thread and its handle share.
#[derive(Debug)]
struct Shared {
    bell: Bell,
    leaving: AtomicBool,
    /// A commit is not to wait for its time.
    urgent: AtomicBool,
    left: CancellationToken,
}

impl Shared {
    fn nudge(&self) {
        self.bell.ring(duty::MAIN);
    }
}

impl Member {
    /// Begins to join. Must be called within the async runtime, whose threads are used to ask the catalog.
    ///
    /// # Errors
    /// When librdkafka refuses the settings, or no thread can be had.
    pub fn join(
        settings: &Settings,
        catalog: &Catalog,
        joining: Joining,
        keeper: impl Keeper,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            bell: Bell::new(0),
            leaving: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            left: CancellationToken::new(),
        });
        let duty = Duty::new(shared.clone(), settings, catalog, joining, keeper)?;
        let thread = std::thread::Builder::new().name("kafka-member".into());
        thread.spawn(move || duty.serve()).map_err(Error::unavailable)?;
        Ok(Self { shared })
    }

    /// What makes the member ask its keeper again: there is room, or something was acknowledged.
    pub fn nudge(&self) -> impl Fn() + Send + Sync + use<> {
        let shared = self.shared.clone();
        move || shared.nudge()
    }

    /// Commits what may be committed without waiting for its time.
    pub fn commit_soon(&self) {
        self.shared.urgent.store(true, Ordering::Relaxed);
        self.shared.nudge();
    }

    /// Makes it commit and leave its group.
    pub fn leave(&self) {
        self.shared.leaving.store(true, Ordering::Relaxed);
        self.shared.nudge();
    }

    /// Ready when it has left.
    pub async fn left(&self) {
        self.shared.left.cancelled().await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
    }
}
