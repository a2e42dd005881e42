//! How a stream finds its place, at its opening and whenever it has lost it.

use super::waits::{Answer, Question};
use super::{REOPEN_WAIT, Stream};
use crate::broadcast::follower::Follower;
use crate::broadcast::opening::{Opening, Place};
use crate::broadcast::survey::Standing;
use crate::broadcast::viewer::Viewer;
use crate::broadcast::{Error, OnSlow, REOPEN_PAUSE, Reading, Remedied, Shared, now, remedy};
use crate::kafka::Error as KafkaError;
use crate::record::Until;
use crate::telemetry::End;
use std::time::Duration;

/// Takes places at the tapes. What ends where the logs end now needs none: it reads the log alone.
pub fn follow(shared: &Shared, reading: &Reading, viewer: &Viewer, places: &[Place]) -> Follower {
    let watch = reading.watch(viewer.manner().flush);
    let attach = |place: &Place, bell: &_| {
        (!viewer.track().ends_by_number()).then(|| shared.live.attach(watch, place, bell))
    };
    Follower::new((places, viewer.track()), attach, std::time::Instant::now())
}

impl Stream {
    /// What becomes of what cannot be read on.
    pub(super) fn mend(&mut self, error: &KafkaError) {
        match remedy(error) {
            Remedied::AtOnce => self.leave(REOPEN_PAUSE),
            Remedied::Later => self.leave(REOPEN_WAIT),
            Remedied::Never => self.fail(error.clone().into()),
        }
    }

    /// A ring has left it behind: it goes back to the log, from exactly where it stands, unless it was asked not to.
    pub(super) fn overrun(&mut self, t: usize) {
        self.shared.metrics.streams.overrun.inc();
        match self.viewer.manner().on_slow {
            OnSlow::Replay => self.overrun = true,
            OnSlow::Close => self.drain(End::Slow),
            OnSlow::Skip => {
                let Some(follower) = &mut self.follower else { return };
                if let Some(to) = follower.skip(t) {
                    let gaps = self.viewer.skip(t, &to, self.reading.partitions.as_ref(), &mut self.head);
                    self.shared.count(&gaps);
                }
            }
        }
    }

    /// Tells how far behind it is; whether it was left behind, and is by now further behind than a stream may be.
    pub(super) fn lags(&self) -> bool {
        let Some(follower) = &self.follower else { return false };
        let (bytes, age) = follower.lag(self.viewer.track());
        self.shared.metrics.streams.lag(age);
        let most = self.shared.max_lag;
        self.overrun && (bytes > most.bytes as u64 || age > most.age)
    }

    /// Leaves the place it reads from, to look for it anew.
    pub(super) fn leave(&mut self, pause: Duration) {
        self.shared.metrics.streams.reopened.inc();
        self.overrun = false;
        self.follower = None;
        self.question = None;
        self.due.reopen(pause);
    }

    /// Begins to read from where the viewer stands.
    pub(super) fn begin(&mut self) {
        if self.viewer.track().finished() {
            return self.end();
        }
        if let Some(Until::Time(end)) = self.reading.until {
            self.due.until(end.saturating_sub(now()));
        }
    }

    /// Looks for where the log is read, wherever it is to be read.
    pub(super) fn seek(&mut self) {
        let Some(follower) = &mut self.follower else { return };
        let watch = self.reading.watch(self.viewer.manner().flush);
        self.shared.seek(follower, self.viewer.track_mut(), (self.reading.partitions.as_ref(), watch));
    }

    /// An id that is refused when it comes back would end an EventSource for ever.
    pub(super) fn check_room(&mut self) {
        if self.viewer.track().cursor().room() > self.shared.max_cursor_bytes {
            self.fail(Error::TooWide(self.shared.max_cursor_bytes));
        }
    }

    /// Finds where to go on, as if the client had come back with its cursor.
    pub(super) fn place(&self) -> Answer<Opening> {
        let (shared, reading) = (self.shared.clone(), self.reading.clone());
        let standing = Standing::from(self.viewer.track());
        Box::pin(async move { shared.opening(&reading, Some(&standing)).await })
    }

    /// Asks whether the topics are still the same, unless something was asked already, or whoever reads them for all tells.
    pub(super) fn look(&mut self) {
        let told = self.reading.topics.patterns().is_empty()
            && self.follower.as_ref().is_some_and(|follower| follower.watches(self.viewer.track()));
        if told || self.question.is_some() || self.due.reopens() {
            return;
        }
        let (shared, reading) = (self.shared.clone(), self.reading.clone());
        let known: Vec<_> = self.viewer.track().topics().cloned().collect();
        self.question =
            Some(Question::Sights(Box::pin(async move { shared.sights(&reading, &known).await })));
    }

    /// Goes on from what was found, looks again later, or ends with what no waiting mends.
    pub(super) fn go_on(&mut self, opened: Result<Opening, Error>) {
        match opened {
            Ok(opening) => {
                let gaps = self.viewer.reopen(&opening, now(), &mut self.head);
                self.shared.count(&gaps);
                self.follower = Some(follow(&self.shared, &self.reading, &self.viewer, &opening.places));
                self.begin();
            }
            Err(error) if error.is_final() => self.fail(error),
            Err(error) => {
                tracing::debug!(%error, "a stream waits");
                self.leave(REOPEN_WAIT);
            }
        }
    }
}
