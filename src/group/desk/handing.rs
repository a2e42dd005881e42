//! Handing records out at a desk, and taking acknowledgements in.

use super::{Appetite, Desk, Given, Slot};
use crate::group::delivery::AckMode;
use crate::group::ledger::{Holder, Outcome};
use crate::group::sessions::Address;
use crate::group::token::{Token, TokenError};
use crate::group::weight::payload_bytes;
use crate::kafka::member::Partition;
use std::time::{Duration, Instant};

impl Desk {
    /// Hands a session what is ready, in the order of each partition, up to its appetite; its records are numbered from one
    /// above `sequence`. Where a record counts as acknowledged by being handed out it is so at once.
    pub fn hand_out(
        &mut self,
        (session, sequence): (u64, u64),
        appetite: Appetite,
        now: Instant,
    ) -> Vec<Given> {
        let (mut given, mut left) = (Vec::new(), appetite);
        let (count, workers) = (self.slots.len(), self.sessions.workers(now).max(1));
        let mut share = count.div_ceil(workers);
        let mine = |slot: &Slot| slot.ledger.leased_to() == Some(session);
        share = share.saturating_sub(self.slots.values().filter(|slot| mine(slot)).count());
        let (replica, seal) = (self.replica, self.seal.clone());
        let write = |address: &Address| {
            let ((topic, partition), holder) = (address.partition.clone(), address.holder);
            let Holder { session, sequence } = holder;
            let (assignment, offset) = (address.assignment, address.offset);
            seal.write(&Token { replica, assignment, session, sequence, topic, partition, offset })
        };
        let lease = self.delivery.terms.lease;
        for at in 0..count {
            let place = (self.turn + at) % count;
            let Some((partition, slot)) = self.slots.iter_mut().nth(place) else { break };
            let holder = slot.ledger.leased_to();
            if holder.is_some_and(|holder| holder != session) || (holder.is_none() && share == 0) {
                continue;
            }
            let before = given.len();
            while let Some(kept) = slot.ledger.next(now) {
                let bytes = payload_bytes(&kept.record);
                if left.max == 0 || (bytes > left.max_bytes && !given.is_empty()) {
                    break;
                }
                left = Appetite { max: left.max - 1, max_bytes: left.max_bytes.saturating_sub(bytes) };
                let assignment = slot.ledger.assignment();
                let holder = Holder { session, sequence: sequence + 1 + given.len() as u64 };
                let Some(handed) = slot.ledger.hand_out(holder, now) else { break };
                let (offset, attempt, record) = (handed.offset, handed.attempt, handed.record.record.clone());
                let address = Address { partition: partition.clone(), assignment, offset, holder };
                if self.delivery.ack != AckMode::Explicit {
                    slot.ledger.ack(assignment, offset);
                }
                given.push(Given { record, attempt, id: write(&address), address, until: now + lease });
            }
            if given.len() > before && holder.is_none() {
                share -= 1;
            }
            if left.max == 0 {
                break;
            }
        }
        if !given.is_empty() {
            self.turn = (self.turn + 1) % count.max(1);
        }
        given
    }

    /// The same records again that a session was handed and still holds, all of them; `None` if one is acknowledged, given
    /// back or over.
    pub fn hand_again(&self, addresses: &[Address]) -> Option<Vec<Given>> {
        let again = |address: &Address| {
            let slot = self.slots.get(&address.partition)?;
            let same = slot.ledger.assignment() == address.assignment;
            let (handed, until) = slot.ledger.held_by(address.offset, address.holder).filter(|_| same)?;
            let (attempt, record) = (handed.attempt, handed.record.record.clone());
            let (topic, partition) = address.partition.clone();
            let Holder { session, sequence } = address.holder;
            let (replica, assignment, offset) = (self.replica, address.assignment, address.offset);
            let id =
                self.seal.write(&Token { replica, assignment, session, sequence, topic, partition, offset });
            Some(Given { record, attempt, id, address: address.clone(), until })
        };
        addresses.iter().map(again).collect()
    }

    /// Reads an id that this group gave.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(&self, id: &str) -> Result<Token, TokenError> {
        self.seal.read(id)
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
            let upto = Holder { session: token.session, sequence: token.sequence };
            for slot in self.slots.values_mut() {
                slot.ledger.ack_up_to(slot.ledger.assignment(), upto);
            }
        }
        outcome
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
