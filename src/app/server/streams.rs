//! The streams of an HTTP/2 connection, each a task of its own that is ended when its client takes nothing of it.
//!
//! A connection may be well while one of its streams stands: behind a proxy the others are other people's. hyper takes a
//! piece of a body and waits with it for room; so a body that was asked for a piece and is not asked for the next one is
//! one whose client does not read. Ending the task resets the stream.

use super::watchlist::{self, Watchlist, Write};
use crate::telemetry::Metrics;
use hyper::rt::Executor;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// The word in metrics for a stream that was not read.
pub const OVERDUE: &str = "stream";

/// Since when a body's piece waits to be taken, if one does. The body and its task share it.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Wait>>);

#[derive(Debug, Default)]
struct Wait {
    since: Option<Instant>,
    /// Whether the pieces are shared with others.
    shares: bool,
    /// Whether it is to wait no longer, and who is to be told.
    cut: bool,
    task: Option<Waker>,
}

impl Waiting {
    /// The body's pieces are shared with others.
    pub fn share(&self) {
        self.wait().shares = true;
    }

    /// A piece was given.
    pub fn begin(&self) {
        self.wait().since = Some(Instant::now());
    }

    /// The next one is asked for.
    pub fn end(&self) {
        let mut wait = self.wait();
        (wait.since, wait.cut) = (None, false);
    }

    fn wait(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Waiting {
    fn stands_since(&self) -> Option<Instant> {
        let wait = self.wait();
        wait.since.filter(|_| wait.shares)
    }

    fn cut(&self) {
        let mut wait = self.wait();
        wait.cut = wait.shares && wait.since.is_some();
        let task = wait.task.clone().filter(|_| wait.cut);
        drop(wait);
        task.inspect(Waker::wake_by_ref);
    }
}

/// Runs the streams of one connection. Clones are the same.
#[derive(Clone)]
pub struct Streams {
    patience: Duration,
    metrics: Arc<Metrics>,
    watchlist: Watchlist,
    /// What the request that was begun last waits by: hyper runs its task right after it has asked for its answer.
    next: Arc<Mutex<Option<Waiting>>>,
}

impl Streams {
    /// Streams whose clients may take nothing for `patience`.
    pub fn new(patience: Duration, metrics: Arc<Metrics>, watchlist: Watchlist) -> Self {
        Self { patience, metrics, watchlist, next: Arc::default() }
    }

    /// Where connections are enlisted, as these streams are.
    pub fn watchlist(&self) -> &Watchlist {
        &self.watchlist
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
        let listed = self.watchlist.enlist(Arc::new(waiting.clone()));
        tokio::spawn(async move {
            let _listed = listed;
            let stream = Box::pin(stream);
            let task = Task { stream, waiting, patience, alarm: None };
            if let Ended::Unread(why) = task.await {
                metrics.http.connection_overdue(why);
            }
        });
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    ByItself,
    Unread(&'static str),
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
        let mut wait = task.waiting.wait();
        let Some(since) = wait.since else { return Poll::Pending };
        if wait.cut {
            return Poll::Ready(Ended::Unread(watchlist::OVERDUE));
        }
        if wait.task.as_ref().is_none_or(|known| !known.will_wake(context.waker())) {
            wait.task = Some(context.waker().clone());
        }
        drop(wait);
        let due = tokio::time::Instant::from_std(since + task.patience);
        let alarm = task.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(context).map(|()| Ended::Unread(OVERDUE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_whose_piece_waits_ends_when_it_is_cut_and_no_other_answer_does() {
        for (waits, shares) in [(true, true), (false, true), (true, false)] {
            let waiting = Waiting::default();
            let (stream, patience) = (Box::pin(std::future::pending::<()>()), Duration::from_secs(3600));
            let task = tokio::spawn(Task { stream, waiting: waiting.clone(), patience, alarm: None });
            waiting.begin();
            if !waits {
                waiting.end();
            }
            if shares {
                waiting.share();
            }
            assert_eq!(waiting.stands_since().is_some(), waits && shares);
            tokio::task::yield_now().await;
            waiting.cut();
            if waits && shares {
                assert_eq!(task.await.expect("it ends"), Ended::Unread("pinned"));
            } else {
                tokio::task::yield_now().await;
                assert!(!task.is_finished());
                task.abort();
            }
        }
    }
}
