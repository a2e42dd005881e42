//! A stream in motion: carries events from a reader to a viewer, keeps a quiet connection alive, and finds its place
//! anew when the log moved away under it.
//!
//! Who may end it: the client (dropping it ends its reader), shutdown (it ends between two frames), and a fault that
//! no retry can mend (told as [`Item::Fault`], then the end). Kafka being away ends nothing: the stream waits.

use super::opening::Opening;
use super::viewer::Viewer;
use super::{Error, Request, Seat, Shared};
use crate::kafka::Error as KafkaError;
use crate::kafka::error::Remedy;
use crate::kafka::reader::{Event, Position, Reader};
use crate::record::{Cursor, Isolation, Loss};
use crate::wire::sse;
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Frames that are ready at once share a write up to this size.
const WRITE_BYTES: usize = 64 * 1024;

/// How long to wait before asking again for a place to go on from.
const REOPEN_WAIT: Duration = Duration::from_secs(1);

/// The same, when a position was refused and the log can be asked at once.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);

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
    request: Request,
    viewer: Viewer,
    start: Cursor,
    loss: Option<Loss>,
    /// What is to be written before anything is read.
    head: BytesMut,
    state: State,
    /// When silence has lasted too long.
    silence: Instant,
}

enum State {
    /// Reading on.
    Reading(Reader),
    /// Stands at its cursor and looks for a place to go on from, not before this time.
    Lost(Instant),
    /// Looks for it. Kafka may take its time to answer, so the wait must not stand in the way of anything else.
    Opening(Opened),
    /// Tells what no waiting mends.
    Failed(Error),
    /// Nothing follows.
    Ended,
}

/// A place to go on from, when it is found.
type Opened = Pin<Box<dyn Future<Output = Result<(Opening, Seat), Error>> + Send>>;

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, request: Request, opening: Opening, seat: Seat) -> Self {
        let mut viewer = Viewer::new(request.topic.clone(), request.format, &opening);
        // The comment lets the head of the response leave before anything is known.
        let mut head = BytesMut::from(sse::HEARTBEAT);
        viewer.open(&opening, request.heartbeat, retry(), &mut head);
        let state = read(&shared, &request, &opening, seat);
        shared.metrics.streams.inc();
        let silence = Instant::now() + request.heartbeat;
        Self { start: opening.cursor(), loss: opening.loss, shared, request, viewer, head, state, silence }
    }

    /// The cursor the stream really began at.
    pub fn start(&self) -> &Cursor {
        &self.start
    }

    /// What was lost before the stream began.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// The next part, as soon as there is one; `None` when the stream has ended. Always ends between two frames.
    pub async fn next(&mut self) -> Option<Item> {
        let shutdown = self.shared.shutdown.clone();
        loop {
            if !self.head.is_empty() {
                return self.frames();
            }
            let silence = tokio::time::sleep_until(self.silence);
            let step = match &mut self.state {
                State::Ended => return None,
                State::Failed(error) => {
                    let error = error.clone();
                    self.state = State::Ended;
                    return Some(Item::Fault(error));
                }
                State::Reading(reader) => tokio::select! {
                    biased;
                    () = shutdown.cancelled() => Step::End,
                    events = reader.next() => events.map_or(Step::Lost, Step::Events),
                    () = silence => Step::Heartbeat,
                },
                State::Lost(until) => tokio::select! {
                    biased;
                    () = shutdown.cancelled() => Step::End,
                    () = silence => Step::Heartbeat,
                    () = tokio::time::sleep_until(*until) => Step::Open,
                },
                State::Opening(opened) => tokio::select! {
                    biased;
                    () = shutdown.cancelled() => Step::End,
                    opened = opened => Step::Opened(opened),
                    () = silence => Step::Heartbeat,
                },
            };
            match step {
                Step::End => self.state = State::Ended,
                Step::Heartbeat => self.head.extend_from_slice(sse::HEARTBEAT),
                Step::Events(events) => self.take(events),
                Step::Lost => self.state = State::Lost(Instant::now() + REOPEN_WAIT),
                Step::Open => self.state = State::Opening(self.open()),
                Step::Opened(opened) => self.go_on(opened),
            }
        }
    }

    fn frames(&mut self) -> Option<Item> {
        self.silence = Instant::now() + self.request.heartbeat;
        Some(Item::Frames(self.head.split().freeze()))
    }

    /// Writes what a reader saw, and what else it has ready, as frames.
    fn take(&mut self, events: Vec<Event>) {
        let mut batch = Some(events);
        while let Some(events) = batch.take() {
            for event in events {
                match event {
                    Event::Record(record) => {
                        if self.viewer.record(&record, &mut self.head) {
                            self.shared.metrics.streamed.inc();
                        }
                    }
                    Event::End { partition, .. } => self.viewer.reached_end(partition, &mut self.head),
                    Event::Failed { partition, error, .. } => {
                        tracing::info!(topic = %self.request.topic, partition, %error, "cannot read on");
                        self.state = after(error);
                        return;
                    }
                }
            }
            if self.head.len() < WRITE_BYTES
                && let State::Reading(reader) = &mut self.state
            {
                batch = reader.try_next();
            }
        }
    }

    /// Finds where to go on, as if the client had come back with its cursor.
    fn open(&self) -> Opened {
        let (shared, cursor) = (self.shared.clone(), self.viewer.cursor().clone());
        let (topic, from) = (self.request.topic.clone(), self.request.from.clone());
        Box::pin(async move {
            let opening = shared.opening(&topic, &from, Some(&cursor)).await?;
            Ok((opening, shared.seat().await?))
        })
    }

    /// Goes on from what was found, looks again later, or ends with what no waiting mends.
    fn go_on(&mut self, opened: Result<(Opening, Seat), Error>) {
        self.state = match opened {
            Ok((opening, seat)) => {
                self.viewer.reopen(&opening, &mut self.head);
                read(&self.shared, &self.request, &opening, seat)
            }
            Err(error) if error.is_final() => State::Failed(error),
            Err(error) => {
                tracing::debug!(topic = %self.request.topic, %error, "a stream waits");
                State::Lost(Instant::now() + REOPEN_WAIT)
            }
        };
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.metrics.streams.dec();
    }
}

enum Step {
    End,
    Heartbeat,
    Events(Vec<Event>),
    Lost,
    Open,
    Opened(Result<(Opening, Seat), Error>),
}

fn read(shared: &Shared, request: &Request, opening: &Opening, seat: Seat) -> State {
    let at = |(partition, next)| Position { topic: request.topic.clone(), partition, next };
    let positions = opening.reads().into_iter().map(at);
    match Reader::start(&shared.settings, Isolation::Committed, positions.collect(), seat) {
        Ok(reader) => State::Reading(reader),
        Err(error) => {
            tracing::warn!(%error, "no thread for a reader");
            State::Lost(Instant::now() + REOPEN_WAIT)
        }
    }
}

/// What becomes of a stream whose reader met `error`.
fn after(error: KafkaError) -> State {
    match error {
        // Judged against the log as it is now, these become a gap, or the fault they are.
        KafkaError::OffsetOutOfRange
        | KafkaError::TopicNotFound(_)
        | KafkaError::PartitionOutOfRange { .. } => State::Lost(Instant::now() + REOPEN_PAUSE),
        // A place would be found, and be refused again without end: who may describe a topic may not always read it.
        error if error.remedy() == Remedy::Caller => State::Failed(error.into()),
        _ => State::Lost(Instant::now() + REOPEN_WAIT),
    }
}

/// Jittered, so that clients cut off together do not come back together.
fn retry() -> Duration {
    Duration::from_millis(rand::rng().random_range(2000..3000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::error::Written;
    use crate::record::TopicName;

    #[test]
    fn only_what_another_place_may_mend_is_looked_for_again() {
        let topic = TopicName::parse("t").expect("a legal name");
        let unavailable = KafkaError::Unavailable { reason: String::new(), written: Written::No };
        for error in [
            KafkaError::OffsetOutOfRange,
            KafkaError::TopicNotFound(topic.clone()),
            KafkaError::PartitionOutOfRange { topic, partitions: 1 },
            unavailable,
            KafkaError::Misconfigured(String::new()),
        ] {
            assert!(matches!(after(error.clone()), State::Lost(_)), "{error}");
        }
        for error in [KafkaError::Forbidden(String::new()), KafkaError::Refused(String::new())] {
            assert!(matches!(after(error.clone()), State::Failed(_)), "{error}");
        }
    }
}
