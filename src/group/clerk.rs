//! The member's side of a station: what Kafka's thread brings to the desk and takes from it.

use super::burial::Burial;
use super::station::{Open, Station};
use crate::kafka::Error as KafkaError;
use crate::kafka::member::{Keeper, Partition, Phase};
use crate::kafka::reader::{Event, Position};
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::Instant;

/// Keeps a member's records at its station.
pub struct Clerk {
    pub station: Arc<Station>,
    pub burial: Burial,
    pub metrics: Arc<Metrics>,
}

impl Clerk {
    /// Changes what is behind the lock, and tells everybody.
    fn change<T>(&self, act: impl FnOnce(&mut Open) -> T) -> T {
        let done = act(&mut self.station.open());
        self.station.changed.notify_waiters();
        done
    }
}

impl Keeper for Clerk {
    fn assigned(&mut self, positions: &[Position]) {
        self.metrics.groups.assignments.inc();
        self.change(|open| {
            open.trouble = None;
            open.desk.assign(positions, rand::random, Instant::now());
        });
    }

    fn take(&mut self, partition: &Partition, events: Vec<Event>) {
        self.change(|open| open.desk.take(partition, events));
    }

    fn room(&self, partition: &Partition) -> usize {
        self.station.open().desk.room(partition)
    }

    fn revoking(&mut self, partitions: &[Partition]) {
        self.station.open().desk.revoke(partitions);
    }

    fn settled(&self, partitions: &[Partition]) -> bool {
        self.station.open().desk.is_drained(partitions)
    }

    fn revoked(&mut self, partitions: &[Partition]) {
        self.change(|open| open.desk.forget(partitions));
    }

    fn committable(&mut self) -> Vec<Position> {
        self.station.open().desk.committable()
    }

    fn committed(&mut self, positions: &[Position]) {
        self.change(|open| open.desk.commit(positions));
    }

    fn ends(&mut self, ends: &[Position]) {
        self.station.open().desk.hear_ends(ends);
    }

    fn troubled(&mut self, error: KafkaError) {
        tracing::debug!(group = %self.station.group, %error, "a member is in trouble");
        self.change(|open| open.trouble = Some(error));
    }

    fn settle(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut open = self.station.open();
        let due = open.look?;
        if due > now {
            return Some(due);
        }
        let expired = open.desk.expire(now);
        let dead = open.desk.take_dead();
        open.look = open.desk.due(now);
        let next = open.look;
        drop(open);
        if expired > 0 {
            tracing::debug!(group = %self.station.group, expired, "leases ended");
            self.metrics.groups.leases_expired.inc_by(expired as u64);
        }
        // A lease that ended or a delay that is over: there may be something to hand out again.
        self.station.changed.notify_waiters();
        for record in dead {
            self.burial.bury(&self.station, record);
        }
        next
    }

    fn entered(&mut self, phase: Phase) {
        self.change(|open| open.phase = phase);
    }
}
