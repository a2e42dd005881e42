//! Everything that one member of a group has to hand out: a ledger for each of its partitions, and who works them off.
//!
//! The partitions are spread over the sessions without a rebalance: one whose records a session holds is that session's until
//! they are acknowledged or their leases end, so that their order is kept, and while several sessions wait none takes more
//! than its share. Where the order is that of keys, or none, a partition's records are spread. Pure but for the weights of the
//! records, which are counted for the whole process. Time and random numbers are given to it.

mod handing;
mod standing;

use super::delivery::{AckMode, Delivery, Ordering};
use super::ledger::{End, Lane, Ledger};
use super::sessions::{Address, Sessions};
use super::token::Ids;
use super::weight::{Budget, Weighed};
use crate::kafka::member::Partition;
use crate::kafka::reader::{Event, Position};
use crate::record::{Filter, Record, Subject};
pub use standing::Stalled;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Instant;

/// A record that is held.
#[derive(Debug)]
struct Kept {
    record: Record,
    /// Counts for as long as the record is held.
    _weight: Weighed,
}

/// A partition of the member's.
#[derive(Debug)]
struct Slot {
    ledger: Ledger<Kept>,
    /// Where its log ended when last heard of.
    end: Option<i64>,
    /// The prefix, and since when it is that.
    prefix: (i64, Instant),
}

/// A record as a client is given it.
#[derive(Clone, Debug)]
pub struct Given {
    /// The record.
    pub record: Record,
    /// The how-manieth attempt this is, from 1.
    pub attempt: u32,
    /// Where it is held, which its id says.
    pub address: Address,
    /// How long it is held; `None` is for as long as its session lasts.
    pub until: Option<Instant>,
}

/// A record that was handed out as often as it may be, to be taken away.
#[derive(Debug)]
pub struct Dead {
    /// The record.
    pub record: Record,
    /// The assignment that it was handed out under.
    pub assignment: u64,
    /// How often it was handed out.
    pub attempts: u32,
    /// Whether its last holder gave it back; else its lease ended.
    pub nacked: bool,
}

/// How much a client takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Appetite {
    /// Records.
    pub max: usize,
    /// Bytes of keys, values and headers; one record that is larger is still given, alone.
    pub max_bytes: usize,
}

/// A member's desk.
#[derive(Debug)]
pub struct Desk {
    ids: Ids,
    delivery: Delivery,
    budget: Budget,
    slots: BTreeMap<Partition, Slot>,
    /// Where partitions were committed that are no more: an acknowledgement of what lies below is fine.
    past: BTreeMap<Partition, i64>,
    /// Who takes part.
    pub sessions: Sessions,
    /// Which partition has its turn first.
    turn: usize,
    /// How often partitions came or went.
    moves: u64,
}

impl Desk {
    /// An empty desk of a group with these ids.
    pub fn new(ids: Ids, delivery: Delivery, budget: Budget) -> Self {
        let (slots, past) = (BTreeMap::new(), BTreeMap::new());
        let (sessions, turn, moves) = (Sessions::default(), 0, 0);
        Self { ids, delivery, budget, slots, past, sessions, turn, moves }
    }

    /// These partitions are there now, from these positions on. `fresh` makes the numbers of the assignments.
    pub fn assign(&mut self, positions: &[Position], mut fresh: impl FnMut() -> u64, now: Instant) {
        for at in positions {
            let ledger = Ledger::new(fresh(), at.next, self.delivery.terms);
            let slot = Slot { ledger, end: None, prefix: (at.next, now) };
            self.slots.insert((at.topic.clone(), at.partition), slot);
        }
        self.moves += 1;
    }

    /// How often partitions came or went.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// The partitions that are there and are not being given up.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.slots.iter().filter(|(_, slot)| !slot.ledger.is_revoked()).map(|(partition, _)| partition)
    }

    /// Takes what was read of a partition.
    pub fn take(&mut self, partition: &Partition, events: Vec<Event>) {
        let Some(slot) = self.slots.get_mut(partition) else { return };
        for event in events {
            match event {
                Event::Record(record) => {
                    let wanted = |filter: &Filter| filter.matches(&Subject::new(&record));
                    if self.delivery.filter.as_deref().is_none_or(wanted) {
                        let (offset, weight) = (record.offset, self.budget.weigh(&record));
                        let lane = lane(self.delivery.ordering, &record);
                        slot.ledger.take(offset, lane, Kept { record, _weight: weight });
                    } else {
                        slot.ledger.pass(record.offset);
                    }
                }
                Event::End { next, .. } => slot.ledger.pass(next - 1),
                // The member has told the log; the partition waits where it is.
                Event::Failed { .. } => {}
            }
        }
    }

    /// For how many more records of a partition there is room. One of which nothing is held always has some, whatever the
    /// others have, so that none starves.
    pub fn room(&self, partition: &Partition) -> usize {
        let room = self.slots.get(partition).map_or(0, |slot| slot.ledger.room());
        if self.budget.has_room() || room == self.delivery.terms.window { room } else { 0 }
    }

    /// Nothing more of these is handed out.
    pub fn revoke(&mut self, partitions: &[Partition]) {
        self.each(partitions, |slot| slot.ledger.revoke());
        self.moves += 1;
    }

    /// Whether nothing of these is in flight.
    pub fn is_drained(&self, partitions: &[Partition]) -> bool {
        partitions.iter().filter_map(|partition| self.slots.get(partition)).all(|slot| slot.ledger.drained())
    }

    /// These are gone.
    pub fn forget(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(slot) = self.slots.remove(partition) {
                self.past.insert(partition.clone(), slot.ledger.prefix());
            }
        }
        self.moves += 1;
    }

    /// What may be committed and is not known to be.
    pub fn committable(&self) -> Vec<Position> {
        let due = |((topic, partition), slot): (&Partition, &Slot)| {
            let next = slot.ledger.to_commit()?;
            Some(Position { topic: topic.clone(), partition: *partition, next })
        };
        self.slots.iter().filter_map(due).collect()
    }

    /// Kafka has committed these.
    pub fn commit(&mut self, positions: &[Position]) {
        for at in positions {
            self.each(&[(at.topic.clone(), at.partition)], |slot| slot.ledger.commit(at.next));
        }
    }

    /// Whether Kafka has committed a record's offset under the assignment it was handed out under; `None` where that has
    /// ended without it.
    pub fn is_committed(&self, address: &Address) -> Option<bool> {
        let slot = self.slots.get(&address.partition)?;
        (slot.ledger.assignment() == address.assignment).then(|| slot.ledger.committed() > address.offset)
    }

    /// Where logs ended when last heard of.
    pub fn hear_ends(&mut self, ends: &[Position]) {
        for at in ends {
            self.each(&[(at.topic.clone(), at.partition)], |slot| slot.end = Some(at.next));
        }
    }

    /// Whether a record is under a lease.
    pub fn is_in_flight(&self) -> bool {
        self.slots.values().any(|slot| slot.ledger.in_flight() > 0)
    }

    /// Ends the leases that are over; how many.
    pub fn expire(&mut self, now: Instant) -> usize {
        self.slots.values_mut().map(|slot| slot.ledger.expire(now)).sum()
    }

    /// When something changes by the clock alone.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.slots.values().filter_map(|slot| slot.ledger.due(now)).min()
    }

    /// The records that are given up and that nobody is taking away yet; from now on the caller is.
    pub fn take_dead(&mut self) -> Vec<Dead> {
        let mut dead = Vec::new();
        for slot in self.slots.values_mut() {
            let assignment = slot.ledger.assignment();
            while let Some(spent) = slot.ledger.take_spent() {
                let (record, nacked) = (spent.record.record.clone(), spent.end == End::Nacked);
                dead.push(Dead { record, assignment, attempts: spent.attempts, nacked });
            }
        }
        dead
    }

    /// A record that was given up is taken away, or is to be tried again.
    pub fn bury(&mut self, partition: &Partition, assignment: u64, offset: i64, done: bool) {
        let slot = self.slots.get_mut(partition).filter(|slot| slot.ledger.assignment() == assignment);
        match slot {
            Some(slot) if done => slot.ledger.drop_spent(offset),
            Some(slot) => slot.ledger.keep_spent(offset),
            None => {}
        }
    }

    fn each(&mut self, partitions: &[Partition], act: impl Fn(&mut Slot)) {
        for partition in partitions {
            if let Some(slot) = self.slots.get_mut(partition) {
                act(slot);
            }
        }
    }
}

/// What a record keeps its order among. Without a key there is no order among keys.
fn lane(ordering: Ordering, record: &Record) -> Lane {
    match (ordering, &record.key) {
        (Ordering::Partition, _) => Lane::Partition,
        (Ordering::Key, Some(key)) => {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            Lane::Key(hasher.finish())
        }
        (Ordering::Key, None) | (Ordering::None, _) => Lane::Free,
    }
}

#[cfg(test)]
mod tests;
