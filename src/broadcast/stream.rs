//! A stream in motion: carries events from a reader to a viewer, keeps a quiet connection alive, and finds its place
//! anew when the logs moved away under it or its topics changed.
//!
//! Who may end it, and what the client then sees: the client itself (dropping the stream ends its reader); shutdown and
//! its age (`drain`); the end it was asked for (`end`); and a fault that no retry can mend
//! (told as [`Item::Fault`]). Kafka being away ends nothing: the stream waits.

use super::opening::Opening;
use super::survey::Standing;
use super::tally::{End, Tally};
use super::track::Sight;
use super::viewer::{Terms, Viewer};
use super::{Error, Manner, REOPEN_PAUSE, Reading, Remedied, Seat, Shared, now, remedy};
use crate::kafka::reader::{Event, Reader};
use crate::record::{Cursor, Loss, Until};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

mod due;

use due::{Due, What};

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

/// An open stream. Dropping it ends its reader.
pub struct Stream {
    shared: Arc<Shared>,
    reading: Reading,
    viewer: Viewer,
    start: Cursor,
    loss: Option<Loss>,
    /// What is to be written before anything is read.
    head: BytesMut,
    /// What was read and not yet taken.
    batch: std::vec::IntoIter<Event>,
    /// `None` while there is nothing to read, or no place is found to read from.
    reader: Option<Reader>,
    /// What Kafka was asked. Its answer may take its time, so the wait stands in the way of nothing else.
    question: Option<Question>,
    due: Due,
    over: Over,
    tally: Arc<Tally>,
}

enum Over {
    No,
    Failed(Error),
    Yes,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

enum Question {
    /// Where to go on.
    Opening(Answer<(Opening, Seat)>),
    /// Whether the topics are still the same.
    Sights(Answer<Vec<Sight>>),
}

enum Step {
    Drain,
    Due,
    Batch,
    Events(Option<Vec<Event>>),
    Opened(Result<(Opening, Seat), Error>),
    Seen(Result<Vec<Sight>, Error>),
}

impl Stream {
    pub(super) fn new(
        shared: Arc<Shared>,
        (reading, manner): (Reading, Manner),
        opening: Opening,
        seat: Seat,
    ) -> Self {
        let max_age = manner.max_age.map(|age| age.mul_f64(rand::rng().random_range(0.8..1.0)));
        let due = Due::new(manner.heartbeat, shared.checkpoint, max_age);
        let mut head = BytesMut::new();
        // Lets the head of the response leave before anything is known.
        manner.format.write_preamble(&mut head);
        let mut viewer = Viewer::new(manner, reading.until, &opening, now());
        viewer.open(&opening, Terms { max_age, retry: retry() }, &mut head);
        shared.metrics.streams.open.inc();
        shared.metrics.streams.opened.inc();
        shared.count(&opening.gaps);
        let mut stream = Self {
            start: opening.cursor(),
            loss: opening.loss,
            shared,
            reading,
            viewer,
            head,
            batch: Vec::new().into_iter(),
            reader: None,
            question: None,
            due,
            over: Over::No,
            tally: Arc::default(),
        };
        stream.read(seat);
        stream
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
        let drain = self.shared.drain.clone();
        loop {
            if !self.head.is_empty() {
                self.due.spoke();
                self.shared.metrics.streams.bytes.inc_by(self.head.len() as u64);
                return Some(Item::Frames(self.head.split().freeze()));
            }
            match std::mem::replace(&mut self.over, Over::Yes) {
                Over::Yes => return None,
                Over::Failed(error) => return Some(Item::Fault(error)),
                Over::No => self.over = Over::No,
            }
            let due = self.due.next();
            let step = tokio::select! {
                biased;
                () = drain.begun(), if !self.due.drains() => Step::Drain,
                // Before what was read: a long backlog must not keep what is due from happening.
                () = tokio::time::sleep_until(due) => Step::Due,
                step = answer(&mut self.question) => step,
                () = std::future::ready(()), if self.batch.len() > 0 => Step::Batch,
                events = events(&mut self.reader) => Step::Events(events),
            };
            self.go(step);
        }
    }

    fn go(&mut self, step: Step) {
        match step {
            Step::Drain => self.due.drain(self.shared.drain.moment()),
            Step::Due => self.fall_due(),
            Step::Batch => self.take(),
            Step::Events(Some(events)) => {
                self.batch = events.into_iter();
                self.take();
            }
            // The reader could not start, and said why.
            Step::Events(None) => self.leave(REOPEN_WAIT),
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
            Some(What::Look) => self.look(),
            Some(What::Until) => self.leave(Duration::ZERO),
            Some(What::Reopen) => self.question = Some(Question::Opening(self.open())),
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

    /// Writes what a reader saw, and what else it has ready, as frames.
    fn take(&mut self) {
        loop {
            while let Some(event) = self.batch.next() {
                match event {
                    Event::Record(record) => {
                        if self.viewer.record(record, &mut self.head) {
                            self.shared.metrics.streams.records.inc();
                            self.tally.record();
                        }
                    }
                    Event::End { topic, partition, next } => {
                        self.viewer.reached_end(&topic, partition, next, &mut self.head);
                    }
                    Event::Failed { topic, partition, error } => {
                        tracing::info!(%topic, partition, %error, "cannot read on");
                        match remedy(&error) {
                            Remedied::AtOnce => self.leave(REOPEN_PAUSE),
                            Remedied::Later => self.leave(REOPEN_WAIT),
                            Remedied::Never => self.fail(error.into()),
                        }
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
            match self.reader.as_mut().and_then(Reader::try_next) {
                Some(events) => self.batch = events.into_iter(),
                None => break,
            }
        }
        self.viewer.flush(&mut self.head);
        if self.viewer.untold() {
            self.due.moved();
        }
    }

    /// Leaves the place it reads from, to look for it anew.
    fn leave(&mut self, pause: Duration) {
        self.shared.metrics.streams.reopened.inc();
        self.reader = None;
        self.batch = Vec::new().into_iter();
        self.question = None;
        self.due.reopen(pause);
    }

    /// Reads on from where the viewer stands.
    fn read(&mut self, seat: Seat) {
        if self.viewer.track().finished() {
            return self.end();
        }
        if let Some(Until::Time(end)) = self.reading.until {
            self.due.until(end.saturating_sub(now()));
        }
        let positions = self.viewer.track().reads();
        if positions.is_empty() {
            return;
        }
        match self.shared.start(self.reading.isolation, positions, seat) {
            Ok(reader) => self.reader = Some(reader),
            Err(_) => self.leave(REOPEN_WAIT),
        }
    }

    fn end(&mut self) {
        self.viewer.end(&mut self.head);
        self.tally.ends(End::Until);
        self.over = Over::Yes;
    }

    /// Finds where to go on, as if the client had come back with its cursor.
    fn open(&self) -> Answer<(Opening, Seat)> {
        let (shared, reading) = (self.shared.clone(), self.reading.clone());
        let standing = Standing::from(self.viewer.track());
        Box::pin(async move {
            let opening = shared.opening(&reading, Some(&standing)).await?;
            Ok((opening, shared.seat().await?))
        })
    }

    /// Asks whether the topics are still the same, unless something was asked already.
    fn look(&mut self) {
        if self.question.is_some() || self.due.reopens() {
            return;
        }
        let (shared, reading) = (self.shared.clone(), self.reading.clone());
        let known: Vec<_> = self.viewer.track().topics().cloned().collect();
        self.question =
            Some(Question::Sights(Box::pin(async move { shared.sights(&reading, &known).await })));
    }

    /// Goes on from what was found, looks again later, or ends with what no waiting mends.
    fn go_on(&mut self, opened: Result<(Opening, Seat), Error>) {
        match opened {
            Ok((opening, seat)) => {
                let gaps = self.viewer.reopen(&opening, now(), &mut self.head);
                self.shared.count(&gaps);
                self.read(seat);
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

/// What the reader saw; never, while there is none.
async fn events(reader: &mut Option<Reader>) -> Option<Vec<Event>> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

/// What Kafka answered; never, while nothing was asked.
async fn answer(question: &mut Option<Question>) -> Step {
    match question {
        Some(Question::Opening(opened)) => Step::Opened(opened.await),
        Some(Question::Sights(seen)) => Step::Seen(seen.await),
        None => std::future::pending().await,
    }
}

/// Jittered, so that clients cut off together do not come back together.
fn retry() -> Duration {
    Duration::from_millis(rand::rng().random_range(2000..3000))
}
