//! Handing records out at a desk, and taking acknowledgements in.

use super::{AckMode, Appetite, Desk, Given, Ordering, Slot};
use crate::group::ledger::{Holder, Lane, Outcome};
use crate::group::sessions::Address;
use crate::group::token::{Token, TokenError};
use crate::group::weight::payload_bytes;
use crate::kafka::member::Partition;
use std::time::{Duration, Instant};

/// What one session may take while others wait, partition by partition.
struct Share {
    session: u64,
    /// Whether a partition goes to one session at a time.
    whole: bool,
    /// How many partitions it may take besides those that it holds.
    free: usize,
    /// The place of the last one that it holds and may go on with: the same ones each time, so that the others run dry, for
    /// those who have too few.
    last: usize,
    /// Otherwise: how many records of a partition it may hold.
    records: usize,
    /// How many partitions it holds that it is to let run dry.
    beyond: usize,
}

impl Share {
    /// How many records of the partition at this place may be taken; `None` if it is another's.
    fn of(&self, place: usize, slot: &Slot) -> Option<usize> {
        let may = match slot.ledger.leased_to(Lane::Partition) {
            _ if !self.whole => {
                return Some(self.records.saturating_sub(slot.ledger.leased_by(self.session)));
            }
            None => self.free > 0,
            Some(holder) => holder == self.session && place <= self.last,
        };
        may.then_some(usize::MAX)
    }
}

impl Desk {
    /// Hands a session what is ready, in the order of each partition, up to its appetite; its records are numbered from one
    /// above `sequence`. Where a record counts as acknowledged by being handed out it is so at once.
    pub fn hand_out(
        &mut self,
        (session, sequence): (u64, u64),
        appetite: Appetite,
        now: Instant,
    ) -> Vec<Given> {
        let (mut left, count) = (appetite, self.slots.len());
        let mut share = self.share(session, now);
        // A session that lasts holds what it was handed for as long.
        let until = (self.delivery.ack != AckMode::Reconnect).then(|| now + self.delivery.terms.lease);
        let mut taken = Vec::new();
        for at in 0..count {
            let place = (self.turn + at) % count;
            let Some((partition, slot)) = self.slots.iter_mut().nth(place) else { break };
            let Some(most) = share.of(place, slot) else { continue };
            let (before, held) = (taken.len(), slot.ledger.leased_to(Lane::Partition).is_some());
            for offset in slot.ledger.ready(session, most.min(left.max), now) {
                let bytes = slot.ledger.record(offset).map_or(0, |kept| payload_bytes(&kept.record));
                if bytes > left.max_bytes && !taken.is_empty() {
                    left.max = 0;
                    break;
                }
                left = Appetite { max: left.max - 1, max_bytes: left.max_bytes.saturating_sub(bytes) };
                let assignment = slot.ledger.assignment();
                let holder = Holder { session, sequence: sequence + 1 + taken.len() as u64 };
                let Some(handed) = slot.ledger.hand_out(offset, holder, (now, until)) else { break };
                let (attempt, record) = (handed.attempt, handed.record.record.clone());
                if self.delivery.ack.is_at_once() {
                    slot.ledger.ack(assignment, offset);
                }
                let address = Address { partition: partition.clone(), assignment, offset, holder };
                taken.push(Given { record, attempt, address, until });
            }
            share.free = share.free.saturating_sub(usize::from(taken.len() > before && !held));
            if left.max == 0 {
                break;
            }
        }
        if !taken.is_empty() {
            self.turn = (self.turn + 1) % count.max(1);
        }
        taken
    }

    /// What is a session's share, while others wait.
    fn share(&self, session: u64, now: Instant) -> Share {
        let (workers, held) = (self.sessions.workers(now).max(1), self.held_by(session));
        let share = self.slots.len().div_ceil(workers);
        Share {
            session,
            whole: self.delivery.ordering == Ordering::Partition,
            free: share.saturating_sub(held.len()),
            last: held.get(share.saturating_sub(1)).copied().unwrap_or(usize::MAX),
            records: self.delivery.terms.window.div_ceil(workers),
            beyond: held.len().saturating_sub(share),
        }
    }

    /// The places of the partitions that a session holds.
    fn held_by(&self, session: u64) -> Vec<usize> {
        let mine = |slot: &Slot| slot.ledger.leased_to(Lane::Partition) == Some(session);
        self.slots.values().enumerate().filter(|(_, slot)| mine(slot)).map(|(place, _)| place).collect()
    }

    /// Whether a session holds more partitions than are its share.
    pub fn holds_too_much(&self, session: u64, now: Instant) -> bool {
        self.share(session, now).beyond > 0
    }

    /// The same records again that a session was handed and still holds, all of them; `None` if one is acknowledged, given
    /// back or over.
    pub fn hand_again(&self, addresses: &[Address]) -> Option<Vec<Given>> {
        let again = |address: &Address| {
            let slot = self.slots.get(&address.partition)?;
            let same = slot.ledger.assignment() == address.assignment;
            let (handed, until) = slot.ledger.held_by(address.offset, address.holder).filter(|_| same)?;
            let (attempt, record) = (handed.attempt, handed.record.record.clone());
            Some(Given { record, attempt, address: address.clone(), until })
        };
        addresses.iter().map(again).collect()
    }

    /// Reads an id that this group gave.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(&self, id: &str) -> Result<Token, TokenError> {
        self.ids.seal.read(id)
    }

    /// Acknowledges one record.
    pub fn ack(&mut self, token: &Token) -> Outcome {
        let partition = (token.topic.clone(), token.partition);
        match self.slots.get_mut(&partition) {
            Some(slot) => slot.ledger.ack(token.assignment, token.offset),
            None => self.of_the_past(&partition, token.offset),
        }
    }

    /// Acknowledges all that the record's session was handed up to and with it, in all partitions.
    pub fn ack_up_to(&mut self, token: &Token) -> Outcome {
        let outcome = self.ack(token);
        if outcome != Outcome::Fenced {
            self.settle_up_to(token);
        }
        outcome
    }

    fn settle_up_to(&mut self, token: &Token) {
        let upto = Holder { session: token.session, sequence: token.sequence };
        for slot in self.slots.values_mut() {
            slot.ledger.ack_up_to(slot.ledger.assignment(), upto);
        }
    }

    /// Acknowledges what the session of a record was handed up to and with it, and ends the session: it goes on under another
    /// number, and what else it holds may be handed out anew at `again`. The outcome is that of the record itself; those of
    /// other partitions are acknowledged whatever became of its own.
    pub fn resume(&mut self, token: &Token, again: Instant) -> Outcome {
        let outcome = self.ack(token);
        self.settle_up_to(token);
        self.sessions.end(token.session);
        self.leave(token.session, again);
        outcome
    }

    /// A session has ended: what it holds without an end may be handed out anew at `again`.
    pub fn leave(&mut self, session: u64, again: Instant) {
        for slot in self.slots.values_mut() {
            slot.ledger.leave(session, again);
        }
    }

    /// Gives a record back, to be handed out again after `delay`.
    pub fn nack(&mut self, token: &Token, delay: Duration, now: Instant) -> Outcome {
        let partition = (token.topic.clone(), token.partition);
        let holder = Holder { session: token.session, sequence: token.sequence };
        match self.slots.get_mut(&partition) {
            Some(slot) => slot.ledger.nack(token.assignment, token.offset, holder, now + delay),
            None => self.of_the_past(&partition, token.offset),
        }
    }

    fn of_the_past(&self, partition: &Partition, offset: i64) -> Outcome {
        match self.past.get(partition) {
            Some(committed) if offset < *committed => Outcome::Late,
            _ => Outcome::Fenced,
        }
    }
}
