//! Which stretches of the logs are kept, and which reader goes on with each.
//!
//! Synchronous: whoever holds it does what its [`Job`]s say, and tells when that is done. A reader reads a topic in one place
//! at a time, and as many topics as there are. A stretch that nobody follows is soon read no further, and for a while goes on
//! from where it stopped when somebody comes who stands in it.

use super::Wanted;
use crate::broadcast::live::Watch;
use crate::broadcast::pinned::Pinned;
use crate::broadcast::ring::{Bounds, Course};
use crate::broadcast::tape::{Attached, Tape};
use crate::kafka::reader::Position;
use crate::record::{Isolation, TopicName};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a shelf may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many readers there may be.
    pub readers: usize,
    /// About how many bytes all stretches keep.
    pub bytes: usize,
    /// How many of them one keeps, at least and at most: the fewer there are, the more.
    pub share: (usize, usize),
    /// How long a stretch that nobody follows is read on, for who comes back at once.
    pub quiet: Duration,
    /// How long it is kept, and how long a reader that has nothing to read stays connected.
    pub linger: Duration,
}

impl Limits {
    /// For so many readers, and bytes in all.
    pub fn new(readers: usize, bytes: usize) -> Self {
        let share = (256 * 1024, 8 * 1024 * 1024);
        Self { readers, bytes, share, quiet: Duration::from_millis(250), linger: Duration::from_secs(10) }
    }
}

/// The stretches that are kept.
#[derive(Debug)]
pub struct Shelf {
    /// By number: what a reader sees of transactions, and when it last had something to read; `None` when it is not there.
    readers: Vec<Option<(Isolation, Instant)>>,
    stretches: Vec<Stretch>,
    limits: Limits,
    pinned: Arc<Pinned>,
}

#[derive(Debug)]
struct Stretch {
    tape: Arc<Tape>,
    stage: Stage,
}

/// What becomes of a stretch, and by which reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Wanted(usize),
    Beginning(usize),
    Read(usize),
    Leaving(usize),
}

/// What a reader is to do. It does one thing at a time.
#[derive(Debug)]
pub struct Job {
    /// The reader's number.
    pub reader: usize,
    /// What is to be read, or no longer.
    pub tape: Arc<Tape>,
    /// Whether it is to be read; else it is to be left.
    pub begins: bool,
}

impl Job {
    /// Where reading begins.
    pub fn positions(&self) -> Vec<Position> {
        let positions = (0..).zip(self.tape.positions()).filter(|(_, next)| *next != i64::MAX);
        let topic = self.tape.name();
        positions.map(|(partition, next)| Position { topic: topic.clone(), partition, next }).collect()
    }
}

impl Stretch {
    fn reader(&self) -> Option<usize> {
        match self.stage {
            Stage::Idle => None,
            Stage::Wanted(reader)
            | Stage::Beginning(reader)
            | Stage::Read(reader)
            | Stage::Leaving(reader) => Some(reader),
        }
    }

    fn is_of(&self, isolation: Isolation, topic: &TopicName) -> bool {
        self.tape.isolation() == isolation && self.tape.name() == topic
    }

    /// The reader that it can do without, and how long nobody has followed it.
    fn spare(&self, now: Instant) -> Option<(usize, Duration)> {
        match (self.stage, self.tape.vacant(now)) {
            (Stage::Read(reader), Some(vacant)) => Some((reader, vacant)),
            _ => None,
        }
    }
}

impl Shelf {
    /// An empty shelf.
    pub fn new(limits: Limits, pinned: Arc<Pinned>) -> Self {
        Self { readers: vec![None; limits.readers], stretches: Vec::new(), limits, pinned }
    }

    /// About how many bytes all stretches hold.
    pub fn bytes(&self, now: Instant) -> usize {
        self.stretches.iter().map(|stretch| stretch.tape.extent(now).0).sum()
    }

    /// Whether a reader is there, and sees this of transactions.
    pub fn has_reader(&self, reader: usize, isolation: Isolation) -> bool {
        self.readers[reader].is_some_and(|(of, _)| of == isolation)
    }

    /// Whether nothing is kept, and no reader is there.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.readers.iter().all(Option::is_none)
    }

    /// A place in a stretch that holds what is wanted, and whether it was there already; `None` when it is not, and no reader is
    /// free for a new one, or there is no room.
    pub fn seek(
        &mut self,
        watch: Watch<'_>,
        wanted: &Wanted<'_>,
        now: Instant,
    ) -> Option<((Attached, Course), bool)> {
        for index in 0..self.stretches.len() {
            let tape = self.stretches[index].tape.clone();
            let serves = self.stretches[index].is_of(watch.isolation, wanted.topic)
                && tape.mark() == wanted.mark
                && tape.partitions() >= wanted.partitions
                && tape.reaches(wanted.stands);
            if !serves || !self.is_read(index, now) {
                continue;
            }
            let attached = tape.attach(wanted.bell.clone(), watch.flush, watch.filter);
            let course = attached.place(wanted.stands, now);
            if !course.is_behind() {
                return Some(((attached, course), true));
            }
        }
        self.make_room(now)?;
        let reader = self.spare(watch.isolation, wanted.topic, now)?;
        let start = (0..wanted.partitions).map(wanted.stands).collect();
        let bounds = Bounds { bytes: self.limits.share.1, age: Duration::MAX };
        let (topic, mark, isolation) = (wanted.topic.clone(), wanted.mark, watch.isolation);
        let tape = Tape::new(topic, mark, isolation, (start, bounds, self.pinned.clone()));
        let tape = Arc::new(tape.paced());
        let attached = tape.attach(wanted.bell.clone(), watch.flush, watch.filter);
        self.stretches.push(Stretch { tape, stage: Stage::Wanted(reader) });
        self.share();
        let course = attached.place(wanted.stands, now);
        Some(((attached, course), false))
    }

    /// What is to be done next by a reader that is not `busy`.
    pub fn job(&mut self, busy: &[usize], now: Instant) -> Option<Job> {
        let quiet = self.limits.quiet;
        for Stretch { tape, stage } in &mut self.stretches {
            let unfollowed = || tape.vacant(now).is_some_and(|vacant| vacant >= quiet);
            let (reader, begins) = match *stage {
                Stage::Wanted(reader) if !busy.contains(&reader) => (reader, true),
                Stage::Read(reader) if !busy.contains(&reader) && unfollowed() => (reader, false),
                _ => continue,
            };
            *stage = if begins { Stage::Beginning(reader) } else { Stage::Leaving(reader) };
            return Some(Job { reader, tape: tape.clone(), begins });
        }
        None
    }

    /// A job was done.
    pub fn done(&mut self, job: &Job, now: Instant) {
        let is = |stretch: &Stretch| Arc::ptr_eq(&stretch.tape, &job.tape);
        let Some(index) = self.stretches.iter().position(is) else { return };
        match self.stretches[index].stage {
            Stage::Beginning(reader) => self.stretches[index].stage = Stage::Read(reader),
            Stage::Leaving(_) => {
                self.stretches[index].stage = Stage::Idle;
                // Somebody may have come meanwhile.
                if job.tape.vacant(now).is_none() {
                    self.is_read(index, now);
                }
            }
            _ => {}
        }
    }

    /// Lets go of what nobody has followed for long, and of readers that have nothing to read.
    pub fn retire(&mut self, now: Instant) {
        let linger = self.limits.linger;
        self.stretches.retain(|stretch| {
            let gone = |vacant| vacant >= linger || stretch.tape.is_over();
            stretch.stage != Stage::Idle || !stretch.tape.vacant(now).is_some_and(gone)
        });
        self.share();
        let Self { readers, stretches, .. } = self;
        for (reader, slot) in readers.iter_mut().enumerate() {
            let Some((_, used)) = slot else { continue };
            if stretches.iter().any(|stretch| stretch.reader() == Some(reader)) {
                *used = now;
            } else if now.saturating_duration_since(*used) >= linger {
                *slot = None;
            }
        }
    }

    /// Whether a stretch is read on, if need be from now on.
    fn is_read(&mut self, index: usize, now: Instant) -> bool {
        if self.stretches[index].stage == Stage::Idle {
            let tape = self.stretches[index].tape.clone();
            let Some(reader) = self.spare(tape.isolation(), tape.name(), now) else { return false };
            self.stretches[index].stage = Stage::Wanted(reader);
        }
        true
    }

    /// A reader that can go on with one more stretch of a topic: one that reads none of it, or one that nobody needs there.
    fn spare(&mut self, isolation: Isolation, topic: &TopicName, now: Instant) -> Option<usize> {
        let reads = |reader: usize| {
            let of = |stretch: &Stretch| stretch.reader() == Some(reader) && stretch.tape.name() == topic;
            self.stretches.iter().any(of)
        };
        let all = 0..self.readers.len();
        let free = all.clone().find(|reader| self.has_reader(*reader, isolation) && !reads(*reader));
        if free.is_some() {
            return free;
        }
        let spare = |(index, stretch): (usize, &Stretch)| {
            let (reader, vacant) = stretch.spare(now).filter(|_| stretch.is_of(isolation, topic))?;
            Some((vacant, reader, index))
        };
        let longest = self.stretches.iter().enumerate().filter_map(spare).max();
        let fresh = all.clone().find(|reader| self.readers[*reader].is_none());
        match (longest, fresh) {
            (Some((vacant, ..)), Some(fresh)) if vacant < self.limits.quiet => {
                self.take(fresh, isolation, now)
            }
            (Some((_, reader, index)), _) => {
                self.stretches[index].stage = Stage::Idle;
                Some(reader)
            }
            (None, Some(fresh)) => self.take(fresh, isolation, now),
            // One that sees something else of transactions, if nobody needs it at all.
            (None, None) => {
                let needed = |reader: &usize| {
                    let of = |stretch: &&Stretch| stretch.reader() == Some(*reader);
                    self.stretches.iter().filter(of).any(|stretch| stretch.spare(now).is_none())
                };
                let reader =
                    all.into_iter().find(|reader| !self.has_reader(*reader, isolation) && !needed(reader))?;
                self.take(reader, isolation, now)
            }
        }
    }

    /// Has a reader see this of transactions; what it read before is read no further.
    fn take(&mut self, reader: usize, isolation: Isolation, now: Instant) -> Option<usize> {
        let stretches = self.stretches.iter_mut().filter(|stretch| stretch.reader() == Some(reader));
        stretches.for_each(|stretch| stretch.stage = Stage::Idle);
        self.readers[reader] = Some((isolation, now));
        Some(reader)
    }

    /// Makes room for one more stretch, if there can be.
    fn make_room(&mut self, now: Instant) -> Option<()> {
        if self.stretches.len() >= (self.limits.bytes / self.limits.share.0).max(1) {
            let vacant = |(index, stretch): (usize, &Stretch)| {
                (stretch.stage == Stage::Idle).then(|| stretch.tape.vacant(now)).flatten().zip(Some(index))
            };
            let (_, longest) = self.stretches.iter().enumerate().filter_map(vacant).max()?;
            self.stretches.swap_remove(longest);
        }
        Some(())
    }

    /// Gives each stretch its share of the bytes.
    fn share(&self) {
        let (least, most) = self.limits.share;
        let share = (self.limits.bytes / self.stretches.len().max(1)).clamp(least, most);
        self.stretches.iter().for_each(|stretch| stretch.tape.bound(share));
    }
}
