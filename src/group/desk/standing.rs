//! How a member stands: its lag, what is in flight, and which partitions stand still.

use super::{Desk, Slot};
use crate::group::sessions::Address;
use crate::kafka::member::Partition;
use std::time::{Duration, Instant};

/// What a partition's prefix must not stand still for longer than, while records are held.
pub(super) const STALLED: Duration = Duration::from_secs(300);

/// How often a record at the prefix may be handed out before its partition counts as stalled.
pub(super) const STALLED_ATTEMPTS: u32 = 10;

/// How a member stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its partitions, but for those that it is giving up.
    pub partitions: usize,
    /// Records between what is acknowledged and the ends of the logs.
    pub lag: u64,
    /// Records under a lease.
    pub in_flight: usize,
    /// How long the oldest lease runs.
    pub oldest_lease: Option<Duration>,
    /// Partitions whose prefix does not move.
    pub stalled: Vec<Stalled>,
    /// Requests under way.
    pub requests: usize,
}

/// A partition whose prefix does not move, however often or long its first record is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// The partition.
    pub partition: Partition,
    /// The offset of the record at the prefix.
    pub offset: i64,
    /// How often that was handed out.
    pub attempts: u32,
    /// How long it has been the prefix, as far as was looked.
    pub stuck: Duration,
    /// What acknowledges it; none if it was never handed out.
    pub id: Option<String>,
}

impl Desk {
    /// How it stands.
    pub fn standing(&mut self, now: Instant) -> Standing {
        let mut standing = Standing { requests: self.sessions.requests(), ..Standing::default() };
        for slot in self.slots.values_mut() {
            standing.partitions += usize::from(!slot.ledger.is_revoked());
            let prefix = slot.ledger.prefix();
            if prefix != slot.prefix.0 || slot.ledger.is_empty() {
                slot.prefix = (prefix, now);
            }
            let behind = slot.end.map_or(0, |end| end - prefix);
            standing.lag += u64::try_from(behind).unwrap_or(0);
            standing.in_flight += slot.ledger.in_flight();
            standing.oldest_lease = standing.oldest_lease.max(slot.ledger.oldest_lease(now));
        }
        standing.stalled = self.stalled(now);
        standing
    }

    /// The partitions whose prefix has not moved since [`standing`](Self::standing) found it where it is.
    pub fn stalled(&self, now: Instant) -> Vec<Stalled> {
        self.slots.iter().filter_map(|(partition, slot)| self.stall(partition, slot, now)).collect()
    }

    fn stall(&self, partition: &Partition, slot: &Slot, now: Instant) -> Option<Stalled> {
        let (assignment, offset) = (slot.ledger.assignment(), slot.ledger.prefix());
        let stands = slot.prefix.0 == offset && !slot.ledger.is_empty();
        let stuck = if stands { now.saturating_duration_since(slot.prefix.1) } else { Duration::ZERO };
        let (attempts, holder) = slot.ledger.attempts();
        if stuck < STALLED && attempts < STALLED_ATTEMPTS {
            return None;
        }
        let partition = partition.clone();
        let id = holder.map(|holder| {
            let partition = partition.clone();
            self.ids.write(&Address { partition, assignment, offset, holder })
        });
        Some(Stalled { partition, offset, attempts, stuck, id })
    }
}
