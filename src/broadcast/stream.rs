//! A stream in motion: carries what the tapes and the log hold to a viewer, keeps a quiet connection alive, and finds its
//! place anew when the logs moved away under it or its topics changed.
//!
//! Who may end it, and what the client then sees: the client itself (dropping the stream ends what it reads); shutdown and
//! its age (`drain`); its own slowness, if it asked for that (`drain`); the end it was asked for (`end`); and a fault that
//! no retry can mend (told as [`Item::Fault`]). Kafka being away ends nothing: the stream waits.

use super::admission::Admitted;
use super::block::{Block, Passed};
use super::follower::{Follower, Step as Read};
use super::opening::Opening;
use super::viewer::{Terms, Viewer};
use super::{Error, Manner, Reading, Shared, now};
use crate::record::{Cursor, Loss, Record};
use crate::telemetry::{End, Tally};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

mod due;
mod places;
mod waits;

use due::{Clock, Due, What};
use places::follow;
use waits::{Drained, Question, Step};

/// How long to wait before asking again for a place to go on from, when Kafka is away.
const REOPEN_WAIT: Duration = Duration::from_secs(1);

/// How often a stream tells how long a record took to it.
const TIME: Duration = Duration::from_secs(1);

/// A part of a stream.
#[derive(Debug)]
pub enum Item {
    /// Whole frames.
    Frames(Bytes),
    /// It cannot go on; nothing follows.
    Fault(Error),
}

/// An open stream. Dropping it ends what it reads.
pub struct Stream {
    shared: Arc<Shared>,
    reading: Reading,
    viewer: Viewer,
    start: Cursor,
    loss: Option<Loss>,
    /// What is to be written before anything is read.
    head: BytesMut,
    /// Frames that are shared with other viewers, to be written after the head.
    shared_frames: Option<Bytes>,
    /// `None` while no place is found to read from.
    follower: Option<Follower>,
    /// What was asked for. The answer may take its time, so the wait stands in the way of nothing else.
    question: Option<Question>,
    /// Whether a ring has left it behind, and it has not come back since.
    overrun: bool,
    due: Due,
    clock: Clock,
    drained: Drained,
    over: Over,
    /// When it was told last how long a record took.
    timed: Instant,
    tally: Arc<Tally>,
    _admitted: Admitted,
}

enum Over {
    No,
    Failed(Error),
    Yes,
}

impl Stream {
    /// A stream that begins at `opening`.
    ///
    /// # Errors
    /// [`Error::Full`] when the log is to be read and every reader is in use.
    pub(super) async fn open(
        shared: Arc<Shared>,
        reading: Reading,
        manner: Manner,
        (opening, admitted): (Opening, Admitted),
    ) -> Result<Self, Error> {
        let max_age = manner.max_age.map(|age| age.mul_f64(rand::rng().random_range(0.8..1.0)));
        let due = Due::new(manner.heartbeat, shared.checkpoint, max_age);
        let mut head = BytesMut::new();
        // Lets the head of the response leave before anything is known.
        manner.format.write_preamble(&mut head);
        let mut viewer = Viewer::new(manner, reading.filter.clone(), reading.until, &opening, now());
        viewer.open(&opening, Terms { max_age, retry: retry() }, &mut head);
        let mut follower = follow(&shared, &reading, &viewer, &opening.places);
        if !viewer.track().finished() {
            let watch = reading.watch(viewer.manner().flush);
            shared.place(&mut follower, viewer.track_mut(), (reading.partitions.as_ref(), watch)).await?;
        }
        shared.metrics.streams.open.inc();
        shared.metrics.streams.opened.inc();
        shared.count(&opening.gaps);
        let mut stream = Self {
            start: opening.cursor(),
            loss: opening.loss,
            drained: Drained::new(&shared.drain),
            clock: Clock::at(due.next()),
            shared,
            reading,
            viewer,
            head,
            shared_frames: None,
            follower: Some(follower),
            question: None,
            overrun: false,
            due,
            over: Over::No,
            timed: Instant::now(),
            tally: Arc::default(),
            _admitted: admitted,
        };
        stream.begin();
        Ok(stream)
    }

    /// The cursor the stream really began at.
    pub fn start(&self) -> &Cursor {
        &self.start
    }

    /// What becomes of it, also when it is gone.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// What was lost before the stream began.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// The next part, as soon as there is one; `None` when the stream has ended. Always ends between two frames.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            let frames = if self.head.is_empty() {
                self.shared_frames.take()
            } else {
                Some(self.head.split().freeze())
            };
            if let Some(frames) = frames {
                self.due.spoke();
                self.shared.metrics.streams.bytes.inc_by(frames.len() as u64);
                return Poll::Ready(Some(Item::Frames(frames)));
            }
            match std::mem::replace(&mut self.over, Over::Yes) {
                Over::Yes => return Poll::Ready(None),
                Over::Failed(error) => return Poll::Ready(Some(Item::Fault(error))),
                Over::No => self.over = Over::No,
            }
            match self.step(cx) {
                Poll::Ready(step) => {
                    let reads = matches!(step, Step::Read(_));
                    self.go(step);
                    if reads && self.head.is_empty() && self.shared_frames.is_none() {
                        // Nothing of it was for this client: others have their turn before more is looked at.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn go(&mut self, step: Step) {
        match step {
            Step::Drain => self.due.drain(self.shared.drain.moment()),
            Step::Due => self.fall_due(),
            Step::Read(Read::Block(t, block)) => self.take(t, &block),
            Step::Read(Read::Seek) => self.seek(),
            Step::Read(Read::Overrun(t)) => self.overrun(t),
            Step::Read(Read::Failed(error)) => self.mend(&error),
            Step::Opened(opened) => {
                self.question = None;
                self.go_on(opened);
            }
            Step::Seen(seen) => {
                self.question = None;
                match seen {
                    Ok(seen) if self.viewer.track().differs(&seen) => self.leave(Duration::ZERO),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%error, "a stream cannot look at its topics"),
                }
            }
        }
    }

    fn fall_due(&mut self) {
        match self.due.take() {
            None => {}
            Some(What::Silence) => self.viewer.heartbeat(&mut self.head),
            Some(What::Checkpoint) => self.viewer.checkpoint(&mut self.head),
            Some(What::Moved) if self.viewer.untold() => self.viewer.checkpoint(&mut self.head),
            Some(What::Moved) => {}
            Some(What::Look) if self.lags() => self.drain(End::Slow),
            Some(What::Look) => self.look(),
            Some(What::Until) => self.leave(Duration::ZERO),
            Some(What::Reopen) => self.question = Some(Question::Opening(self.place())),
            Some(What::Lifetime) => self.drain(End::Lifetime),
            Some(What::Drain) => self.drain(End::Shutdown),
        }
    }

    /// Ends, and asks the client to come back.
    fn drain(&mut self, end: End) {
        self.viewer.drain(end.as_str(), retry(), &mut self.head);
        self.tally.ends(end);
        self.over = Over::Yes;
    }

    /// Ends with what no waiting mends.
    fn fail(&mut self, error: Error) {
        self.tally.ends(End::Fault);
        self.over = Over::Failed(error);
    }

    /// Writes what passed in a topic as frames.
    fn take(&mut self, t: usize, block: &Block) {
        let partitions = self.reading.partitions.as_ref();
        let (taken, frames) = self.viewer.block(t, block, partitions, &mut self.head);
        self.viewer.flush(&mut self.head);
        self.shared_frames = frames;
        self.count(taken);
        self.time(block);
        self.overrun &= self.follower.as_ref().is_some_and(Follower::is_behind);
        if self.viewer.untold() {
            self.due.moved();
        }
        if self.viewer.track().finished() {
            return self.end();
        }
        self.check_room();
    }

    fn count(&mut self, records: usize) {
        self.shared.metrics.streams.filtered.inc_by(self.viewer.passed_over());
        if records > 0 {
            self.shared.metrics.streams.records.inc_by(records as u64);
            self.tally.records_given(records as u64);
        }
    }

    /// Tells now and then how long ago what is given was stamped, while it is given as it comes.
    fn time(&mut self, block: &Block) {
        let now = Instant::now();
        let lives =
            self.viewer.track().caught_up() && !self.follower.as_ref().is_some_and(Follower::is_behind);
        if lives
            && now >= self.timed + TIME
            && let Some(Passed::Record(Record { timestamp: Some(stamp), .. })) = block.passed().last()
        {
            self.timed = now;
            let age = u64::try_from(super::now().saturating_sub(*stamp)).unwrap_or_default();
            self.shared.metrics.streams.delay(Duration::from_millis(age));
        }
    }

    fn end(&mut self) {
        self.viewer.end(&mut self.head);
        self.tally.ends(End::Until);
        self.over = Over::Yes;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let end = self.tally.ends(End::Client);
        self.shared.metrics.streams.ended(end.as_str());
    }
}

/// Jittered, so that clients cut off together do not come back together.
fn retry() -> Duration {
    Duration::from_millis(rand::rng().random_range(2000..3000))
}
