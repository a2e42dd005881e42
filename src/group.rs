//! Grouped delivery: records of a consumer group, handed to HTTP clients at least once.
//!
//! Membership of a group never belongs to an HTTP request: a member a request means a rebalance of the whole group for
//! every client that comes and goes. A member ([`pool`]) serves any number of requests, and stays for a while when the last
//! has left. What clients were handed is remembered apart from Kafka and from HTTP: by a [`ledger`] for each assigned
//! partition, at the [`desk`] of their member, and by the [`token`] that a record carries out and its acknowledgement brings
//! back. Those are pure: time and randomness are given to them.
//!
//! A [`station`] is the desk where the member's thread and the requests meet; [`clerk`] is the thread's side of it, [`poll`]
//! and [`stream`] the requests'. [`home`] says which gateway has a group's member. Absent yet: gateways that share groups.

mod acks;
mod burial;
mod clerk;
mod delivery;
mod desk;
mod home;
pub mod ledger;
mod poll;
mod pool;
mod presence;
mod sessions;
mod station;
mod stream;
pub mod token;
mod weight;
mod work;

pub use acks::{Acks, Nack, Resumed};
pub use delivery::{AckMode, Delivery, Ordering};
pub use desk::{Appetite, Given, Stalled};
pub use poll::{Poll, Polled};
pub use presence::{MemberHere, Presence};
pub use stream::{Item, Manner, Stream};
pub use work::Work;

use crate::config;
use crate::kafka::{Catalog, Error as KafkaError, Producer, Settings};
use crate::record::GroupId;
use crate::telemetry::Metrics;
use pool::Pool;
use std::sync::Arc;
use std::time::Duration;

/// Why a request that takes part in a group was not served.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Kafka's answer.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The group is worked off under other settings, and they hold while a request waits or a lease runs.
    #[error("the group is delivered with other settings just now: {} differ", .0.join(", "))]
    SettingsDiffer(Vec<&'static str>),
    /// There are as many members or requests as there may be.
    #[error("there are as many {0} as there may be")]
    Crowded(&'static str),
    /// A text is no id of a record, of whatever group.
    #[error("`{0}` is no `id` of a record of a group")]
    NoId(String),
    /// These ids acknowledge nothing any more; what else was to be done is done.
    #[error("what these ids stand for is no longer handed out under them")]
    Fenced(Vec<String>),
    /// The gateway is about to end.
    #[error("the gateway is shutting down")]
    Draining,
}

/// Takes part in groups on behalf of clients. Clones are the same.
#[derive(Clone)]
pub struct Groups {
    pool: Arc<Pool>,
}

/// What grouped delivery needs of Kafka.
pub struct Means {
    /// What members are made from.
    pub settings: Settings,
    /// Knows topics.
    pub catalog: Catalog,
    /// Takes records that are given up.
    pub producer: Arc<Producer>,
}

impl Groups {
    /// Without a member yet. Must be called within the async runtime.
    pub fn new(config: &config::Groups, means: Means, metrics: Arc<Metrics>) -> Self {
        Self { pool: Pool::new(config.clone(), means, metrics) }
    }

    /// Acknowledges, then waits until there is something to hand out, and hands it out.
    ///
    /// # Errors
    /// Why it is not served. What was to be acknowledged may be so all the same, but for [`Error::NoId`].
    pub async fn poll(&self, poll: Poll) -> Result<Polled, Error> {
        poll::serve(&self.pool, poll).await
    }

    /// Acknowledges, by the id that the client of a stream brings back, all that this stream was handed up to it, and ends the
    /// stream: it goes on in the next one.
    pub fn resume(&self, group: &GroupId, id: &str) -> Resumed {
        acks::resume(&self.pool, group, id)
    }

    /// Opens a stream; what it is told of how its client came back is `resumed`.
    ///
    /// # Errors
    /// Why it is not opened.
    pub async fn stream(
        &self,
        work: Work,
        manner: Manner,
        resumed: Option<Resumed>,
    ) -> Result<Stream, Error> {
        Stream::open(self.pool.clone(), work, manner, resumed).await
    }

    /// Acknowledges.
    ///
    /// # Errors
    /// [`Error::NoId`], and then nothing was done; or [`Error::Fenced`], and then the rest was.
    pub fn acknowledge(&self, group: &GroupId, acks: &Acks) -> Result<(), Error> {
        let fenced = acks::apply(&self.pool, group, acks)?;
        if fenced.is_empty() { Ok(()) } else { Err(Error::Fenced(fenced)) }
    }

    /// What this gateway has of a group; `None` where it has no member of it.
    pub fn here(&self, group: &GroupId) -> Option<Presence> {
        Presence::of(&self.pool, group)
    }

    /// Lets nobody wait any more: the gateway is about to end. Streams end at random moments of `window`. Acknowledgements are
    /// still taken.
    pub fn drain(&self, window: Duration) {
        self.pool.drain(window);
    }

    /// Makes all members commit and leave, and waits for that at most so long.
    pub async fn end(&self, patience: Duration) {
        self.pool.end(patience).await;
    }
}
