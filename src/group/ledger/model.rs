//! Random histories of a ledger beside a naive model, which keeps everything for ever and looks at all of it each time.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

/// One thing that happens to a ledger. Offsets are told by how far they lie behind the position.
#[derive(Clone, Debug)]
enum Event {
    Take { hole: u8 },
    Pass(u8),
    HandOut { session: u64, open: bool },
    Leave { session: u64, after: u64 },
    Ack { old: bool, back: i64 },
    UpTo { session: u64, less: u64 },
    Nack { back: i64, stale: bool, delay: u64 },
    Wait(u64),
    Spent { dropped: bool },
    Commit,
    Revoke,
    Reassign,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..2_u8).prop_map(|hole| Event::Take { hole }),
        1 => (0..3_u8).prop_map(Event::Pass),
        6 => (0..3_u64, prop::bool::weighted(0.3))
            .prop_map(|(session, open)| Event::HandOut { session, open }),
        1 => (0..3_u64, 0..40_u64).prop_map(|(session, after)| Event::Leave { session, after }),
        5 => (prop::bool::weighted(0.2), -2..12_i64).prop_map(|(old, back)| Event::Ack { old, back }),
        1 => (0..3_u64, 0..4_u64).prop_map(|(session, less)| Event::UpTo { session, less }),
        3 => (-2..12_i64, any::<bool>(), 0..40_u64)
            .prop_map(|(back, stale, delay)| Event::Nack { back, stale, delay }),
        3 => (1..40_u64).prop_map(Event::Wait),
        2 => any::<bool>().prop_map(|dropped| Event::Spent { dropped }),
        2 => Just(Event::Commit),
        1 => Just(Event::Revoke),
        1 => Just(Event::Reassign),
    ]
}

/// What the model knows of an offset that was taken.
#[derive(Clone, Debug, Default)]
struct Fate {
    settled: bool,
    given_up: bool,
    attempts: u32,
    holder: Option<Holder>,
    /// Second at which its lease ends, none if only with its session; none if it is under none.
    lease: Option<Option<u64>>,
    /// Second from which on it may be handed out.
    since: u64,
}

/// The naive model: a fate for each offset of this assignment, and every question answered by looking at all of them.
struct Model {
    terms: Terms,
    /// Of how many keys offsets take turns; one is the whole partition, and with none there is no order.
    keys: i64,
    fates: BTreeMap<i64, Fate>,
    position: i64,
    revoked: bool,
}

impl Model {
    fn open(&self) -> impl Iterator<Item = (i64, &Fate)> {
        self.fates.iter().filter(|(_, fate)| !fate.settled).map(|(offset, fate)| (*offset, fate))
    }

    fn prefix(&self) -> i64 {
        self.open().map(|(offset, _)| offset).min().unwrap_or(self.position)
    }

    fn in_flight(&self) -> usize {
        self.open().filter(|(_, fate)| fate.lease.is_some()).count()
    }

    fn lane(&self, offset: i64) -> Lane {
        match self.keys {
            0 => Lane::Free,
            1 => Lane::Partition,
            keys => Lane::Key((offset % keys).unsigned_abs()),
        }
    }

    /// What a session may be handed: all that waits and is not delayed, and of whose lane nothing in front of it is delayed,
    /// and no other session holds anything.
    fn ready(&self, session: u64, second: u64) -> Vec<i64> {
        let waits = |fate: &Fate| fate.lease.is_none() && !fate.given_up;
        let open: Vec<_> = self.open().map(|(offset, fate)| (offset, fate.clone())).collect();
        let may = |offset: i64, fate: &Fate| {
            let beside = |other: i64| self.keys > 0 && self.lane(other) == self.lane(offset);
            let delayed = |o: i64, f: &Fate| o <= offset && waits(f) && f.since > second;
            let held = |f: &Fate| f.lease.is_some() && f.holder.is_some_and(|h| h.session != session);
            waits(fate)
                && fate.since <= second
                && !open.iter().any(|(o, f)| beside(*o) && (delayed(*o, f) || held(f)))
        };
        let ready = open.iter().filter(|(offset, fate)| !self.revoked && may(*offset, fate));
        ready.map(|(offset, _)| *offset).collect()
    }

    fn outcome(&self, same: bool, offset: i64) -> Outcome {
        match self.fates.get(&offset) {
            _ if offset < self.prefix() => Outcome::Late,
            _ if !same || offset >= self.position => Outcome::Fenced,
            None => Outcome::Late,
            Some(fate) if fate.settled => Outcome::Late,
            Some(fate) if fate.attempts == 0 => Outcome::Fenced,
            Some(_) => Outcome::Done,
        }
    }

    fn end(&mut self, offset: i64, since: u64) {
        let most = self.terms.max_attempts.map_or(u32::MAX, NonZeroU32::get);
        let fate = self.fates.get_mut(&offset).expect("it was taken");
        (fate.lease, fate.since, fate.given_up) = (None, since, fate.attempts >= most);
    }

    fn settle(&mut self, offset: i64) {
        let fate = self.fates.get_mut(&offset).expect("it was taken");
        (fate.settled, fate.lease) = (true, None);
    }
}

/// A ledger and its model, side by side.
struct Pair {
    ledger: Ledger<i64>,
    model: Model,
    epoch: Instant,
    second: u64,
    sequence: u64,
    committed: i64,
}

impl Pair {
    fn new(terms: Terms, keys: i64, start: i64) -> Self {
        let model = Model { terms, keys, fates: BTreeMap::new(), position: start, revoked: false };
        let ledger = Ledger::new(1, start, terms);
        Self { ledger, model, epoch: Instant::now(), second: 0, sequence: 0, committed: start }
    }

    fn at(&self, second: u64) -> Instant {
        self.epoch + Duration::from_secs(second)
    }

    fn play(&mut self, event: &Event) {
        let now = self.at(self.second);
        match *event {
            Event::Take { hole } => self.take(i64::from(hole)),
            Event::Pass(count) => {
                let last = self.model.position + i64::from(count) - 1;
                self.ledger.pass(last);
                self.model.position = last + 1;
            }
            Event::HandOut { session, open } => self.hand_out(session, open, now),
            Event::Leave { session, after } => self.leave(session, self.second + after),
            Event::Ack { old, back } => {
                let offset = self.model.position - back;
                let outcome = self.model.outcome(!old, offset);
                assert_eq!(self.ledger.ack(self.ledger.assignment() - u64::from(old), offset), outcome);
                if outcome == Outcome::Done {
                    self.model.settle(offset);
                }
            }
            Event::UpTo { session, less } => {
                let upto = Holder { session, sequence: self.sequence.saturating_sub(less) };
                let covered = |fate: &Fate| {
                    fate.holder.is_some_and(|h| h.session == session && h.sequence <= upto.sequence)
                };
                let offsets: Vec<i64> =
                    self.model.open().filter(|(_, fate)| covered(fate)).map(|(offset, _)| offset).collect();
                assert_eq!(self.ledger.ack_up_to(self.ledger.assignment(), upto), offsets.len());
                offsets.into_iter().for_each(|offset| self.model.settle(offset));
            }
            Event::Nack { back, stale, delay } => self.nack(self.model.position - back, stale, delay),
            Event::Wait(seconds) => self.pass_time(seconds),
            Event::Spent { dropped } => self.spent(dropped),
            Event::Commit => {
                let prefix = self.model.prefix();
                assert_eq!(self.ledger.to_commit(), Some(prefix).filter(|_| prefix > self.committed));
                self.ledger.commit(prefix);
                self.committed = prefix;
            }
            Event::Revoke => {
                self.ledger.revoke();
                self.model.revoked = true;
            }
            Event::Reassign => {
                let start = self.committed;
                self.ledger = Ledger::new(self.ledger.assignment() + 1, start, self.model.terms);
                let Model { terms, keys, .. } = self.model;
                self.model = Model { terms, keys, fates: BTreeMap::new(), position: start, revoked: false };
            }
        }
    }

    fn take(&mut self, hole: i64) {
        if self.ledger.room() > 0 {
            let offset = self.model.position + hole;
            let lane = self.model.lane(offset);
            self.ledger.take(offset, lane, offset);
            self.ledger.take(offset, lane, offset); // Kafka's client may show a record twice
            self.model.fates.insert(offset, Fate::default());
            self.model.position = offset + 1;
        }
    }

    fn hand_out(&mut self, session: u64, open: bool, now: Instant) {
        self.sequence += 1;
        let (ready, holder) =
            (self.model.ready(session, self.second), Holder { session, sequence: self.sequence });
        assert_eq!(self.ledger.ready(session, usize::MAX, now), ready);
        assert_eq!(self.ledger.ready(session, 1, now), ready[..ready.len().min(1)]);
        let Some(offset) = ready.first().copied() else { return };
        let until = (!open).then(|| self.second + LEASE.as_secs());
        let end = until.map(|second| self.at(second));
        let fate = self.model.fates.get_mut(&offset).expect("it was taken");
        fate.attempts += 1;
        (fate.holder, fate.lease) = (Some(holder), Some(until));
        let handed = self.ledger.hand_out(offset, holder, (now, end));
        assert_eq!(handed, Some(Handed { attempt: fate.attempts, record: &offset }));
        assert_eq!(self.ledger.hand_out(offset, holder, (now, end)), None, "nothing is handed out twice");
    }

    fn leave(&mut self, session: u64, second: u64) {
        self.ledger.leave(session, self.at(second));
        let mine = |fate: &&mut Fate| fate.holder.is_some_and(|holder| holder.session == session);
        for fate in self.model.fates.values_mut().filter(mine) {
            fate.lease = fate.lease.map(|end| Some(end.map_or(second, |end| end.min(second))));
        }
    }

    fn nack(&mut self, offset: i64, stale: bool, delay: u64) {
        let fate = self.model.fates.get(&offset).cloned().unwrap_or_default();
        let held_by = fate.holder.filter(|_| !stale).unwrap_or(Holder { session: 9, sequence: 9 });
        let outcome = match self.model.outcome(true, offset) {
            Outcome::Done if stale || fate.lease.is_none() => Outcome::Late,
            other => other,
        };
        let again = self.second + delay;
        let (assignment, at) = (self.ledger.assignment(), self.at(again));
        assert_eq!(self.ledger.nack(assignment, offset, held_by, at), outcome);
        if outcome == Outcome::Done {
            self.model.end(offset, again);
        }
    }

    fn pass_time(&mut self, seconds: u64) {
        let before = self.second;
        self.second += seconds;
        let over = |fate: &Fate| fate.lease.flatten().is_some_and(|until| until <= self.second);
        let offsets: Vec<i64> =
            self.model.open().filter(|(_, fate)| over(fate)).map(|(offset, _)| offset).collect();
        let due = self.ledger.due(self.at(before));
        let in_time = due.is_some_and(|due| due <= self.at(self.second));
        let new = offsets.iter().any(|offset| self.model.fates[offset].lease > Some(Some(before)));
        assert!(in_time || !new, "a lease ends before it is due");
        assert_eq!(self.ledger.expire(self.at(self.second)), offsets.len());
        offsets.into_iter().for_each(|offset| self.model.end(offset, 0));
    }

    fn spent(&mut self, dropped: bool) {
        let given_up = self.model.open().filter(|(_, fate)| fate.given_up).map(|(offset, _)| offset).min();
        let offset = self.ledger.take_spent().map(|spent| spent.offset);
        assert_eq!(offset, given_up);
        match offset {
            Some(offset) if dropped => {
                self.ledger.drop_spent(offset);
                self.model.settle(offset);
            }
            Some(offset) => self.ledger.keep_spent(offset),
            None => {}
        }
    }

    fn compare(&self) {
        assert_eq!(self.ledger.prefix(), self.model.prefix());
        assert_eq!(self.ledger.in_flight(), self.model.in_flight());
        for session in 0..3 {
            let held = |fate: &Fate| {
                fate.lease.is_some() && fate.holder.is_some_and(|holder| holder.session == session)
            };
            let count = self.model.open().filter(|(_, fate)| held(fate)).count();
            assert_eq!(self.ledger.leased_by(session), count);
        }
        let room = self.model.terms.window - self.model.open().count();
        assert_eq!(self.ledger.room(), if self.model.revoked { 0 } else { room });
        assert_eq!(self.ledger.drained(), self.model.revoked && self.model.in_flight() == 0);
    }

    /// Whatever happened, a patient worker gets every record that is left, and then all of it may be committed.
    fn work_off(&mut self) {
        for session in 0..3 {
            self.leave(session, self.second);
        }
        self.pass_time(1_000);
        while !self.model.ready(7, self.second).is_empty() {
            self.hand_out(7, true, self.at(self.second));
        }
        self.play(&Event::UpTo { session: 7, less: 0 });
        while self.model.open().any(|(_, fate)| fate.given_up) {
            self.spent(true);
        }
        assert!(self.model.revoked || self.ledger.prefix() == self.model.position);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_ledger_does_what_the_naive_model_does(
        window in 1..12_usize, max_attempts in prop::option::of(1..4_u32), keys in 0..4_i64, start in 0..3_i64,
        events in prop::collection::vec(event(), 0..120),
    ) {
        let max_attempts = max_attempts.and_then(NonZeroU32::new);
        let mut pair = Pair::new(Terms { window, lease: LEASE, max_attempts }, keys, start);
        for event in &events {
            pair.play(event);
            pair.compare();
        }
        pair.work_off();
        pair.compare();
    }
}
