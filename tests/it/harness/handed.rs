//! What the workers of a group were handed and acknowledged, judged by what the topic holds and what the group committed.
//!
//! The topic is read by librdkafka's own consumer, and the committed offsets are asked of the brokers; of the gateway only
//! what its clients saw counts. What came in which order is told by a clock that counts events: a reply may have been on its
//! way for long, so what must not be in it is judged by when it was asked for.

use super::kafka::Entry;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long before the gateway was killed an acknowledgement may have been confirmed at most that it forgot: the usual
/// `groups.commit_interval` (500 ms), the lease of a dead client at the prefix, and what a busy machine takes.
const FORGETFUL: Duration = Duration::from_secs(5);

/// A record's partition and offset.
pub type Place = (i64, i64);

/// What all workers of one group saw.
pub struct Handed {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clock: u64,
    /// What was committed at the last reading, by partition.
    floor: Vec<i64>,
    records: BTreeMap<Place, Fate>,
    /// Committed by a reading, and handed out in answer to a request that was sent after it.
    after_commit: Vec<Place>,
    /// The same for those whose acknowledgement was confirmed, committed or not.
    after_ack: usize,
    /// When the gateway was killed.
    kills: Vec<Instant>,
    /// How long before such a moment an acknowledgement was confirmed at most that was forgotten.
    forgotten: Duration,
    /// Committed, though nobody had acknowledged it.
    unasked: Vec<Place>,
}

#[derive(Default)]
struct Fate {
    /// How often it was handed out.
    times: usize,
    /// Acknowledgements that were sent and not refused.
    sent: usize,
    /// When one of them was confirmed, since it was handed out last.
    confirmed: Option<(u64, Instant)>,
}

/// A request, and what was known when it was sent.
pub struct Asking {
    begun: u64,
    floor: Vec<i64>,
}

/// What it came to.
#[derive(Debug)]
pub struct Figures {
    /// Records of the topic.
    pub records: usize,
    /// Hand-outs beyond the first of each record.
    pub repeated: usize,
    /// Repeats of records whose acknowledgement had been confirmed.
    pub repeated_after_ack: usize,
    /// How long before the gateway was killed the oldest of those was confirmed.
    pub forgotten: Duration,
    /// Records that nobody was handed.
    pub lost: usize,
}

impl Handed {
    /// Nothing yet, of a topic of so many partitions.
    pub fn new(partitions: i32) -> Self {
        Self { state: Mutex::new(State { floor: vec![0; partitions as usize], ..State::default() }) }
    }

    /// A request is about to be sent.
    pub fn ask(&self) -> Asking {
        let mut state = self.state();
        state.clock += 1;
        Asking { begun: state.clock, floor: state.floor.clone() }
    }

    /// A record came in answer to a request.
    pub fn take(&self, asking: &Asking, place: Place) {
        let mut state = self.state();
        let fate = state.records.entry(place).or_default();
        fate.times += 1;
        if let Some((_, when)) = fate.confirmed.take_if(|(at, _)| *at < asking.begun) {
            let kill = state.kills.iter().find(|kill| **kill >= when);
            let before = kill.map_or(Duration::ZERO, |kill| kill.saturating_duration_since(when));
            state.forgotten = state.forgotten.max(before);
            state.after_ack += 1;
        }
        if place.1 < asking.floor[place.0 as usize] {
            state.after_commit.push(place);
        }
    }

    /// Acknowledgements of these are about to be sent.
    pub fn send<'a>(&self, places: impl IntoIterator<Item = &'a Place>) {
        let mut state = self.state();
        for place in places {
            state.records.entry(*place).or_default().sent += 1;
        }
    }

    /// They were confirmed.
    pub fn confirm<'a>(&self, places: impl IntoIterator<Item = &'a Place>) {
        let mut state = self.state();
        state.clock += 1;
        let now = (state.clock, Instant::now());
        for place in places {
            state.records.entry(*place).or_default().confirmed.get_or_insert(now);
        }
    }

    /// The gateway is about to be killed.
    pub fn hear_kill(&self) {
        self.state().kills.push(Instant::now());
    }

    /// They acknowledged nothing.
    pub fn refuse<'a>(&self, places: impl IntoIterator<Item = &'a Place>) {
        let mut state = self.state();
        for place in places {
            let fate = state.records.entry(*place).or_default();
            fate.sent = fate.sent.saturating_sub(1);
        }
    }

    /// What the brokers say is committed. It never goes back.
    pub fn hear_committed(&self, committed: &[i64]) {
        let mut state = self.state();
        let state: &mut State = &mut state;
        for ((partition, next), floor) in (0..).zip(committed).zip(&mut state.floor) {
            assert!(next >= floor, "partition {partition}: {floor} was committed, and then {next}");
            let fates = &state.records;
            let sent = |place: &Place| fates.get(place).is_some_and(|fate| fate.sent > 0);
            let fresh = (*floor..*next).map(|offset| (partition, offset));
            state.unasked.extend(fresh.filter(|place| !sent(place)));
            *floor = *next;
        }
    }

    /// What is committed, as far as was heard.
    pub fn committed(&self) -> Vec<i64> {
        self.state().floor.clone()
    }

    /// How many records were handed out so far.
    pub fn count(&self) -> usize {
        self.state().records.len()
    }

    /// At least once: every record was handed out; none was committed before a worker acknowledged it, none handed out again
    /// once it was committed, and what was acknowledged is committed soon. `what` is said of a failure.
    pub fn holds_at_least_once(&self, ledger: &[Entry], what: &str) -> Figures {
        let state = self.state();
        let figures = state.figures(ledger);
        assert_eq!(figures.lost, 0, "{what}: some records were never handed out");
        assert!(state.unasked.is_empty(), "{what}: committed unacknowledged: {:?}", state.unasked);
        assert!(state.after_commit.is_empty(), "{what}: committed, and again: {:?}", state.after_commit);
        assert!(state.forgotten < FORGETFUL, "{what}: {figures}");
        figures
    }

    /// At most once: nobody saw a record that anybody had seen.
    pub fn holds_at_most_once(&self, ledger: &[Entry], what: &str) -> Figures {
        let state = self.state();
        let twice = state.records.iter().filter(|(_, fate)| fate.times > 1);
        let twice: Vec<_> = twice.map(|(place, fate)| (place, fate.times)).collect();
        assert!(twice.is_empty(), "{what}: seen more than once: {twice:?}");
        state.figures(ledger)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn figures(&self, ledger: &[Entry]) -> Figures {
        let handed = |place: &Place| self.records.get(place).is_some_and(|fate| fate.times > 0);
        let places = ledger.iter().map(|entry| (i64::from(entry.partition), entry.offset));
        Figures {
            records: ledger.len(),
            repeated: self.records.values().map(|fate| fate.times.saturating_sub(1)).sum(),
            repeated_after_ack: self.after_ack,
            forgotten: self.forgotten,
            lost: places.filter(|place| !handed(place)).count(),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, repeated, repeated_after_ack, forgotten, lost } = self;
        write!(f, "{records} records, {repeated} repeated, {lost} lost")?;
        match repeated_after_ack {
            0 => Ok(()),
            count => {
                write!(f, "; of the repeated {count} acknowledged at most {forgotten:.0?} before a kill")
            }
        }
    }
}
