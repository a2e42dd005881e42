//! The last of what a tape's reader saw, in the order in which all viewers see it.
//!
//! Synchronous and without a clock. The reader appends, [`Ring::seal`] makes a block of what was appended since, and what
//! is too old or too much falls out at the other end. A viewer is a number here, the number of the block that it reads
//! next; nothing is kept for it.

#[cfg(test)]
mod tests;

use super::block::{Block, Filters, Passed};
use super::pinned::Pinned;
use crate::record::Record;
use crate::record::cursor::TopicMark;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A block is sealed when what it holds has about so many bytes.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// About what a record takes beside its key, its value and its headers: members of its envelope, and its id.
const RECORD_BYTES: usize = 200;

/// How much a ring keeps.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes, about.
    pub bytes: usize,
    /// Time.
    pub age: Duration,
}

/// Where a viewer reads on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// In the ring, at the block of this number.
    At(u64),
    /// In the log, until it has come to these positions: the ring does not go back far enough.
    Behind(Arc<[i64]>),
}

impl Course {
    /// The next block, if there is one; a viewer that the ring has left behind is to read the log from where it stands. One
    /// that stands ahead of what has left the ring missed nothing.
    pub fn follow(&mut self, ring: &Ring, stands: impl Fn(usize) -> i64) -> Found {
        let Self::At(at) = self else { return Found::Nothing };
        let mut found = ring.read(*at);
        if let Found::Gone = found {
            *self = ring.place(stands);
            let Self::At(at) = self else { return Found::Gone };
            found = ring.read(*at);
        }
        if let (Self::At(at), Found::Block(_)) = (self, &found) {
            *at += 1;
        }
        found
    }

    /// Takes up the ring, if the log was read up to it.
    pub fn settle(&mut self, ring: &Ring, stands: impl Fn(usize) -> i64) {
        if self.is_reached(&stands) {
            *self = ring.place(stands);
        }
    }

    /// Whether the log was read up to the ring.
    pub fn is_reached(&self, stands: impl Fn(usize) -> i64) -> bool {
        matches!(self, Self::Behind(target) if covers(target, stands))
    }

    /// Whether the log is to be read.
    pub fn is_behind(&self) -> bool {
        matches!(self, Self::Behind(_))
    }
}

/// Whether nothing before `positions` is new to who stands at `stands(partition)`.
fn covers(positions: &[i64], stands: impl Fn(usize) -> i64) -> bool {
    positions.iter().enumerate().all(|(p, next)| *next <= stands(p))
}

/// What a viewer finds.
#[derive(Clone, Debug)]
pub enum Found {
    /// The next block.
    Block(Arc<Block>),
    /// Nothing yet.
    Nothing,
    /// The ring begins behind it.
    Gone,
}

/// The ring of one topic.
#[derive(Debug)]
pub struct Ring {
    mark: TopicMark,
    bounds: Bounds,
    blocks: VecDeque<Arc<Block>>,
    /// The number of the first block.
    first: u64,
    /// What all blocks weigh.
    bytes: usize,
    /// What is not sealed yet, and about how many bytes it has.
    open: Vec<Passed>,
    open_bytes: usize,
    /// How many bytes were ever appended, about.
    appended: u64,
    /// The positions after all that was appended, and after the last block.
    next: Vec<i64>,
    sealed: Arc<[i64]>,
    filters: Filters,
    pinned: Arc<Pinned>,
    /// Where the tape stood from time to time, longer ago than there are blocks.
    milestones: VecDeque<Milestone>,
    /// Up to which block somebody has taken what is there, where the reader waits for that.
    taken: Option<u64>,
}

/// Where a tape stood.
#[derive(Debug)]
struct Milestone {
    at: Instant,
    appended: u64,
    next: Arc<[i64]>,
}

/// How far apart milestones are, and how many there are at most.
const MILESTONE_EVERY: Duration = Duration::from_secs(1);
const MILESTONES: usize = 600;

impl Ring {
    /// An empty ring of a topic that is read from `start` on.
    pub fn new(mark: TopicMark, start: Vec<i64>, bounds: Bounds, pinned: Arc<Pinned>) -> Self {
        Self {
            mark,
            bounds,
            blocks: VecDeque::new(),
            first: 0,
            bytes: 0,
            open: Vec::new(),
            open_bytes: 0,
            appended: 0,
            sealed: start.as_slice().into(),
            next: start,
            filters: Filters::default(),
            pinned,
            milestones: VecDeque::new(),
            taken: None,
        }
    }

    /// Has the reader wait for the first of its viewers: what none of them has taken yet stays.
    pub fn pace(&mut self) {
        self.taken.get_or_insert(0);
    }

    /// Keeps so much from now on.
    pub fn bound(&mut self, bytes: usize) {
        self.bounds.bytes = bytes;
    }

    /// Somebody has taken all blocks before this one, or wants none of them.
    pub fn taken(&mut self, before: u64) {
        self.taken = self.taken.map(|taken| taken.max(before));
    }

    /// Whether its reader is to go on: where it waits for viewers, what none of them has taken yet is at most half of what
    /// may be kept.
    pub fn wants(&self) -> bool {
        self.taken.is_none_or(|taken| {
            let ahead = self.head().saturating_sub(taken) as usize;
            let weight: usize = self.blocks.iter().rev().take(ahead).map(|block| block.weight()).sum();
            weight + 2 * self.open_bytes <= self.bounds.bytes / 2
        })
    }

    /// How many partitions are read.
    pub fn partitions(&self) -> usize {
        self.next.len()
    }

    /// What all blocks weigh, about, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes + self.open_bytes
    }

    /// When the oldest block was made.
    pub fn oldest(&self) -> Option<Instant> {
        self.blocks.front().map(|block| block.sealed())
    }

    /// About how many bytes were ever appended.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// How many blocks there ever were.
    pub fn head(&self) -> u64 {
        self.first + self.blocks.len() as u64
    }

    /// Appends a record, unless it was there before.
    pub fn record(&mut self, record: Record, now: Instant) {
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + size(value)).sum();
        let bytes = size(&record.key) + size(&record.value) + headers + RECORD_BYTES;
        self.append(Passed::Record(record), bytes, now);
    }

    /// Appends that a partition moved on, unless it stood there before.
    pub fn moved(&mut self, partition: i32, next: i64, now: Instant) {
        self.append(Passed::Moved { partition, next }, size_of::<Passed>(), now);
    }

    fn append(&mut self, passed: Passed, bytes: usize, now: Instant) {
        let (partition, next) = passed.next();
        let Some(at) = self.next.get_mut(partition).filter(|at| next > **at) else { return };
        *at = next;
        self.open.push(passed);
        self.open_bytes += bytes;
        self.appended += bytes as u64;
        if self.open_bytes >= BLOCK_BYTES {
            self.seal(now);
        }
    }

    /// Prepares for these filters from now on.
    pub fn filter_by(&mut self, filters: Filters) {
        self.filters = filters;
    }

    /// Begins no later than `start`, of which there are as many as partitions, as long as nothing was appended.
    pub fn rewind(&mut self, start: &[i64]) {
        if self.appended == 0 {
            self.next.iter_mut().zip(start).for_each(|(next, start)| *next = (*next).min(*start));
            self.sealed = self.next.as_slice().into();
        }
    }

    /// Has as many partitions from now on; those that are new begin at 0.
    pub fn grow(&mut self, partitions: usize, now: Instant) {
        self.seal(now);
        let grown = partitions.max(self.next.len());
        self.next.resize(grown, 0);
        self.sealed = self.next.as_slice().into();
    }

    /// Makes a block of what was appended, and lets go of what is too old or too much.
    pub fn seal(&mut self, now: Instant) {
        if !self.open.is_empty() {
            let after: Arc<[i64]> = self.next.as_slice().into();
            let between = (std::mem::replace(&mut self.sealed, after.clone()), after);
            if self
                .milestones
                .back()
                .is_none_or(|last| now.saturating_duration_since(last.at) >= MILESTONE_EVERY)
            {
                let (appended, next) = (self.appended - self.open_bytes as u64, between.0.clone());
                self.milestones.push_back(Milestone { at: now, appended, next });
                if self.milestones.len() > MILESTONES {
                    self.milestones.pop_front();
                }
            }
            // Once as records, once in the form that is watched.
            let weight = 2 * std::mem::take(&mut self.open_bytes);
            let passed = std::mem::take(&mut self.open);
            let shared = (self.filters.clone(), self.pinned.clone());
            let block = Block::new(self.mark, passed, between, (now, weight), shared);
            self.bytes += weight;
            self.blocks.push_back(Arc::new(block));
        }
        self.expire(now);
    }

    /// Lets go of what is too old or too much. The last block stays whatever it weighs, for those who are to read it.
    pub fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.blocks.front() {
            let old = now.saturating_duration_since(oldest.sealed()) > self.bounds.age;
            let stays = !old && (self.bytes <= self.bounds.bytes || self.blocks.len() == 1);
            if stays || self.taken.is_some_and(|taken| self.first >= taken) {
                return;
            }
            self.bytes -= oldest.weight();
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    /// Where a viewer reads on that stands at `stands(partition)`: at the last block before which the tape was nowhere
    /// further than it is. What it has seen already it will see again, and must drop. A partition that it knows nothing of
    /// it has seen nothing of.
    pub fn place(&self, stands: impl Fn(usize) -> i64) -> Course {
        if covers(&self.sealed, &stands) {
            return Course::At(self.head());
        }
        let covering = self.blocks.partition_point(|block| covers(block.before(), &stands));
        match covering.checked_sub(1) {
            Some(last) => Course::At(self.first + last as u64),
            None => Course::Behind(self.sealed.clone()),
        }
    }

    /// The positions after all that was appended.
    pub fn next(&self) -> &[i64] {
        &self.next
    }

    /// The positions after the last block.
    pub fn positions(&self) -> Arc<[i64]> {
        self.sealed.clone()
    }

    /// How far behind the tape somebody is that stands at `stands(partition)`: in bytes, about, and in time. Who is further
    /// behind than is remembered is told what is.
    pub fn lag(&self, stands: impl Fn(usize) -> i64, now: Instant) -> (u64, Duration) {
        if covers(&self.next, &stands) {
            return (0, Duration::ZERO);
        }
        let passed = self.milestones.partition_point(|milestone| covers(&milestone.next, &stands));
        let last = self.milestones.get(passed.saturating_sub(1));
        last.map_or((0, Duration::ZERO), |last| {
            (self.appended - last.appended, now.saturating_duration_since(last.at))
        })
    }

    /// The block of that number.
    pub fn read(&self, at: u64) -> Found {
        match at.checked_sub(self.first) {
            None => Found::Gone,
            Some(n) => {
                self.blocks.get(n as usize).map_or(Found::Nothing, |block| Found::Block(block.clone()))
            }
        }
    }
}

fn size(bytes: &Option<bytes::Bytes>) -> usize {
    bytes.as_ref().map_or(0, bytes::Bytes::len)
}
