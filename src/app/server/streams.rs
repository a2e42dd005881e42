//! The streams of an HTTP/2 connection, each a task of its own that is ended when its client takes nothing of it.
//!
//! A connection may be well while one of its streams stands: behind a proxy the others are other people's. hyper takes a
//! piece of a body and waits with it for room; so a body that was asked for a piece and is not asked for the next one is
//! one whose client does not read. Ending the task resets the stream.

use crate::telemetry::Metrics;
use hyper::rt::Executor;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// The word in metrics for a stream that was not read.
pub const OVERDUE: &str = "stream";

/// Since when a body's piece waits to be taken, if one does. The body and its task share it.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Option<Instant>>>);

impl Waiting {
    /// A piece was given.
    pub fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The next one is asked for.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the streams of one connection. Clones are the same.
#[derive(Clone)]
pub struct Streams {
    patience: Duration,
    metrics: Arc<Metrics>,
    /// What the request that was begun last waits by: hyper runs its task right after it has asked for its answer.
    next: Arc<Mutex<Option<Waiting>>>,
}

impl Streams {
    /// Streams whose clients may take nothing for `patience`.
    pub fn new(patience: Duration, metrics: Arc<Metrics>) -> Self {
        Self { patience, metrics, next: Arc::default() }
    }

    /// Tells what the next task's body waits by.
    pub fn announce(&self, waiting: Waiting) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let waiting = self.next.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let (patience, metrics) = (self.patience, self.metrics.clone());
        tokio::spawn(async move {
            let stream = Box::pin(stream);
            let task = Task { stream, waiting, patience, alarm: None };
            if task.await == Ended::Unread {
                metrics.http.connection_overdue(OVERDUE);
            }
        });
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    ByItself,
    Unread,
}

/// A stream and its clock, which is looked at whenever the stream turns: its body is asked within.
struct Task<F> {
    stream: Pin<Box<F>>,
    waiting: Waiting,
    patience: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let task = &mut *self;
        if task.stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ended::ByItself);
        }
        let Some(since) = task.waiting.since() else { return Poll::Pending };
        let due = tokio::time::Instant::from_std(since + task.patience);
        let alarm = task.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(context).map(|()| Ended::Unread)
    }
}
