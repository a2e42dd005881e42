//! The streams of an HTTP/2 connection, each a task of its own that is ended when its client takes nothing of it.
//!
//! A connection may be well while one of its streams stands: behind a proxy the others are other people's. hyper takes a
//! piece of a body and waits with it for room; so a body that was asked for a piece and is not asked for the next one is
//! one whose client does not read. Ending the task resets the stream.

use super::watchlist::{self, Watchlist, Write};
use crate::telemetry::Metrics;
use hyper::rt::Executor;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// The word in metrics for a stream that was not read.
pub const OVERDUE: &str = "stream";

/// Runs the streams of one connection. Clones are the same.
#[derive(Clone)]
pub struct Streams {
    patience: Duration,
    metrics: Arc<Metrics>,
    watchlist: Watchlist,
    /// The write of the request that was begun last: hyper runs its task right after it has asked for its answer.
    next: Arc<Mutex<Option<Arc<Write>>>>,
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

    /// Tells by what the next task's body says whether its pieces are taken.
    pub fn announce(&self, write: Arc<Write>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(write);
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let write = self.next.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let (patience, metrics) = (self.patience, self.metrics.clone());
        let listed = self.watchlist.enlist(write.clone());
        tokio::spawn(async move {
            let _listed = listed;
            let stream = Box::pin(stream);
            let task = Task { stream, write, patience, alarm: None };
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
    write: Arc<Write>,
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
        // Before it is asked: so no cut is missed.
        task.write.wakes(context.waker());
        let Some((since, cut)) = task.write.stands() else { return Poll::Pending };
        if cut {
            return Poll::Ready(Ended::Unread(watchlist::OVERDUE));
        }
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
            let write: Arc<Write> = Arc::default();
            let (stream, patience) = (Box::pin(std::future::pending::<()>()), Duration::from_secs(3600));
            let task = tokio::spawn(Task { stream, write: write.clone(), patience, alarm: None });
            write.stop(std::time::Instant::now());
            if !waits {
                write.go_on();
            }
            write.share(shares);
            assert_eq!(write.stands_since().is_some(), waits && shares);
            tokio::task::yield_now().await;
            write.cut();
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
