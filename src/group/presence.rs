//! What this gateway has of a group, for who administers it: Kafka knows of the members, and not of what they hold.

use super::desk::Stalled;
use super::pool::Pool;
use crate::kafka::member::Phase;
use crate::record::{GroupId, TopicName};
use std::time::{Duration, Instant};

/// A group as this gateway takes part in it, all its members here together.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    /// The members, each by the topics that it subscribes to, and how far it has come.
    pub members: Vec<(Vec<TopicName>, Phase)>,
    /// Requests under way that take records.
    pub workers: usize,
    /// Records under a lease.
    pub in_flight: usize,
    /// How long the oldest lease has been running.
    pub oldest_lease: Option<Duration>,
    /// The partitions whose prefix does not move.
    pub stalled: Vec<Stalled>,
}

impl Presence {
    /// That of a group; `None` where no member of it is here.
    pub(super) fn of(pool: &Pool, group: &GroupId) -> Option<Self> {
        let mut presence = Self::default();
        for station in pool.stations(group) {
            let mut open = station.open();
            if open.phase == Phase::Closed {
                continue;
            }
            let standing = open.desk.standing(Instant::now());
            presence.members.push((station.topics.clone(), open.phase));
            presence.workers += standing.polls;
            presence.in_flight += standing.in_flight;
            presence.oldest_lease = presence.oldest_lease.max(standing.oldest_lease);
            presence.stalled.extend(standing.stalled);
        }
        (!presence.members.is_empty()).then_some(presence)
    }
}
