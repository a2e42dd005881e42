//! Who takes part in a group: sessions, each with a number, and with what a named one was handed last.
//!
//! A stream is a session, and so is a poll without a name: over with its answer, but what it was handed is held by its number
//! until it is acknowledged or its lease ends. A named one lasts over many polls. Pure: the time is given with each call.

use super::ledger::Holder;
use crate::kafka::member::Partition;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How long a session that does not wait for records still counts as one that works: it is busy with what it was handed, or
/// about to come again.
pub const WORKING: Duration = Duration::from_secs(2);

/// A record that a session was handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its partition.
    pub partition: Partition,
    /// The assignment that it was handed out under.
    pub assignment: u64,
    /// Its offset.
    pub offset: i64,
    /// To whom.
    pub holder: Holder,
}

/// The sessions of one member.
#[derive(Debug, Default)]
pub struct Sessions {
    present: BTreeMap<u64, Presence>,
    named: HashMap<String, Named>,
}

/// Whether a session works.
#[derive(Debug)]
struct Presence {
    /// Requests under way.
    requests: usize,
    /// Whether one of them waits for records.
    waits: bool,
    /// When it last did.
    seen: Instant,
}

/// A session that lasts over many polls.
#[derive(Debug)]
struct Named {
    number: u64,
    sequence: u64,
    /// The client's number of its last poll that was handed something, and what that was.
    last: Option<(u64, Vec<Address>)>,
}

impl Sessions {
    /// A request begins, and waits for records; returns its session's number. `fresh` is the number of a new one.
    pub fn attach(&mut self, name: Option<&str>, fresh: u64, now: Instant) -> u64 {
        let new = || Named { number: fresh, sequence: 0, last: None };
        let number = name.map_or(fresh, |name| self.named.entry(name.to_owned()).or_insert_with(new).number);
        let presence = self.present.entry(number).or_insert(Presence { requests: 0, waits: true, seen: now });
        presence.requests += 1;
        self.waits(number, now);
        number
    }

    /// A request is over; its session goes with it unless it `returns`.
    pub fn detach(&mut self, number: u64, returns: bool, now: Instant) {
        let Some(presence) = self.present.get_mut(&number) else { return };
        presence.requests = presence.requests.saturating_sub(1);
        if presence.requests == 0 {
            (presence.waits, presence.seen) = (false, now);
            if !returns {
                self.present.remove(&number);
            }
        }
    }

    /// The session is over, whatever request of it is still under way: it is carried on under another number.
    pub fn end(&mut self, number: u64) {
        self.present.remove(&number);
    }

    /// Whether the session is not over.
    pub fn is_present(&self, number: u64) -> bool {
        self.present.contains_key(&number)
    }

    /// The session waits for records.
    pub fn waits(&mut self, number: u64, now: Instant) {
        if let Some(presence) = self.present.get_mut(&number) {
            (presence.waits, presence.seen) = (true, now);
        }
    }

    /// The session is busy with what it was handed, and waits no more until it says so.
    pub fn is_busy(&mut self, number: u64, now: Instant) {
        if let Some(presence) = self.present.get_mut(&number) {
            (presence.waits, presence.seen) = (false, now);
        }
    }

    /// Requests under way.
    pub fn requests(&self) -> usize {
        self.present.values().map(|presence| presence.requests).sum()
    }

    /// How many sessions the work is to be spread over: those that wait now, and those that did a moment ago.
    pub fn workers(&self, now: Instant) -> usize {
        let works =
            |presence: &&Presence| presence.waits || now.saturating_duration_since(presence.seen) < WORKING;
        self.present.values().filter(works).count()
    }

    /// The number that a session's next record gets is one above this.
    pub fn sequence(&self, name: Option<&str>) -> u64 {
        name.and_then(|name| self.named.get(name)).map_or(0, |named| named.sequence)
    }

    /// What this poll of a named session was handed before, if it was.
    pub fn before(&self, name: &str, seq: u64) -> Option<&[Address]> {
        let (last, batch) = self.named.get(name)?.last.as_ref()?;
        (*last == seq).then_some(batch)
    }

    /// Remembers what a poll of a named session was handed, up to which sequence.
    pub fn remember(&mut self, name: &str, seq: u64, sequence: u64, batch: Vec<Address>) {
        if let Some(named) = self.named.get_mut(name) {
            named.sequence = sequence;
            named.last = Some((seq, batch));
        }
    }

    /// Forgets sessions without a request for `patience`.
    pub fn forget(&mut self, patience: Duration, now: Instant) {
        let recent = |presence: &Presence| now.saturating_duration_since(presence.seen) < patience;
        self.present.retain(|_, presence| presence.requests > 0 || recent(presence));
        let present = &self.present;
        self.named.retain(|_, named| present.contains_key(&named.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_session_keeps_its_number_and_its_last_batch_and_others_are_new_each_time() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        assert_eq!(sessions.attach(Some("a"), 7, now), 7);
        assert_eq!(sessions.attach(None, 8, now), 8);
        assert_eq!((sessions.requests(), sessions.workers(now)), (2, 2));
        sessions.detach(7, true, now);
        sessions.detach(8, false, now);
        assert_eq!((sessions.requests(), sessions.workers(now)), (0, 1), "it polled a moment ago");
        assert_eq!(sessions.workers(now + WORKING), 0);
        assert_eq!(sessions.attach(Some("a"), 9, now), 7);
        sessions.remember("a", 3, 5, Vec::new());
        assert_eq!((sessions.sequence(Some("a")), sessions.sequence(None)), (5, 0));
        assert!(sessions.before("a", 3).is_some() && sessions.before("a", 4).is_none());
        let later = now + Duration::from_secs(60);
        sessions.forget(Duration::from_secs(30), later);
        assert!(sessions.before("a", 3).is_some(), "it polls");
        sessions.detach(7, true, now);
        sessions.forget(Duration::from_secs(30), later);
        assert!(sessions.before("a", 3).is_none());
    }

    #[test]
    fn a_session_that_takes_nothing_more_leaves_its_share_to_the_others() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        for number in [1, 2] {
            sessions.attach(None, number, now);
        }
        sessions.is_busy(1, now);
        assert_eq!((sessions.workers(now), sessions.workers(now + WORKING)), (2, 1));
        sessions.waits(1, now + WORKING);
        assert_eq!(sessions.workers(now + 2 * WORKING), 2);
        sessions.end(1);
        sessions.detach(1, true, now);
        assert_eq!((sessions.requests(), sessions.workers(now), sessions.is_present(1)), (1, 1, false));
    }
}
