//! Where a viewer's records come from: the rings of the tapes, and the log where a ring does not go back far enough.
//!
//! Every topic has a course of its own: [`Course::At`] a block of its ring, or [`Course::Behind`] the ring, in which case
//! a reader of the log reads on until the positions of the course are reached, and the ring is tried again. What a viewer
//! sees twice on the way from one to the other it drops by its own positions. So nothing is lost between the two, and
//! nothing but the ring keeps what is still to be seen.

use super::bell::Bell;
use super::block::Block;
use super::live::{Live, Watch};
use super::opening::Place;
use super::ring::{Course, Found};
use super::tape::Attached;
use super::track::Track;
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::{Event, Position, Reader};
use crate::record::{PartitionSet, TopicName};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a viewer reads from.
#[derive(Debug, Default)]
pub struct Follower {
    bell: Arc<Bell>,
    /// In the order of the track's topics. Without any, the log is read alone.
    seats: Vec<Seat>,
    /// Reads the log.
    history: Option<Reader>,
    /// Whose turn it is.
    turn: usize,
}

#[derive(Debug)]
struct Seat {
    /// The topic's number in the track.
    t: usize,
    topic: TopicName,
    tape: Attached,
    course: Course,
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// What passed on the tape of the topic with this number.
    Block(usize, Arc<Block>),
    /// What stands in the log.
    Read(Vec<Event>),
    /// The viewer was so slow that the ring of the topic with this number has left it behind.
    Overrun(usize),
    /// What is read cannot be read on.
    Failed(KafkaError),
    /// The log cannot be read: its reader said why.
    Stopped,
}

impl Follower {
    /// Takes a place at the tape of every topic of `places` of which `track` wants something.
    pub fn attach(live: &Live, watch: Watch<'_>, stands: (&[Place], &Track)) -> Self {
        Self::over(stands, |place, bell| Some(live.attach(watch, place, bell)), Instant::now())
            .unwrap_or_default()
    }

    /// The same, if all of it is read already, and the rings go back far enough.
    pub fn within(live: &Live, watch: Watch<'_>, stands: (&[Place], &Track)) -> Option<Self> {
        let follower = Self::over(stands, |place, bell| live.find(watch, place, bell), Instant::now())?;
        (!follower.seats.is_empty() && !follower.is_behind()).then_some(follower)
    }

    /// A follower with the places that `attach` gives, if it gives all.
    pub fn over(
        (places, track): (&[Place], &Track),
        attach: impl Fn(&Place, &Arc<Bell>) -> Option<Attached>,
        now: Instant,
    ) -> Option<Self> {
        let bell = Arc::<Bell>::default();
        let seat = |(t, topic): (usize, &TopicName)| {
            let place = places.iter().find(|place| place.name == *topic)?;
            let tape = attach(place, &bell)?;
            let course = tape.place(|p| track.stands(t, p), now);
            Some(Seat { t, topic: topic.clone(), tape, course })
        };
        let seats = track.live().map(seat).collect::<Option<_>>()?;
        Some(Self { bell, seats, history: None, turn: 0 })
    }

    /// What is to be read of the log, if anything. The track learns of partitions that a tape has heard of and it has not;
    /// it reads those that are `chosen`.
    pub fn behind(&self, track: &mut Track, chosen: Option<&PartitionSet>) -> Vec<Position> {
        for seat in &self.seats {
            if let Course::Behind(target) = &seat.course {
                track.learn(seat.t, target.len(), chosen);
            }
        }
        let mut reads = track.reads();
        if !self.seats.is_empty() {
            reads.retain(|at| self.reads_log(&at.topic));
        }
        reads
    }

    /// Whether something is to be read of the log, and nobody reads it.
    pub fn wants_log(&self, track: &Track) -> bool {
        let open = || if self.seats.is_empty() { !track.reads().is_empty() } else { self.is_behind() };
        self.history.is_none() && open()
    }

    /// Reads the log from now on.
    pub fn read(&mut self, history: Reader) {
        self.history = Some(history);
    }

    /// Whether the tapes tell when one of the topics is no longer what it was.
    pub fn watches(&self, track: &Track) -> bool {
        self.seats.len() == track.topics().count()
    }

    /// What comes next. What a step holds must be taken, and told by [`Follower::settle`], before the next is asked for.
    pub fn poll(&mut self, track: &Track, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Some(step) = self.ring(track) {
                return Poll::Ready(step);
            }
            if let Some(history) = &mut self.history
                && let Poll::Ready(events) = history.poll_next(cx)
            {
                return Poll::Ready(events.map_or(Step::Stopped, |events| Step::Read(self.sift(events))));
            }
            if self.bell.heard(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// What of these events of the log is still wanted: the reader does not know which rings were taken up since.
    pub fn sift(&self, mut events: Vec<Event>) -> Vec<Event> {
        if !self.seats.is_empty() {
            events.retain(|event| self.reads_log(event.topic()));
        }
        events
    }

    /// What a ring has, without waiting.
    fn ring(&mut self, track: &Track) -> Option<Step> {
        for n in 0..self.seats.len() {
            let index = (self.turn + n) % self.seats.len();
            let Seat { t, tape, course, .. } = &mut self.seats[index];
            match tape.follow(course, |p| track.stands(*t, p)) {
                Ok(Found::Block(block)) => {
                    self.turn = index + 1;
                    return Some(Step::Block(*t, block));
                }
                Ok(Found::Nothing) => {}
                Ok(Found::Gone) => {
                    // Whoever reads the log for other topics does not read this one: it begins anew, with all of them.
                    self.history = None;
                    return Some(Step::Overrun(*t));
                }
                Err(error) => return Some(Step::Failed(error)),
            }
        }
        None
    }

    /// Takes up the rings that the log was read up to. Whoever reads the log is to begin anew when this says so: it does
    /// not read partitions that were added meanwhile.
    pub fn settle(&mut self, track: &Track) -> bool {
        let mut anew = false;
        for Seat { t, tape, course, .. } in &mut self.seats {
            tape.settle(course, |p| track.stands(*t, p));
            anew |= matches!(course, Course::Behind(target) if target.len() > track.partitions(*t));
        }
        if anew || !self.seats.is_empty() && !self.is_behind() {
            self.history = None;
        }
        anew
    }

    /// Whether the log is to be read of some topic that has a tape.
    pub fn is_behind(&self) -> bool {
        self.seats.iter().any(|seat| seat.course.is_behind())
    }

    /// Goes to the end of the ring of the topic with this number, and gives the positions there.
    pub fn skip(&mut self, t: usize) -> Option<Arc<[i64]>> {
        let seat = self.seats.iter_mut().find(|seat| seat.t == t)?;
        let (course, positions) = seat.tape.head(Instant::now());
        seat.course = course;
        Some(positions)
    }

    /// How far behind the tapes it is, in bytes that were appended since and in time; the most of all topics.
    pub fn lag(&self, track: &Track) -> (u64, Duration) {
        let now = Instant::now();
        let lags = self.seats.iter().map(|seat| seat.tape.lag(|p| track.stands(seat.t, p), now));
        lags.fold((0, Duration::ZERO), |(bytes, age), (more, older)| (bytes.max(more), age.max(older)))
    }

    /// Whether what the log holds of this topic is still to be read.
    fn reads_log(&self, topic: &TopicName) -> bool {
        let seat = self.seats.iter().find(|seat| seat.topic == *topic);
        seat.is_some_and(|seat| seat.course.is_behind())
    }
}
