//! What this gateway has of a group, for who administers it: Kafka knows of the members, and not of what they hold.

use super::desk::Stalled;
use super::pool::Pool;
use crate::kafka::member::Phase;
use crate::record::{GroupId, TopicName};
use std::time::{Duration, Instant};

/// A group as this gateway takes part in it, all its members here together.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    /// The members, one for each list of topics.
    pub members: Vec<MemberHere>,
    /// Requests under way that take records.
    pub workers: usize,
    /// Records under a lease.
    pub in_flight: usize,
    /// How long the oldest lease has been running.
    pub oldest_lease: Option<Duration>,
    /// The partitions whose prefix does not move.
    pub stalled: Vec<Stalled>,
}

/// A member that is here.
#[derive(Clone, Debug)]
pub struct MemberHere {
    /// The topics that it subscribes to.
    pub topics: Vec<TopicName>,
    /// How far it has come.
    pub phase: Phase,
    /// How many partitions it hands records out of. Those that it is giving up are none of them.
    pub partitions: usize,
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
            let (topics, partitions) = (station.topics.clone(), standing.partitions);
            presence.members.push(MemberHere { topics, phase: open.phase, partitions });
            presence.workers += standing.requests;
            presence.in_flight += standing.in_flight;
            presence.oldest_lease = presence.oldest_lease.max(standing.oldest_lease);
            presence.stalled.extend(standing.stalled);
        }
        (!presence.members.is_empty()).then_some(presence)
    }
}
