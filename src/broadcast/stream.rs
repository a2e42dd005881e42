//! A stream in motion: carries what the tapes and the log hold to a viewer, keeps a quiet connection alive, and finds its
//! place anew when the logs moved away under it or its topics changed.
//!
//! Who may end it, and what the client then sees: the client itself (dropping the stream ends what it reads); shutdown and
//! its age (`drain`); its own slowness, if it asked for that (`drain`); the end it was asked for (`end`); and a fault that
//! no retry can mend (told as [`Item::Fault`]). Kafka being away ends nothing: the stream waits.

use super::admission::Admitted;
use super::follower::{Follower, Step as Read};
use super::opening::{Opening, Place};
use super::survey::Standing;
use super::tally::{End, Tally};
use super::track::Sight;
use super::viewer::{Terms, Viewer};
use super::{Drain, Error, Manner, REOPEN_PAUSE, Reading, Remedied, Seat, Shared, now, remedy};
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::Event;
use crate::record::{Cursor, Loss, Until};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio_util::sync::WaitForCancellationFutureOwned;

mod due;

use due::{Clock, Due, What};

/// Frames that are ready at once share a write up to this size.
const WRITE_BYTES: usize = 64 * 1024;

/// How long to wait before asking again for a place to go on from, when Kafka is away.
const REOPEN_WAIT: Duration = Duration::from_secs(1);

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
    /// Events of the log that were not yet taken.
    batch: std::vec::IntoIter<Event>,
    /// `None` while no place is found to read from.
    follower: Option<Follower>,
    /// What was asked for. The answer may take its time, so the wait stands in the way of nothing else.
    question: Option<Question>,
    due: Due,
    clock: Clock,
    drained: Drained,
    over: Over,
    tally: Arc<Tally>,
    _admitted: Admitted,
}

/// Tells once that the gateway is about to end. All streams wait for the same, so it is asked only when it is news to
/// whom the answer goes.
struct Drained {
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
    asked_for: Option<Waker>,
}

impl Drained {
    fn poll(&mut self, drain: &Drain, cx: &mut Context<'_>) -> Poll<()> {
        if drain.has_begun() {
            return Poll::Ready(());
        }
        if self.asked_for.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.asked_for = Some(cx.waker().clone());
        self.begun.as_mut().poll(cx)
    }
}

enum Over {
    No,
    Failed(Error),
    Yes,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

enum Question {
    /// Where to go on.
    Opening(Answer<Opening>),
    /// Whether the topics are still the same.
    Sights(Answer<Vec<Sight>>),
    /// A place among the readers of the log.
    Seat(Answer<Seat>),
}

enum Step {
    Drain,
    Due,
    Batch,
    Read(Read),
    Opened(Result<Opening, Error>),
    Seen(Result<Vec<Sight>, Error>),
    Seated(Result<Seat, Error>),
}

impl Stream {
    /// A stream that begins at `opening`.
    ///
    /// # Errors
    /// [`Error::Full`] when the log is to be read and no reader is free.
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
        let positions = follower.behind(viewer.track());
        if !positions.is_empty() && !viewer.track().finished() {
            follower.read(shared.reader(reading.isolation, positions).await?);
        }
        shared.metrics.streams.open.inc();
        shared.metrics.streams.opened.inc();
        shared.count(&opening.gaps);
        let mut stream = Self {
            start: opening.cursor(),
            loss: opening.loss,
            drained: Drained { begun: Box::pin(shared.drain.begun()), asked_for: None },
            clock: Clock::at(due.next()),
            shared,
            reading,
            viewer,
            head,
            shared_frames: None,
            batch: Vec::new().into_iter(),
            follower: Some(follower),
            question: None,
            due,
            over: Over::No,
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
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for who polls.
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
                    let reads = matches!(step, Step::Batch | Step::Read(_));
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

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if !self.due.drains() && self.drained.poll(&self.shared.drain, cx).is_ready() {
            return Poll::Ready(Step::Drain);
        }
        // Before what was read: a long backlog must not keep what is due from happening.
        if self.clock.poll(&self.due, cx).is_ready() {
            return Poll::Ready(Step::Due);
        }
        if let Some(question) = &mut self.question
            && let Poll::Ready(step) = question.poll(cx)
        {
            return Poll::Ready(step);
        }
        if self.batch.len() > 0 {
            return Poll::Ready(Step::Batch);
        }
        match &mut self.follower {
            Some(follower) => follower.poll(self.viewer.track(), cx).map(Step::Read),
            None => Poll::Pending,
        }
    }

    fn go(&mut self, step: Step) {
        match step {
            Step::Drain => self.due.drain(self.shared.drain.moment()),
            Step::Due => self.fall_due(),
            Step::Batch => self.take(),
            Step::Read(Read::Block(t, block)) => {
                let partitions = self.reading.partitions.as_ref();
                let (taken, frames) = self.viewer.block(t, &block, partitions, &mut self.head);
                self.viewer.flush(&mut self.head);
                self.shared_frames = frames;
                self.count(taken);
                if self.viewer.untold() {
                    self.due.moved();
                }
                if self.viewer.track().finished() {
                    return self.end();
                }
                self.check_room();
            }
            Step::Read(Read::Read(events)) => {
                self.batch = events.into_iter();
                self.take();
            }
            Step::Read(Read::Overrun(t)) => self.overrun(t),
            Step::Read(Read::Failed(error)) => self.mend(&error),
            // The reader could not start, and said why.
            Step::Read(Read::Stopped) => self.leave(REOPEN_WAIT),
            Step::Opened(opened) => {
                self.question = None;
                self.go_on(opened);
            }
            Step::Seated(seat) => {
                self.question = None;
                match seat {
                    Ok(seat) => self.read_log(seat),
                    Err(_) => self.leave(REOPEN_WAIT),
                }
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

    /// Writes what was read of the log as frames, as much as goes into a write.
    fn take(&mut self) {
        while let Some(event) = self.batch.next() {
            match event {
                Event::Record(record) => {
                    let taken = self.viewer.record(&record, &mut self.head);
                    self.count(usize::from(taken));
                }
                Event::End { topic, partition, next } => {
                    self.viewer.reached_end(&topic, partition, next, &mut self.head);
                }
                Event::Failed { topic, partition, error } => {
                    tracing::info!(%topic, partition, %error, "cannot read on");
                    self.mend(&error);
                    return self.viewer.flush(&mut self.head);
                }
            }
            if self.viewer.track().finished() {
                return self.end();
            }
            if self.head.len() >= WRITE_BYTES {
                return self.viewer.flush(&mut self.head);
            }
        }
        self.viewer.flush(&mut self.head);
        if let Some(follower) = &mut self.follower {
            follower.settle(self.viewer.track());
        }
        if self.viewer.untold() {
            self.due.moved();
        }
    }

    fn count(&self, records: usize) {
        if records > 0 {
            self.shared.metrics.streams.records.inc_by(records as u64);
            self.tally.records_given(records as u64);
        }
    }

    /// What becomes of what cannot be read on.
    fn mend(&mut self, error: &KafkaError) {
        match remedy(error) {
            Remedied::AtOnce => self.leave(REOPEN_PAUSE),
            Remedied::Later => self.leave(REOPEN_WAIT),
            Remedied::Never => self.fail(error.clone().into()),
        }
    }

    /// Goes back to the log, from exactly where it stands.
    fn overrun(&mut self, t: usize) {
        tracing::debug!(topic = t, "a slow stream goes back to the log");
        self.seek_log();
    }

    /// Leaves the place it reads from, to look for it anew.
    fn leave(&mut self, pause: Duration) {
        self.shared.metrics.streams.reopened.inc();
        self.follower = None;
        self.batch = Vec::new().into_iter();
        self.question = None;
        self.due.reopen(pause);
    }

    /// Begins to read from where the viewer stands.
    fn begin(&mut self) {
        if self.viewer.track().finished() {
            return self.end();
        }
        if let Some(Until::Time(end)) = self.reading.until {
            self.due.until(end.saturating_sub(now()));
        }
    }

    /// Looks for a reader of the log, if there is anything to be read there.
    fn seek_log(&mut self) {
        let Some(follower) = &self.follower else { return };
        if !follower.behind(self.viewer.track()).is_empty() {
            let shared = self.shared.clone();
            self.question = Some(Question::Seat(Box::pin(async move { shared.seat().await })));
        }
    }

    fn read_log(&mut self, seat: Seat) {
        let Some(follower) = &mut self.follower else { return };
        let positions = follower.behind(self.viewer.track());
        if positions.is_empty() {
            return;
        }
        match self.shared.start(self.reading.isolation, positions, seat) {
            Ok(history) => follower.read(history),
            Err(_) => self.leave(REOPEN_WAIT),
        }
    }

    /// An id that is refused when it comes back would end an EventSource for ever.
    fn check_room(&mut self) {
        if self.viewer.track().cursor().room() > self.shared.max_cursor_bytes {
            self.fail(Error::TooWide(self.shared.max_cursor_bytes));
        }
    }

    fn end(&mut self) {
        self.viewer.end(&mut self.head);
        self.tally.ends(End::Until);
        self.over = Over::Yes;
    }

    /// Finds where to go on, as if the client had come back with its cursor.
    fn place(&self) -> Answer<Opening> {
        let (shared, reading) = (self.shared.clone(), self.reading.clone());
        let standing = Standing::from(self.viewer.track());
        Box::pin(async move { shared.opening(&reading, Some(&standing)).await })
    }

    /// Asks whether the topics are still the same, unless something was asked already, or whoever reads them for all tells.
    fn look(&mut self) {
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
    fn go_on(&mut self, opened: Result<Opening, Error>) {
        match opened {
            Ok(opening) => {
                let gaps = self.viewer.reopen(&opening, now(), &mut self.head);
                self.shared.count(&gaps);
                self.follower = Some(follow(&self.shared, &self.reading, &self.viewer, &opening.places));
                self.begin();
                self.seek_log();
            }
            Err(error) if error.is_final() => self.fail(error),
            Err(error) => {
                tracing::debug!(%error, "a stream waits");
                self.leave(REOPEN_WAIT);
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let end = self.tally.ends(End::Client);
        self.shared.metrics.streams.ended(end.as_str());
    }
}

impl Question {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self {
            Self::Opening(opened) => opened.as_mut().poll(cx).map(Step::Opened),
            Self::Sights(seen) => seen.as_mut().poll(cx).map(Step::Seen),
            Self::Seat(seat) => seat.as_mut().poll(cx).map(Step::Seated),
        }
    }
}

/// Takes places at the tapes. What ends where the logs end now needs none: it reads the log alone.
fn follow(shared: &Shared, reading: &Reading, viewer: &Viewer, places: &[Place]) -> Follower {
    if viewer.track().ends_by_number() {
        return Follower::default();
    }
    Follower::attach(&shared.live, reading.watch(viewer.manner().flush), (places, viewer.track()))
}

/// Jittered, so that clients cut off together do not come back together.
fn retry() -> Duration {
    Duration::from_millis(rand::rng().random_range(2000..3000))
}
