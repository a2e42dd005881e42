//! What was answered to one question, how old it is, and whose turn it is to ask again.
//!
//! A good answer and the last failure are kept side by side, because an outage does not make what was known untrue:
//! whoever can live with an old answer may have it, and whoever needs the truth hears of the failure.

use crate::kafka::error::{Error, Remedy};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure is answered from memory.
const FAILURE_AGE: Duration = Duration::from_secs(1);

/// The memory of one question.
pub struct Memory<T> {
    /// Lets one caller ask while the others wait for the answer.
    pub turn: tokio::sync::Mutex<()>,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    /// The last good answer, and when its question was put.
    good: Option<(Instant, T)>,
    /// The last failure, if nothing good came after it, and until when it is answered.
    failed: Option<(Instant, Error)>,
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    called: Instant,
    max_age: Duration,
}

impl Bound {
    /// At most this old now; nothing but what is asked from now on when that is zero.
    pub fn now(max_age: Duration) -> Self {
        Self { called: Instant::now(), max_age }
    }

    fn allows(self, asked: Instant) -> bool {
        asked >= self.called || self.called - asked < self.max_age
    }
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::default(), known: Mutex::new(Known { good: None, failed: None }) }
    }
}

impl<T: Clone> Memory<T> {
    /// What can be answered without asking: a good answer within the bound, else a failure of a moment ago.
    pub fn answer(&self, bound: Bound) -> Option<Result<T, Error>> {
        let known = self.lock();
        if let Some((asked, good)) = &known.good
            && bound.allows(*asked)
        {
            return Some(Ok(good.clone()));
        }
        let failed = known.failed.as_ref().filter(|(until, _)| Instant::now() < *until);
        failed.map(|(_, error)| Err(error.clone()))
    }

    /// An answer at most `max_age` old: from memory, or what `ask` gives. Callers that ask at the same time share one
    /// question.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn ask(
        &self,
        max_age: Duration,
        ask: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bound = Bound::now(max_age);
        if let Some(answer) = self.answer(bound) {
            return answer;
        }
        let _turn = self.turn.lock().await;
        if let Some(answer) = self.answer(bound) {
            return answer;
        }
        let asked = Instant::now();
        let answer = ask().await;
        self.remember(asked, &answer);
        answer
    }

    /// The last good answer, however old.
    pub fn stale(&self) -> Option<T> {
        self.lock().good.as_ref().map(|(_, good)| good.clone())
    }

    /// Whether the last good answer is at most `age` old.
    pub fn knew(&self, age: Duration) -> bool {
        self.lock().good.as_ref().is_some_and(|(asked, _)| asked.elapsed() < age)
    }

    /// Remembers the answer to a question put at `asked`.
    pub fn remember(&self, asked: Instant, answer: &Result<T, Error>) {
        let mut known = self.lock();
        match answer {
            Ok(good) => *known = Known { good: Some((asked, good.clone())), failed: None },
            Err(error) => {
                // What was known outlives an outage, but not the news that it is so no more.
                if error.remedy() != Remedy::Retry {
                    known.good = None;
                }
                known.failed = Some((Instant::now() + FAILURE_AGE, error.clone()));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::error::Written;

    const HOUR: Duration = Duration::from_secs(3600);

    fn outage() -> Error {
        Error::Unavailable { reason: String::new(), written: Written::No }
    }

    fn good(memory: &Memory<u8>, bound: Bound) -> Option<u8> {
        memory.answer(bound).and_then(Result::ok)
    }

    #[test]
    fn an_answer_serves_those_whom_it_is_young_enough_for() {
        let (memory, before) = (Memory::default(), Bound::now(Duration::ZERO));
        assert!(memory.answer(before).is_none());
        memory.remember(Instant::now(), &Ok(1));
        assert_eq!(good(&memory, before), Some(1), "asked after that call began");
        std::thread::yield_now();
        let after = Bound { called: Instant::now() + Duration::from_millis(1), max_age: Duration::ZERO };
        assert!(memory.answer(after).is_none(), "asked before that call began");
        assert_eq!(good(&memory, Bound::now(HOUR)), Some(1));
    }

    #[test]
    fn a_failure_is_answered_for_a_moment_and_never_by_what_was_known_before() {
        let memory = Memory::default();
        memory.remember(Instant::now(), &Ok(1));
        memory.remember(Instant::now(), &Err(outage()));
        let later = Bound { called: Instant::now() + HOUR, max_age: Duration::from_secs(1) };
        assert!(matches!(memory.answer(later), Some(Err(Error::Unavailable { .. }))));
        assert_eq!((memory.stale(), good(&memory, Bound::now(HOUR))), (Some(1), Some(1)));
        memory.lock().failed.as_mut().expect("a failure").0 = Instant::now();
        assert!(memory.answer(later).is_none(), "the failure is old, and the answer too");
        memory.remember(Instant::now(), &Ok(2));
        assert!(memory.lock().failed.is_none());
    }

    #[test]
    fn news_that_something_is_gone_replaces_what_was_known() {
        let memory = Memory::default();
        memory.remember(Instant::now(), &Ok(1));
        memory.remember(Instant::now(), &Err(Error::TopicExists));
        assert!(matches!(memory.answer(Bound::now(HOUR)), Some(Err(Error::TopicExists))));
        assert_eq!(memory.stale(), None);
    }
}
