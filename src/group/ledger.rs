//! Who holds which record of one assigned partition, and what may be committed of it.
//!
//! Records are taken from Kafka in order, handed out under a lease in order, and acknowledged in any order. What Kafka is
//! told is the contiguous prefix: the lowest offset still held, or where the taking stands if none is. A record that was
//! acknowledged is simply no longer held, so nothing is kept of it, whatever came before it.
//!
//! What keeps order is a [`Lane`]: the records of one are handed to one session at a time. A partition is one lane, or has one
//! for each key, or none.
//!
//! Pure: the time is given with each call, nothing waits, nothing is sent. A ledger lives as long as one assignment of its
//! partition; the next assignment has a ledger with another number, so that what was handed out under the old one is told apart.

mod row;
mod spent;
mod words;

use row::Row;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};
pub use words::{End, Handed, Holder, Lane, Outcome, Spent, Terms};

/// The bookkeeping of one assignment of one partition.
#[derive(Debug)]
pub struct Ledger<T> {
    assignment: u64,
    terms: Terms,
    /// The offset after the last one taken or passed over.
    position: i64,
    /// What Kafka is known to have: at first the start.
    committed: i64,
    revoked: bool,
    held: Row<Held<T>>,
    /// From here on nothing was handed out yet: all that is held waits.
    fresh: i64,
    /// Offsets of those before it that wait to be handed out.
    waiting: BTreeSet<i64>,
    /// How many of those in `held` are under a lease.
    leased: usize,
    /// The session that holds records of a lane under a lease, and how many.
    lanes: HashMap<Lane, (u64, usize)>,
    /// How many each session holds under a lease.
    sessions: HashMap<u64, usize>,
}

#[derive(Debug)]
struct Held<T> {
    record: T,
    lane: Lane,
    attempts: u32,
    /// Whom it was handed to last.
    holder: Option<Holder>,
    stand: Stand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// To be handed out, not before the time if there is one.
    Waiting(Option<Instant>),
    /// Handed out at a time; its lease ends at another, or with its session.
    Leased { since: Instant, until: Option<Instant> },
    /// Given up, for somebody to take it away.
    Spent(End),
    /// Somebody is taking it away.
    Leaving(End),
}

impl<T> Ledger<T> {
    /// The ledger of an assignment whose records begin at `start`, which is where the group stands.
    pub fn new(assignment: u64, start: i64, terms: Terms) -> Self {
        Self {
            assignment,
            terms,
            position: start,
            committed: start,
            revoked: false,
            held: Row::new(),
            fresh: start,
            waiting: BTreeSet::new(),
            leased: 0,
            lanes: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// The number of the assignment, which tokens carry.
    pub fn assignment(&self) -> u64 {
        self.assignment
    }

    /// How many records it has room for; where it is none, Kafka is asked for no more.
    pub fn room(&self) -> usize {
        if self.revoked { 0 } else { self.terms.window.saturating_sub(self.held.len()) }
    }

    /// How many records are under a lease.
    pub fn in_flight(&self) -> usize {
        self.leased
    }

    /// How long the lease that began first has been running, of those that run.
    pub fn oldest_lease(&self, now: Instant) -> Option<Duration> {
        let since = |held: &Held<T>| match held.stand {
            Stand::Leased { since, .. } => Some(now.saturating_duration_since(since)),
            _ => None,
        };
        self.held.iter().filter_map(|(_, held)| since(held)).max()
    }

    /// Whose session holds records of a lane under a lease, if any does.
    pub fn leased_to(&self, lane: Lane) -> Option<u64> {
        self.lanes.get(&lane).map(|(session, _)| *session)
    }

    /// How many records a session holds under a lease.
    pub fn leased_by(&self, session: u64) -> usize {
        self.sessions.get(&session).copied().unwrap_or(0)
    }

    /// A record that `holder` was handed and still holds, with its attempt and the end of its lease, if that has one.
    pub fn held_by(&self, offset: i64, holder: Holder) -> Option<(Handed<'_, T>, Option<Instant>)> {
        let held = self.held.get(offset).filter(|held| held.holder == Some(holder))?;
        let Stand::Leased { until, .. } = held.stand else { return None };
        Some((Handed { attempt: held.attempts, record: &held.record }, until))
    }

    /// How often the record at the prefix was handed out, and to whom last; 0 if none is held.
    pub fn attempts(&self) -> (u32, Option<Holder>) {
        self.held.first().map_or((0, None), |(_, held)| (held.attempts, held.holder))
    }

    /// Takes a record from Kafka. One below the position was taken before, and is left alone.
    pub fn take(&mut self, offset: i64, lane: Lane, record: T) {
        if offset >= self.position {
            let stand = Stand::Waiting(None);
            self.held.push(offset, Held { record, lane, attempts: 0, holder: None, stand });
            self.position = offset + 1;
        }
    }

    /// Passes over everything up to and with `offset`: it is filtered out, or nothing is there. It counts as acknowledged.
    pub fn pass(&mut self, offset: i64) {
        self.position = self.position.max(offset + 1);
    }

    /// The offsets of up to `most` records that `session` may be handed now, in their order.
    ///
    /// The order of each lane is kept: a record that is to be handed out again goes before those behind it that were not handed
    /// out yet, and holds them up while it is delayed; while a session holds some, no other is handed any. One that was given up
    /// holds up nobody.
    pub fn ready(&self, session: u64, most: usize, now: Instant) -> Vec<i64> {
        let (mut ready, mut closed) = (Vec::new(), HashSet::new());
        let back = self.waiting.iter().filter_map(|offset| Some((*offset, self.held.get(*offset)?)));
        for (offset, held) in back.chain(self.held.from(self.fresh)) {
            if ready.len() == most || self.revoked {
                break;
            }
            let delayed = matches!(held.stand, Stand::Waiting(Some(since)) if since > now);
            let taken = self.leased_to(held.lane).is_some_and(|holder| holder != session);
            match held.lane {
                Lane::Partition if delayed || taken => break,
                Lane::Key(_) if delayed || taken || closed.contains(&held.lane) => {
                    closed.insert(held.lane);
                }
                Lane::Free if delayed => {}
                _ => ready.push(offset),
            }
        }
        ready
    }

    /// A record that is held.
    pub fn record(&self, offset: i64) -> Option<&T> {
        self.held.get(offset).map(|held| &held.record)
    }

    /// Hands a record that is [ready](Self::ready) to `holder`, under a lease from a time until another, or for as long as its
    /// session lasts.
    pub fn hand_out(
        &mut self,
        offset: i64,
        holder: Holder,
        (since, until): (Instant, Option<Instant>),
    ) -> Option<Handed<'_, T>> {
        if offset >= self.fresh {
            self.held.get(offset)?;
            self.waiting.extend(self.held.from(self.fresh).map(|(at, _)| at).take_while(|at| *at < offset));
            self.fresh = offset + 1;
        } else if !self.waiting.remove(&offset) {
            return None;
        }
        let held = self.held.get_mut(offset)?;
        self.leased += 1;
        *self.sessions.entry(holder.session).or_default() += 1;
        if held.lane != Lane::Free {
            self.lanes.entry(held.lane).or_insert((holder.session, 0)).1 += 1;
        }
        held.attempts = held.attempts.saturating_add(1);
        held.holder = Some(holder);
        held.stand = Stand::Leased { since, until };
        Some(Handed { attempt: held.attempts, record: &held.record })
    }

    /// A session has ended: its leases do at `until`, and those that end sooner then.
    pub fn leave(&mut self, session: u64, until: Instant) {
        let mine = |held: &Held<T>| held.holder.is_some_and(|holder| holder.session == session);
        for (_, held) in self.held.iter_mut().filter(|(_, held)| mine(held)) {
            if let Stand::Leased { until: end, .. } = &mut held.stand {
                *end = Some(end.map_or(until, |end| end.min(until)));
            }
        }
    }

    /// Acknowledges one record, whoever holds it by now and whether or not its lease has ended: it was worked off.
    pub fn ack(&mut self, assignment: u64, offset: i64) -> Outcome {
        let outcome = self.judge(assignment, offset);
        if outcome == Outcome::Done {
            self.settle(offset);
        }
        outcome
    }

    /// Acknowledges what `session` was handed up to and with its `sequence`, and nobody was handed since; returns how
    /// many records that were. There may be none, so it cannot be late; where the assignment is another, nothing is done.
    pub fn ack_up_to(&mut self, assignment: u64, upto: Holder) -> usize {
        if assignment != self.assignment {
            return 0;
        }
        let covered = |holder: Holder| holder.session == upto.session && holder.sequence <= upto.sequence;
        let offsets: Vec<i64> = self
            .held
            .iter()
            .filter(|(_, held)| held.holder.is_some_and(covered))
            .map(|(offset, _)| offset)
            .collect();
        for offset in &offsets {
            self.settle(*offset);
        }
        offsets.len()
    }

    /// Gives a record back, to be handed out again at `again`, or given up if that was its last attempt.
    ///
    /// Only who holds it may: one that comes after the lease has ended is late, and disturbs nobody who holds it since.
    pub fn nack(&mut self, assignment: u64, offset: i64, holder: Holder, again: Instant) -> Outcome {
        let outcome = self.judge(assignment, offset);
        if outcome != Outcome::Done {
            return outcome;
        }
        let Some(held) = self.held.get(offset) else { return Outcome::Late };
        if held.holder != Some(holder) || !matches!(held.stand, Stand::Leased { .. }) {
            return Outcome::Late;
        }
        self.end(offset, End::Nacked, Some(again));
        Outcome::Done
    }

    /// Ends the leases that have run out by `now`, and returns how many those were.
    pub fn expire(&mut self, now: Instant) -> usize {
        let over =
            |held: &Held<T>| matches!(held.stand, Stand::Leased { until: Some(until), .. } if until <= now);
        let offsets: Vec<i64> =
            self.held.iter().filter(|(_, held)| over(held)).map(|(offset, _)| offset).collect();
        for offset in &offsets {
            self.end(*offset, End::Expired, None);
        }
        offsets.len()
    }

    /// When something changes next by the clock alone: a lease ends, or the delay of a record. What waits to be handed out,
    /// with no delay or after it, is due to nobody's clock.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let by_the_clock = |held: &Held<T>| match held.stand {
            Stand::Leased { until, .. } => until,
            Stand::Waiting(since) => since,
            Stand::Spent(_) | Stand::Leaving(_) => None,
        };
        self.held.iter().filter_map(|(_, held)| by_the_clock(held)).filter(|at| *at > now).min()
    }

    /// The partition is being taken away: nothing is taken or handed out any more, acknowledgements still count.
    pub fn revoke(&mut self) {
        self.revoked = true;
    }

    /// Whether it is being taken away.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether nothing more can come of waiting before the partition is let go: it is revoked, no lease runs, and no
    /// record is being taken away.
    pub fn drained(&self) -> bool {
        let leaving = |held: &Held<T>| matches!(held.stand, Stand::Leaving(_));
        self.revoked && self.leased == 0 && !self.held.iter().any(|(_, held)| leaving(held))
    }

    /// The offset that Kafka may be told: everything before it is acknowledged, filtered out or not there.
    pub fn prefix(&self) -> i64 {
        self.held.first().map_or(self.position, |(offset, _)| offset)
    }

    /// The prefix, if Kafka is not known to have it.
    pub fn to_commit(&self) -> Option<i64> {
        Some(self.prefix()).filter(|prefix| *prefix > self.committed)
    }

    /// Kafka is known to have everything before this.
    pub fn committed(&self) -> i64 {
        self.committed
    }

    /// Whether no record is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Kafka has everything before `offset`.
    pub fn commit(&mut self, offset: i64) {
        self.committed = self.committed.max(offset);
    }

    /// `Done` where a record of this assignment is held and was handed out.
    fn judge(&self, assignment: u64, offset: i64) -> Outcome {
        if offset < self.prefix() {
            return Outcome::Late; // whichever assignment it was of
        }
        if assignment != self.assignment || offset >= self.position {
            return Outcome::Fenced;
        }
        match self.held.get(offset) {
            None => Outcome::Late,
            Some(held) if held.attempts == 0 => Outcome::Fenced,
            Some(_) => Outcome::Done,
        }
    }

    fn settle(&mut self, offset: i64) {
        self.waiting.remove(&offset);
        if let Some(held) = self.held.remove(offset)
            && matches!(held.stand, Stand::Leased { .. })
        {
            self.release(held.lane, held.holder);
        }
    }

    /// Ends the attempt of a record that is under a lease.
    fn end(&mut self, offset: i64, end: End, again: Option<Instant>) {
        let Some(held) = self.held.get_mut(offset) else { return };
        if self.terms.max_attempts.is_some_and(|most| held.attempts >= most.get()) {
            held.stand = Stand::Spent(end);
        } else {
            held.stand = Stand::Waiting(again);
            self.waiting.insert(offset);
        }
        let (lane, holder) = (held.lane, held.holder);
        self.release(lane, holder);
    }

    /// A lease of this lane and holder has ended.
    fn release(&mut self, lane: Lane, holder: Option<Holder>) {
        self.leased -= 1;
        if let Entry::Occupied(mut entry) = self.lanes.entry(lane) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
        if let Some(holder) = holder
            && let Entry::Occupied(mut entry) = self.sessions.entry(holder.session)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
