//! Where a viewer's records come from: the rings of the tapes, and the log where a ring does not go back far enough.
//!
//! Every topic has a course of its own: [`Course::At`] a block of its ring, or [`Course::Behind`] the ring, in which case
//! a stretch of the log is followed until the positions of the course are reached, and the ring is tried again. What a viewer
//! sees twice on the way from one to the other it drops by its own positions. So nothing is lost between the two, and
//! nothing but the rings keeps what is still to be seen.

use super::bell::Bell;
use super::block::Block;
use super::history::{Replay, Wanted};
use super::opening::Place;
use super::ring::{Course, Found};
use super::tape::Attached;
use super::track::Track;
use crate::kafka::Error as KafkaError;
use crate::record::cursor::TopicMark;
use crate::record::{PartitionSet, TopicName};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::futures::OwnedNotified;

/// What a viewer reads from.
#[derive(Debug, Default)]
pub struct Follower {
    bell: Arc<Bell>,
    /// In the order of the track's topics.
    seats: Vec<Seat>,
    /// Whose turn it is.
    turn: usize,
    /// When to look again for a stretch of the log that was not to be had.
    freed: Option<Pin<Box<OwnedNotified>>>,
}

#[derive(Debug)]
struct Seat {
    /// The topic's number in the track.
    t: usize,
    topic: TopicName,
    mark: TopicMark,
    /// The end of the topic; without it the log is read alone.
    live: Option<(Attached, Course)>,
    replay: Option<Replay>,
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// What passed in the topic with this number.
    Block(usize, Arc<Block>),
    /// Something is to be read of the log, and is to be sought.
    Seek,
    /// The viewer was so slow that the ring of the topic with this number has left it behind.
    Overrun(usize),
    /// What is read cannot be read on.
    Failed(KafkaError),
}

impl Follower {
    /// Reads every topic of `places` of which `track` wants something: from the place at its end that `attach` gives, or
    /// the log alone.
    pub fn new(
        (places, track): (&[Place], &Track),
        attach: impl Fn(&Place, &Arc<Bell>) -> Option<Attached>,
        now: Instant,
    ) -> Self {
        let bell = Arc::<Bell>::default();
        let seat = |(t, topic): (usize, &TopicName)| {
            let place = places.iter().find(|place| place.name == *topic)?;
            let live = attach(place, &bell).map(|tape| {
                let course = tape.place(|p| track.stands(t, p), now);
                (tape, course)
            });
            Some(Seat { t, topic: topic.clone(), mark: place.mark, live, replay: None })
        };
        let seats = track.live().filter_map(seat).collect();
        Self { bell, seats, turn: 0, freed: None }
    }

    /// Whether something is to be read of the log, nobody reads it, and it is time to look for who does.
    pub fn seeks(&self) -> bool {
        self.freed.is_none() && self.seats.iter().any(Seat::seeks)
    }

    /// Looks for a stretch of the log wherever one is wanted, which `find` gives; whether there is one everywhere now. The
    /// track learns of partitions that a tape has heard of and it has not; it reads those that are `chosen`.
    pub fn seek(
        &mut self,
        track: &mut Track,
        chosen: Option<&PartitionSet>,
        mut find: impl FnMut(&Wanted<'_>) -> Option<Replay>,
    ) -> bool {
        self.freed = None;
        let mut all = true;
        for Seat { t, topic, mark, live, replay } in &mut self.seats {
            match live {
                Some((_, Course::At(_))) => continue,
                Some((_, Course::Behind(target))) => track.learn(*t, target.len(), chosen),
                None => {}
            }
            if replay.is_none() {
                let (partitions, track) = (track.partitions(*t), &*track);
                let stands = |p| track.stands(*t, p);
                let wanted = Wanted { topic, mark: *mark, partitions, stands: &stands, bell: &self.bell };
                *replay = find(&wanted);
                all &= replay.is_some();
            }
        }
        all
    }

    /// Looks again when this says so.
    pub fn wait(&mut self, freed: OwnedNotified) {
        self.freed = Some(Box::pin(freed));
    }

    /// Ready when it is time to look again.
    pub async fn freed(&mut self) {
        if let Some(freed) = self.freed.take() {
            freed.await;
        }
    }

    /// Whether there is anything to follow, or nothing to wait for.
    pub fn follows(&self) -> bool {
        self.seats.is_empty() || !self.seats.iter().all(Seat::seeks)
    }

    /// Whether the tapes tell when one of the topics is no longer what it was.
    pub fn watches(&self, track: &Track) -> bool {
        self.seats.len() == track.topics().count() && self.seats.iter().all(|seat| seat.live.is_some())
    }

    /// What comes next. What a step holds must be taken before the next is asked for.
    pub fn poll(&mut self, track: &Track, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Some(step) = self.next(track) {
                return Poll::Ready(step);
            }
            if let Some(freed) = &mut self.freed
                && freed.as_mut().poll(cx).is_ready()
            {
                self.freed = None;
            }
            if self.seeks() {
                return Poll::Ready(Step::Seek);
            }
            if self.bell.heard(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// What is there, without waiting.
    fn next(&mut self, track: &Track) -> Option<Step> {
        for n in 0..self.seats.len() {
            let index = (self.turn + n) % self.seats.len();
            let seat = &mut self.seats[index];
            match seat.next(track) {
                Ok(Found::Block(block)) => {
                    self.turn = index + 1;
                    return Some(Step::Block(seat.t, block));
                }
                Ok(Found::Nothing) => {}
                Ok(Found::Gone) => return Some(Step::Overrun(seat.t)),
                Err(error) => return Some(Step::Failed(error)),
            }
        }
        None
    }

    /// Whether the log is to be read of some topic that has a tape.
    pub fn is_behind(&self) -> bool {
        self.seats.iter().any(|seat| seat.live.is_some() && seat.is_behind())
    }

    /// Goes to the end of the ring of the topic with this number, and gives the positions there.
    pub fn skip(&mut self, t: usize) -> Option<Arc<[i64]>> {
        let seat = self.seats.iter_mut().find(|seat| seat.t == t)?;
        let (tape, course) = seat.live.as_mut()?;
        let (head, positions) = tape.head(Instant::now());
        *course = head;
        Some(positions)
    }

    /// How far behind the tapes it is, in bytes that were appended since and in time; the most of all topics.
    pub fn lag(&self, track: &Track) -> (u64, Duration) {
        let now = Instant::now();
        let lag = |seat: &Seat| Some(seat.live.as_ref()?.0.lag(|p| track.stands(seat.t, p), now));
        let lags = self.seats.iter().filter_map(lag);
        lags.fold((0, Duration::ZERO), |(bytes, age), (more, older)| (bytes.max(more), age.max(older)))
    }
}

impl Seat {
    /// Whether something is to be read of the log, and nobody reads it.
    fn seeks(&self) -> bool {
        self.replay.is_none() && self.is_behind()
    }

    fn is_behind(&self) -> bool {
        self.live.as_ref().is_none_or(|(_, course)| course.is_behind())
    }

    fn next(&mut self, track: &Track) -> Result<Found, KafkaError> {
        let stands = |p| track.stands(self.t, p);
        if let Some((tape, course)) = &mut self.live {
            if course.is_reached(stands) {
                tape.settle(course, stands);
                // Who follows the log does not read partitions that were added meanwhile.
                let grown = |target: &[i64]| target.len() > track.partitions(self.t);
                if !matches!(course, Course::Behind(target) if !grown(target)) {
                    self.replay = None;
                }
            }
            match tape.follow(course, stands)? {
                Found::Nothing if course.is_behind() => {}
                found => return Ok(found),
            }
        }
        let Some(replay) = &mut self.replay else { return Ok(Found::Nothing) };
        match replay.follow(stands)? {
            // It was too slow for those it shared with, which is nobody's fault.
            Found::Gone => {
                self.replay = None;
                Ok(Found::Nothing)
            }
            found => Ok(found),
        }
    }
}
