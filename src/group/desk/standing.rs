//! How a member stands: its lag, what is in flight, and which partitions stand still.

use super::{Desk, Slot};
use crate::group::ledger::Holder;
use crate::group::sessions::Address;
use crate::kafka::member::Partition;
use std::time::{Duration, Instant};

/// What a partition's prefix must not stand still for longer than, while records are held.
const STALLED: Duration = Duration::from_secs(300);

/// How often a record at the prefix may be handed out before its partition counts as stalled.
const STALLED_ATTEMPTS: u32 = 10;

/// How a member stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its partitions.
    pub partitions: usize,
    /// Records between what is acknowledged and the ends of the logs.
    pub lag: u64,
    /// Records under a lease.
    pub in_flight: usize,
    /// Partitions whose prefix does not move.
    pub stalled: usize,
    /// Requests under way.
    pub requests: usize,
}

/// A partition whose first record is not acknowledged, however often or long it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The partition.
    pub partition: Partition,
    /// The offset of that record.
    pub offset: i64,
    /// How often it was handed out.
    pub attempts: u32,
    /// For how long it has been the first.
    pub age: Duration,
    /// What acknowledges it; none if it was never handed out.
    pub id: Option<String>,
}

impl Desk {
    /// How it stands.
    pub fn standing(&mut self, now: Instant) -> Standing {
        let requests = self.sessions.requests();
        let mut standing = Standing { partitions: self.slots.len(), requests, ..Standing::default() };
        for slot in self.slots.values_mut() {
            let prefix = slot.ledger.prefix();
            if prefix != slot.prefix.0 || slot.ledger.is_empty() {
                slot.prefix = (prefix, now);
            }
            let behind = slot.end.map_or(0, |end| end - prefix);
            standing.lag += u64::try_from(behind).unwrap_or(0);
            standing.in_flight += slot.ledger.in_flight();
            standing.stalled += usize::from(slot.is_stalled(now));
        }
        standing
    }

    /// The partitions that stand still, as they were found when [`Desk::standing`] last looked.
    pub fn stalls(&self, now: Instant) -> Vec<Stall> {
        let stalled = self.slots.iter().filter(|(_, slot)| slot.is_stalled(now));
        let told = stalled.map(|(partition, slot)| {
            let ((attempts, holder), offset) = (slot.ledger.attempts(), slot.ledger.prefix());
            let address = |holder: Holder| Address {
                partition: partition.clone(),
                assignment: slot.ledger.assignment(),
                offset,
                holder,
            };
            let id = holder.map(|holder| self.write(&address(holder)));
            let age = now.saturating_duration_since(slot.prefix.1);
            Stall { partition: partition.clone(), offset, attempts, age, id }
        });
        told.collect()
    }
}

impl Slot {
    fn is_stalled(&self, now: Instant) -> bool {
        let still = !self.ledger.is_empty() && now.saturating_duration_since(self.prefix.1) >= STALLED;
        still || self.ledger.attempts().0 >= STALLED_ATTEMPTS
    }
}
