//! The members that the gateway has of groups, each of which serves all requests for its group and topics.
//!
//! A group's settings hold while a request waits or a lease runs. Then whoever comes with others replaces them: the members
//! that lingered leave first. A keeper looks every second for members that nobody needs any more.

use super::acks::OUTCOMES;
use super::burial::{Burial, GRAVES};
use super::clerk::Clerk;
use super::delivery::{AckMode, Delivery};
use super::desk::Desk;
use super::home::{Home, home};
use super::station::Station;
use super::token::{Ids, Key};
use super::weight::Budget;
use super::work::Work;
use super::{Error, Means};
use crate::config;
use crate::kafka::Member;
use crate::kafka::member::{Joining, Phase};
use crate::record::{GroupId, TopicName};
use crate::telemetry::{GroupFigures, Metrics};
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// How often it is looked whether members are needed.
const LOOK: Duration = Duration::from_secs(1);

/// How long a newcomer with other settings waits for the members that lingered to leave.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a named session is remembered after its last poll.
const SESSION_MEMORY: Duration = Duration::from_secs(600);

/// The members of all groups.
pub struct Pool {
    config: config::Groups,
    means: Means,
    metrics: Arc<Metrics>,
    key: Key,
    replica: u64,
    budget: Budget,
    groups: Mutex<HashMap<GroupId, Group>>,
    drain: CancellationToken,
    /// Within which time streams are to end, once they are.
    window: OnceLock<Duration>,
}

/// A group that the gateway has members of, or is about to have.
#[derive(Default)]
struct Group {
    stays: Vec<Stay>,
    /// The settings of who waits for members with others to leave. They hold meanwhile: two newcomers who made each other's
    /// members leave would both wait for ever.
    claim: Weak<Delivery>,
}

/// A member's stay in its group.
#[derive(Clone)]
struct Stay {
    station: Arc<Station>,
    member: Arc<Member>,
}

/// A request's place at a station, until this is dropped.
pub struct Attached {
    pub station: Arc<Station>,
    pub member: Arc<Member>,
    /// The session's number.
    pub number: u64,
    /// Whether the session goes on after the request.
    pub returns: bool,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let (now, mut open) = (Instant::now(), self.station.open());
        open.desk.sessions.detach(self.number, self.returns, now);
        if self.station.delivery.ack == AckMode::Reconnect {
            let again = now + self.station.delivery.terms.lease;
            open.desk.leave(self.number, again);
            open.look_by(again);
            // The end of a lease is waited for by the member's thread.
            self.station.nudge();
        }
        drop(open);
        // Another one's share may be larger now.
        self.station.changed.notify_waiters();
    }
}

impl Pool {
    /// An empty pool, and its keeper.
    pub fn new(config: config::Groups, means: Means, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.groups.expect(&OUTCOMES, &GRAVES);
        let pool = Arc::new(Self {
            budget: Budget::new(config.max_unacked_bytes),
            key: config.shared_secret.reveal().map_or_else(Key::random, |secret| Key::new(secret.as_bytes())),
            config,
            means,
            metrics,
            replica: rand::random(),
            groups: Mutex::default(),
            drain: CancellationToken::new(),
            window: OnceLock::new(),
        });
        // It ends when the pool is gone.
        tokio::spawn(keep(Arc::downgrade(&pool)));
        pool
    }

    /// Where it is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The stations of a group's members.
    pub fn stations(&self, group: &GroupId) -> Vec<Arc<Station>> {
        let groups = self.groups();
        let stays = groups.get(group).into_iter().flat_map(|group| &group.stays);
        stays.map(|stay| stay.station.clone()).collect()
    }

    /// Finds out that the topics are there, so that nobody waits for one that is not.
    ///
    /// # Errors
    /// What Kafka answers.
    pub async fn look_up(&self, topics: &[TopicName], delivery: &Delivery) -> Result<(), Error> {
        for topic in topics.iter().chain(&delivery.dead_letter) {
            self.means.catalog.topic(topic).await?;
        }
        Ok(())
    }

    /// Gives a request its place, at the member that there is or at a new one.
    ///
    /// # Errors
    /// When the settings differ from those in force, there is no room, or no member can be made.
    pub async fn attach(&self, work: &Work, session: Option<&str>) -> Result<Attached, Error> {
        match home(&work.group, &work.delivery) {
            Home::Here => {}
        }
        // Held until there is a place, or nobody waits for it any more.
        let claim = Arc::new(work.delivery.clone());
        loop {
            let leaving = match self.try_attach((work, session), &claim)? {
                Ok(attached) => return Ok(attached),
                Err(leaving) => leaving,
            };
            for stay in &leaving {
                stay.member.leave();
            }
            let left = join_all(leaving.iter().map(|stay| stay.member.left()));
            // One that does not leave in time is in the group beside the new one, as another gateway's would be.
            if tokio::time::timeout(LEAVE_PATIENCE, left).await.is_err() {
                tracing::warn!(group = %work.group, "a member with the old settings has not left in time");
            }
        }
    }

    /// A place, or the members that are to leave before there is one.
    fn try_attach(
        &self,
        (work, session): (&Work, Option<&str>),
        claim: &Arc<Delivery>,
    ) -> Result<Result<Attached, Vec<Stay>>, Error> {
        let mut groups = self.groups();
        if self.drain.is_cancelled() {
            return Err(Error::Draining);
        }
        let Group { stays, claim: claimed } = groups.entry(work.group.clone()).or_default();
        if let Some(claimed) = claimed.upgrade().filter(|claimed| **claimed != work.delivery) {
            return Err(Error::SettingsDiffer(claimed.differences(&work.delivery)));
        }
        stays.retain(|stay| stay.station.open().phase != Phase::Closed);
        let others = stays.iter().find(|stay| stay.station.delivery != work.delivery);
        if let Some(other) = others {
            let needed = |stay: &Stay| stay.station.open().idle_since(Instant::now()).is_none();
            if stays.iter().any(needed) {
                let differences = other.station.delivery.differences(&work.delivery);
                return Err(Error::SettingsDiffer(differences));
            }
            *claimed = Arc::downgrade(claim);
            let leaving = std::mem::take(stays);
            drop(groups);
            self.count();
            return Ok(Err(leaving));
        }
        let requests: usize = stays.iter().map(|stay| stay.station.open().desk.sessions.requests()).sum();
        if requests >= self.config.max_workers {
            return Err(Error::Crowded("requests of this group (groups.max_workers)"));
        }
        let stay = match stays.iter().find(|stay| stay.station.topics == work.topics) {
            Some(stay) => stay.clone(),
            None => {
                let members: usize = groups.values().map(|group| group.stays.len()).sum();
                if members >= self.config.max_members {
                    return Err(Error::Crowded("members of groups (groups.max_members)"));
                }
                let stay = self.join(work)?;
                groups.entry(work.group.clone()).or_default().stays.push(stay.clone());
                stay
            }
        };
        let mut open = stay.station.open();
        open.idle = None;
        let number = open.desk.sessions.attach(session, rand::random(), Instant::now());
        drop(open);
        drop(groups);
        self.count();
        let Stay { station, member } = stay;
        Ok(Ok(Attached { station, member, number, returns: session.is_some() }))
    }

    fn join(&self, work: &Work) -> Result<Stay, Error> {
        let Work { group, topics, delivery, start } = work;
        let seal = self.key.seal(group.as_str(), &delivery.text());
        let ids = Ids { replica: self.replica, seal };
        let desk = Desk::new(ids.clone(), delivery.clone(), self.budget.clone());
        let station = Arc::new(Station::new(group.clone(), topics.clone(), (delivery.clone(), ids), desk));
        let joining = Joining {
            group: group.clone(),
            topics: topics.clone(),
            isolation: delivery.isolation,
            start: start.clone(),
            commits: delivery.ack != AckMode::None,
            tag: delivery.tag(topics),
        };
        let metrics = self.metrics.clone();
        let burial = Burial { producer: self.means.producer.clone(), metrics: metrics.clone() };
        let clerk = Clerk { station: station.clone(), burial, metrics };
        let member = Arc::new(Member::join(&self.means.settings, &self.means.catalog, joining, clerk)?);
        station.hang(member.nudge());
        Ok(Stay { station, member })
    }

    /// Lets nobody wait any more, and streams end within `window`.
    pub fn drain(&self, window: Duration) {
        self.window.get_or_init(|| window);
        self.drain.cancel();
    }

    /// Ready when nobody is to wait any more.
    pub fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.drain.cancelled()
    }

    /// When a stream is to end that is told to: at a random moment of the window.
    pub fn moment(&self) -> Option<Instant> {
        let window = self.window.get().filter(|_| self.drain.is_cancelled())?;
        Some(Instant::now() + window.mul_f64(rand::random_range(0.0..1.0)))
    }

    /// Makes all members leave, and waits for that at most so long.
    pub async fn end(&self, patience: Duration) {
        self.drain(Duration::ZERO);
        let stays: Vec<_> =
            std::mem::take(&mut *self.groups()).into_values().flat_map(|group| group.stays).collect();
        for stay in &stays {
            stay.member.leave();
        }
        let left = join_all(stays.iter().map(|stay| stay.member.left()));
        if tokio::time::timeout(patience, left).await.is_err() {
            tracing::warn!("a member of a group has not left in time");
        }
        self.count();
    }

    /// Makes those leave that nobody has needed for a while, and counts.
    fn look(&self) {
        let now = Instant::now();
        let mut groups = self.groups();
        for (group, Group { stays, .. }) in groups.iter_mut() {
            let mut figures = GroupFigures::default();
            stays.retain(|stay| {
                let mut open = stay.station.open();
                let idle = open.idle_since(now);
                open.desk.sessions.forget(SESSION_MEMORY, now);
                let standing = open.desk.standing(now);
                figures.lag += standing.lag;
                figures.in_flight += standing.in_flight;
                figures.stalled += standing.stalled.len();
                figures.workers += standing.requests;
                let over =
                    idle.is_some_and(|since| now.saturating_duration_since(since) >= self.config.linger);
                if over {
                    stay.member.leave();
                }
                !over && open.phase != Phase::Closed
            });
            self.metrics.groups.stands(group.as_str(), (!stays.is_empty()).then_some(figures));
        }
        groups.retain(|_, group| !group.stays.is_empty() || group.claim.strong_count() > 0);
        drop(groups);
        self.count();
    }

    fn count(&self) {
        let members: usize = self.groups().values().map(|group| group.stays.len()).sum();
        self.metrics.groups.members.set(i64::try_from(members).unwrap_or(i64::MAX));
        self.metrics.groups.unacked(self.budget.taken_bytes());
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<GroupId, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(LOOK).await;
        match pool.upgrade() {
            Some(pool) => pool.look(),
            None => return,
        }
    }
}
