//! Who takes part in a group by polling: sessions, each with a number, and with what a named one was handed last.
//!
//! A poll without a name is a session of its own, over with its answer: what it was handed is held by its number until it is
//! acknowledged or its lease ends. A named one lasts over many polls. Pure: the time is given with each call.

use super::ledger::Holder;
use crate::kafka::member::Partition;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How long after its last poll a named session still counts as one that works.
const WORKING: Duration = Duration::from_secs(1);

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
    named: HashMap<String, Named>,
    /// Polls under way, by the session's number.
    attached: BTreeMap<u64, usize>,
}

/// A session that lasts over many polls.
#[derive(Debug)]
struct Named {
    number: u64,
    sequence: u64,
    /// The client's number of its last poll that was handed something, and what that was.
    last: Option<(u64, Vec<Address>)>,
    seen: Instant,
}

impl Sessions {
    /// A poll begins; returns its session's number. `fresh` is the number of a new one.
    pub fn attach(&mut self, name: Option<&str>, fresh: u64, now: Instant) -> u64 {
        let number = match name {
            None => fresh,
            Some(name) => {
                let new = || Named { number: fresh, sequence: 0, last: None, seen: now };
                let named = self.named.entry(name.to_owned()).or_insert_with(new);
                named.seen = now;
                named.number
            }
        };
        *self.attached.entry(number).or_default() += 1;
        number
    }

    /// A poll is over.
    pub fn detach(&mut self, name: Option<&str>, number: u64, now: Instant) {
        if let Some(count) = self.attached.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                self.attached.remove(&number);
            }
        }
        if let Some(named) = name.and_then(|name| self.named.get_mut(name)) {
            named.seen = now;
        }
    }

    /// Polls under way.
    pub fn polls(&self) -> usize {
        self.attached.values().sum()
    }

    /// How many sessions the work is to be spread over: those that poll now, and named ones that did a moment ago.
    pub fn workers(&self, now: Instant) -> usize {
        let between = |named: &&Named| {
            !self.attached.contains_key(&named.number) && now.saturating_duration_since(named.seen) < WORKING
        };
        self.attached.len() + self.named.values().filter(between).count()
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

    /// Forgets named sessions that have not polled for `patience`.
    pub fn forget(&mut self, patience: Duration, now: Instant) {
        let attached = &self.attached;
        self.named.retain(|_, named| {
            attached.contains_key(&named.number) || now.saturating_duration_since(named.seen) < patience
        });
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
        assert_eq!((sessions.polls(), sessions.workers(now)), (2, 2));
        sessions.detach(Some("a"), 7, now);
        sessions.detach(None, 8, now);
        assert_eq!((sessions.polls(), sessions.workers(now)), (0, 1), "it polled a moment ago");
        assert_eq!(sessions.workers(now + WORKING), 0);
        assert_eq!(sessions.attach(Some("a"), 9, now), 7);
        sessions.remember("a", 3, 5, Vec::new());
        assert_eq!((sessions.sequence(Some("a")), sessions.sequence(None)), (5, 0));
        assert!(sessions.before("a", 3).is_some() && sessions.before("a", 4).is_none());
        let later = now + Duration::from_secs(60);
        sessions.forget(Duration::from_secs(30), later);
        assert!(sessions.before("a", 3).is_some(), "it polls");
        sessions.detach(Some("a"), 7, now);
        sessions.forget(Duration::from_secs(30), later);
        assert!(sessions.before("a", 3).is_none());
    }
}
