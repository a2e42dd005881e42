//! What a stream waits for, and what comes first when several things have come.

use super::Stream;
use crate::broadcast::follower::Step as Read;
use crate::broadcast::opening::Opening;
use crate::broadcast::track::Sight;
use crate::broadcast::{Drain, Error};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// An answer on its way.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// What was asked for.
pub enum Question {
    /// Where to go on.
    Opening(Answer<Opening>),
    /// Whether the topics are still the same.
    Sights(Answer<Vec<Sight>>),
}

/// What has come.
pub enum Step {
    Drain,
    Due,
    Read(Read),
    Opened(Result<Opening, Error>),
    Seen(Result<Vec<Sight>, Error>),
}

impl Question {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self {
            Self::Opening(opened) => opened.as_mut().poll(cx).map(Step::Opened),
            Self::Sights(seen) => seen.as_mut().poll(cx).map(Step::Seen),
        }
    }
}

/// Tells once that the gateway is about to end. All streams wait for the same, so it is asked only when it is news to
/// whom the answer goes.
pub struct Drained {
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
    asked_for: Option<Waker>,
}

impl Drained {
    /// Asks nothing yet.
    pub fn new(drain: &Drain) -> Self {
        Self { begun: Box::pin(drain.begun()), asked_for: None }
    }

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

impl Stream {
    /// What comes next.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
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
        match &mut self.follower {
            Some(follower) => follower.poll(self.viewer.track(), cx).map(Step::Read),
            None => Poll::Pending,
        }
    }
}
