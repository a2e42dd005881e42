//! What a connection is doing, as far as its time-outs need to know: a pure bookkeeping, told by the socket and the service.
//!
//! Of its own because hyper has one clock for a head and for the silence before it, none before the version of HTTP is
//! known, and none for a client that reads nothing. Requests that are being answered have no time-out here: a stream
//! lives as long as its client reads.

use super::lines::Lines;
use super::watchlist::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How many requests of one connection may be taken back before they are answered: so many at once, and so many more a
/// second. A browser that leaves takes back a handful; an attack (CVE-2023-44487) tens of thousands a second.
const TAKEN_BACK_AT_ONCE: f64 = 500.0;
const TAKEN_BACK_A_SECOND: f64 = 50.0;

/// How long a connection's client may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without taking anything of what is written.
    pub write: Duration,
    /// For everything.
    pub life: Option<Duration>,
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// A head is not whole.
    Head,
    /// No request came.
    Idle,
    /// Nothing that is written is taken.
    Write,
    /// It was let in for a moment only.
    Life,
    /// Too many requests were taken back.
    TakenBack,
    /// Nothing that is written is taken, and too much is held for those of whom that is so.
    Pinned,
}

impl Overdue {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Head, Self::Idle, Self::Write, Self::Life, Self::TakenBack, Self::Pinned];

    /// The word for it in metrics and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "keep_alive",
            Self::Write => "write",
            Self::Life => "turned_away",
            Self::TakenBack => "resets",
            Self::Pinned => watchlist::OVERDUE,
        }
    }
}

/// What a connection is doing. The socket, the service and the answers of one connection share it.
#[derive(Debug)]
pub struct Activity {
    state: Mutex<State>,
    /// What is written, and whether it is taken.
    write: Arc<Write>,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    /// Requests whose answer has not ended.
    in_flight: usize,
    /// HTTP/2, where what is read and written between requests says nothing of them.
    multiplexed: bool,
    /// When there was last something to do.
    idle_since: Instant,
    /// When the head that is not whole yet began.
    head_since: Option<Instant>,
    /// Its lines, and whether one ended in LF alone.
    lines: Lines,
    bare_lf: bool,
    /// How many more requests may be taken back, and when that was reckoned.
    allowance: (f64, Instant),
}

/// A request on its way. It is done with when this is dropped.
#[derive(Debug)]
pub struct InFlight {
    activity: Arc<Activity>,
    bare_lf: bool,
    answered: bool,
}

impl Activity {
    /// A connection that was just accepted.
    pub fn new(now: Instant) -> Self {
        let state = State {
            begun: now,
            in_flight: 0,
            multiplexed: false,
            idle_since: now,
            head_since: None,
            lines: Lines::default(),
            bare_lf: false,
            allowance: (TAKEN_BACK_AT_ONCE, now),
        };
        Self { state: Mutex::new(state), write: Arc::default() }
    }

    /// Bytes came.
    pub fn read(&self, bytes: &[u8], now: Instant) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.multiplexed {
            state.head_since.get_or_insert(now);
            state.bare_lf |= state.lines.take(bytes);
        }
    }

    /// Bytes were taken.
    pub fn wrote(&self, now: Instant) {
        self.write.go_on();
        let mut state = self.state();
        if !state.multiplexed {
            state.idle_since = now;
        }
    }

    /// Bytes are to be written, and none are taken.
    pub fn stalled(&self, now: Instant) {
        self.write.stop(now);
    }

    /// What is written, to be watched.
    pub fn write(&self) -> &Arc<Write> {
        &self.write
    }

    /// A request's head is whole.
    pub fn begin(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.multiplexed = multiplexed;
        state.head_since = None;
        state.lines = Lines::default();
        let bare_lf = std::mem::take(&mut state.bare_lf);
        drop(state);
        // One answer after the other, or many at once, of which one may be a stream.
        if !multiplexed {
            self.write.share(false);
        }
        InFlight { activity: self.clone(), bare_lf, answered: false }
    }

    /// Whether several requests may be under way at once.
    pub fn is_multiplexed(&self) -> bool {
        self.state().multiplexed
    }

    /// Counts the silence from now on.
    pub fn rest(&self, now: Instant) {
        self.state().idle_since = now;
    }

    /// Whether the connection is to end; if not, when to look again at the latest.
    pub fn look(&self, patience: &Patience, now: Instant) -> Result<Instant, Overdue> {
        let state = self.state();
        if state.allowance.0 < 0.0 {
            return Err(Overdue::TakenBack);
        }
        let stands = self.write.stands();
        if stands.is_some_and(|(_, cut)| cut) {
            return Err(Overdue::Pinned);
        }
        let waits = [
            stands.map(|(since, _)| (since + patience.write, Overdue::Write)),
            patience.life.map(|life| (state.begun + life, Overdue::Life)),
            match (state.in_flight, state.head_since) {
                (0, Some(since)) => Some((since + patience.head, Overdue::Head)),
                (0, None) => Some((state.idle_since + patience.idle, Overdue::Idle)),
                _ => None,
            },
        ];
        // The end of an answer may be told by another task, so it is looked for even where nothing is due.
        let mut next = now + patience.idle;
        for (at, why) in waits.into_iter().flatten() {
            if at <= now {
                return Err(why);
            }
            next = next.min(at);
        }
        Ok(next)
    }

    /// Wakes `clock` when it is to be looked at though nothing happened.
    pub fn wakes(&self, clock: &Waker) {
        self.write.wakes(clock);
    }

    fn end(&self, answered: bool, now: Instant) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.idle_since = now;
        if state.multiplexed && !answered {
            let (left, reckoned) = state.allowance;
            let gained = now.duration_since(reckoned).as_secs_f64() * TAKEN_BACK_A_SECOND;
            state.allowance = ((left + gained).min(TAKEN_BACK_AT_ONCE) - 1.0, now);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Whether a line of its head ended in LF alone.
    pub fn has_bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// Its answer's head is there; whether what follows is shared with others.
    pub fn answered(&mut self, shares: bool) {
        self.answered = true;
        if shares {
            self.activity.write.share(true);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.end(self.answered, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        write: Duration::from_secs(30),
        life: None,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_head_has_its_time_from_its_first_byte_however_many_follow() {
        let begun = Instant::now();
        let activity = Arc::new(Activity::new(begun));
        assert_eq!(activity.look(&PATIENCE, begun), Ok(begun + seconds(60)));
        for second in 5..15 {
            activity.read(b"x", begun + seconds(second));
        }
        assert_eq!(activity.look(&PATIENCE, begun + seconds(14)), Ok(begun + seconds(15)));
        assert_eq!(activity.look(&PATIENCE, begun + seconds(15)), Err(Overdue::Head));
    }

    #[test]
    fn silence_is_counted_from_the_last_that_was_done_and_not_while_a_request_is_answered() {
        let begun = Instant::now();
        let activity = Arc::new(Activity::new(begun));
        assert_eq!(activity.look(&PATIENCE, begun + seconds(60)), Err(Overdue::Idle));
        activity.read(b"GET", begun);
        let request = activity.begin(false);
        let later = begun + seconds(1000);
        assert!(activity.look(&PATIENCE, later).is_ok());
        drop(request);
        activity.wrote(later);
        assert_eq!(activity.look(&PATIENCE, later + seconds(59)), Ok(later + seconds(60)));
        assert_eq!(activity.look(&PATIENCE, later + seconds(60)), Err(Overdue::Idle));
    }

    #[test]
    fn who_takes_nothing_is_overdue_and_who_takes_a_little_is_not() {
        let begun = Instant::now();
        let activity = Arc::new(Activity::new(begun));
        let _request = activity.begin(false);
        activity.stalled(begun);
        activity.stalled(begun + seconds(29));
        assert!(activity.look(&PATIENCE, begun + seconds(29)).is_ok());
        assert_eq!(activity.look(&PATIENCE, begun + seconds(30)), Err(Overdue::Write));
        activity.wrote(begun + seconds(30));
        assert!(activity.look(&PATIENCE, begun + seconds(31)).is_ok());
    }

    #[test]
    fn only_who_holds_what_is_shared_is_cut_for_it() {
        let begun = Instant::now();
        let activity = Arc::new(Activity::new(begun));
        let cut_for = |multiplexed, shares| {
            activity.begin(multiplexed).answered(shares);
            activity.stalled(begun);
            activity.write.cut();
            let cut = (activity.write.stands_since(), activity.look(&PATIENCE, begun).err());
            activity.wrote(begun);
            cut
        };
        assert_eq!(cut_for(false, false), (None, None), "an answer of its own");
        assert_eq!(cut_for(false, true), (Some(begun), Some(Overdue::Pinned)));
        assert_eq!(cut_for(false, false), (None, None), "the stream is over");
        assert_eq!(cut_for(true, true), (Some(begun), Some(Overdue::Pinned)));
        assert_eq!(cut_for(true, false), (Some(begun), Some(Overdue::Pinned)), "the stream is beside it");
    }

    #[test]
    fn frames_of_http_2_between_requests_keep_nothing_open() {
        let begun = Instant::now();
        let activity = Arc::new(Activity::new(begun));
        drop(activity.begin(true));
        for second in 0..60 {
            activity.read(b"frame", begun + seconds(second));
            activity.wrote(begun + seconds(second));
        }
        assert_eq!(activity.look(&PATIENCE, begun + seconds(61)), Err(Overdue::Idle));
    }

    #[test]
    fn requests_that_are_taken_back_by_the_hundred_end_the_connection() {
        let activity = Arc::new(Activity::new(Instant::now()));
        for _ in 0..5000 {
            let mut request = activity.begin(true);
            request.answered(false);
        }
        assert!(activity.look(&PATIENCE, Instant::now()).is_ok());
        let mut sent = 0;
        while activity.look(&PATIENCE, Instant::now()).is_ok() {
            drop(activity.begin(true));
            sent += 1;
            assert!(sent < 100_000, "it never ends");
        }
        assert!(sent > 500, "{sent}");
    }
}
