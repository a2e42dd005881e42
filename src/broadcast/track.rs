//! Where a reader stands while it reads: which records are new to it, when it has caught up, when it has come to its end.
//!
//! Synchronous and without a clock. The cursor covers every partition of every topic, read or not, and moves only by
//! real positions: a record's offset plus one, or the end that the reader met.

#[cfg(test)]
mod tests;

use super::opening::{Gap, Opening, Place};
use crate::record::cursor::TopicMark;
use crate::record::{Cursor, Loss, PartitionSet, Record, TopicName, Until};
use std::collections::BTreeMap;

/// A reader's positions.
#[derive(Debug)]
pub struct Track {
    cursor: Cursor,
    /// In the order of the cursor's segments.
    topics: Vec<Topic>,
    until: Option<Until>,
    /// Whether `until` means the ends of the logs by now.
    passed: bool,
    /// How many partitions have not come to the end that was told.
    behind: usize,
    /// How many partitions may still be read on.
    open: usize,
}

#[derive(Debug)]
struct Topic {
    name: TopicName,
    /// How many partitions can be read: 0 when it is deleted.
    known: usize,
    partitions: Vec<Partition>,
}

#[derive(Clone, Debug)]
struct Partition {
    selected: bool,
    /// The end to catch up with.
    end: i64,
    /// Where `until` ends it, once that is a number.
    stop: Option<i64>,
    done: bool,
}

/// A topic as the cluster has it: its name, its mark, and how many partitions it has.
pub type Sight = (TopicName, TopicMark, usize);

impl Track {
    /// Stands where `opening` says. `now` is the time in epoch milliseconds.
    pub fn new(opening: &Opening, until: Option<Until>, now: i64) -> Self {
        let passed = has_passed(until, now);
        let (cursor, topics) = (Cursor::default(), Vec::new());
        let mut track = Self { cursor, topics, until, passed, behind: 0, open: 0 };
        track.stand(opening, |place, p| Partition {
            selected: place.selected[p],
            end: place.end[p],
            stop: passed.then_some(place.end[p]),
            done: false,
        });
        track
    }

    /// Goes on from a new opening, and gives the gaps that were not told before.
    ///
    /// The end that was told stays the mark to catch up with, and to stop at, unless the log now ends before it.
    /// Partitions and topics that joined have no such mark.
    pub fn reopen(&mut self, opening: &Opening, now: i64) -> Vec<Gap> {
        self.passed = has_passed(self.until, now);
        let (until, passed, old) = (self.until, self.passed, std::mem::take(&mut self.topics));
        let find = |name: &TopicName| old.iter().find(|topic| topic.name == *name);
        self.stand(opening, |place, p| {
            let (end, next, selected) = (place.end[p], place.next[p], place.selected[p]);
            match find(&place.name).and_then(|topic| topic.partitions.get(p)) {
                Some(told) => {
                    let stop = told.stop.or(passed.then_some(end)).map(|stop| stop.min(end));
                    Partition { selected, end: told.end.min(end), stop, done: told.done }
                }
                None => {
                    let stop = if until == Some(Until::Now) { next } else { end };
                    Partition { selected, end: next, stop: passed.then_some(stop), done: false }
                }
            }
        });
        let told = |gap: &Gap| gap.reason == Loss::Deleted && find(&gap.topic).is_some_and(|t| t.known == 0);
        opening.gaps.iter().filter(|gap| !told(gap)).cloned().collect()
    }

    fn stand(&mut self, opening: &Opening, partition: impl Fn(&Place, usize) -> Partition) {
        self.topics = opening
            .places
            .iter()
            .map(|place| {
                let partitions = (0..place.next.len()).map(|p| {
                    let mut partition = partition(place, p);
                    // What is not read holds nothing back, and neither does what cannot be read.
                    partition.done |= !partition.selected
                        || p >= place.known && self.until.is_some()
                        || partition.stop.is_some_and(|stop| place.next[p] >= stop);
                    partition
                });
                Topic { name: place.name.clone(), known: place.known, partitions: partitions.collect() }
            })
            .collect();
        self.cursor = opening.cursor();
        let all = || self.topics.iter().zip(&self.cursor.segments);
        let all = || all().flat_map(|(topic, segment)| topic.partitions.iter().zip(&segment.next));
        self.behind = all().filter(|(partition, next)| partition.selected && **next < partition.end).count();
        self.open = all().filter(|(partition, _)| !partition.done).count();
    }

    /// Where the reader stands.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Every topic's name and next offsets, by partition.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicName, &[i64])> {
        let segments = self.cursor.segments.iter().map(|segment| &segment.next[..]);
        self.topics.iter().map(|topic| &topic.name).zip(segments)
    }

    /// Every topic that the cursor has a segment of: those that are gone too, which may be made again.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.iter().map(|topic| &topic.name)
    }

    /// Whether every partition that is read ends at a number, whatever is still to come.
    pub fn ends_by_number(&self) -> bool {
        self.passed
    }

    /// Whether every partition that is read has come to the end that was told.
    pub fn caught_up(&self) -> bool {
        self.behind == 0
    }

    /// Whether `until` is reached everywhere.
    pub fn finished(&self) -> bool {
        self.until.is_some() && self.open == 0 && (self.passed || !self.topics.is_empty())
    }

    /// Where the partition `p` of the topic at `t` stands, for who looks whether something it wants lies before some place:
    /// a partition that it wants nothing of stands behind every place, and one it has never heard of at its beginning.
    pub fn stands(&self, t: usize, p: usize) -> i64 {
        match self.topics[t].partitions.get(p) {
            Some(partition) if partition.done => i64::MAX,
            Some(_) => self.cursor.segments[t].next[p],
            None => 0,
        }
    }

    /// How many partitions of the topic at `t` it knows of.
    pub fn partitions(&self, t: usize) -> usize {
        self.topics[t].partitions.len()
    }

    /// The topics of which there is something to read, each with its number.
    pub fn live(&self) -> impl Iterator<Item = (usize, &TopicName)> {
        let open = |topic: &Topic| topic.partitions[..topic.known].iter().any(|partition| !partition.done);
        let live = self.topics.iter().enumerate().filter(move |(_, topic)| open(topic));
        live.map(|(t, topic)| (t, &topic.name))
    }

    /// Learns that the topic at `t` has as many partitions; those of the new ones that are `chosen` are read from their
    /// beginning.
    pub fn learn(&mut self, t: usize, partitions: usize, chosen: Option<&PartitionSet>) {
        let topic = &mut self.topics[t];
        topic.known = topic.known.max(partitions);
        for p in topic.partitions.len()..partitions {
            let selected = chosen.is_none_or(|chosen| chosen.contains(p as i32));
            topic.partitions.push(Partition { selected, end: 0, stop: None, done: !selected });
            self.cursor.segments[t].next.push(0);
            self.open += usize::from(selected);
        }
    }

    /// Goes on at `to` in the topic at `t`, of which it has learned, and gives what was left out.
    pub fn skip(&mut self, t: usize, to: &[i64]) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (p, to) in to.iter().enumerate() {
            let from = self.cursor.segments[t].next[p];
            if self.topics[t].partitions[p].done || from >= *to {
                continue;
            }
            let (topic, reason) = (self.topics[t].name.clone(), Loss::Slow);
            gaps.push(Gap { topic, partition: p as i32, from, to: Some(*to), reason });
            self.advance((t, p), *to);
        }
        gaps
    }

    /// Whether a viewer sees all that passes, and stands exactly at `before` of the only topic; and comes on the way from there
    /// to `after` to no end that it was told.
    pub fn in_step(&self, before: &[i64], after: &[i64]) -> bool {
        let catches_up = || {
            let ends = self.topics[0].partitions.iter().map(|partition| partition.end);
            before.iter().zip(after).zip(ends).any(|((before, after), end)| *before < end && *after >= end)
        };
        self.until.is_none()
            && self.topics.len() == 1
            && self.cursor.segments[0].next == before
            && self.topics[0].partitions.iter().all(|partition| partition.selected)
            && (self.behind == 0 || !catches_up())
    }

    /// Goes on with the only topic to `positions`, after all that passed was seen.
    pub fn step(&mut self, positions: &[i64]) {
        self.cursor.segments[0].next.copy_from_slice(positions);
    }

    /// Whether the cluster's topics are no longer those that are read: one joined, is gone, was made anew, or grew.
    ///
    /// Fewer partitions than before are only a broker that has not heard yet.
    pub fn differs(&self, seen: &[Sight]) -> bool {
        let topics = self.topics.iter().zip(&self.cursor.segments).filter(|(topic, _)| topic.known > 0);
        let live: BTreeMap<_, _> =
            topics.map(|(topic, segment)| (&topic.name, (segment.topic, topic.known))).collect();
        let gone = live.keys().any(|name| seen.iter().all(|(seen, ..)| seen != *name));
        gone || seen.iter().any(|(name, mark, partitions)| {
            live.get(name).is_none_or(|(known, count)| !known.same_id(*mark) || partitions > count)
        })
    }

    /// Takes a record of the topic at `t`, if it is one to deliver: not seen before, and not past the end.
    pub fn take(&mut self, t: usize, record: &Record) -> bool {
        let p = usize::try_from(record.partition).ok().filter(|p| *p < self.topics[t].partitions.len());
        p.is_some_and(|p| self.take_at((t, p), record))
    }

    fn take_at(&mut self, (t, p): (usize, usize), record: &Record) -> bool {
        let partition = &self.topics[t].partitions[p];
        if partition.done || record.offset < self.cursor.segments[t].next[p] {
            return false;
        }
        let late = match (self.until, record.timestamp) {
            (Some(Until::Time(end)), Some(stamp)) => stamp >= end,
            _ => false,
        };
        let stop = partition.stop.filter(|stop| record.offset >= *stop);
        match (stop, late) {
            // All that lies before the stop was read, whatever the next record's number is.
            (Some(stop), _) => self.advance((t, p), stop),
            (None, true) => {
                self.advance((t, p), record.offset);
                self.close((t, p));
            }
            (None, false) => {
                self.advance((t, p), record.offset + 1);
                return true;
            }
        }
        false
    }

    /// Notes that nothing is to be seen of a partition of the topic at `t` before `next`. Gives whether that moved the
    /// cursor.
    pub fn moved(&mut self, t: usize, partition: i32, next: i64) -> bool {
        let p = usize::try_from(partition).ok().filter(|p| *p < self.topics[t].partitions.len());
        p.is_some_and(|p| self.move_to((t, p), next))
    }

    fn move_to(&mut self, (t, p): (usize, usize), next: i64) -> bool {
        let stop = self.topics[t].partitions[p].stop.unwrap_or(i64::MAX);
        let next = next.min(stop);
        let moved = !self.topics[t].partitions[p].done && next > self.cursor.segments[t].next[p];
        if moved {
            self.advance((t, p), next);
        }
        moved
    }

    fn advance(&mut self, (t, p): (usize, usize), next: i64) {
        let before = std::mem::replace(&mut self.cursor.segments[t].next[p], next);
        let partition = &self.topics[t].partitions[p];
        if before < partition.end && next >= partition.end {
            self.behind -= 1;
        }
        if partition.stop.is_some_and(|stop| next >= stop) {
            self.close((t, p));
        }
    }

    fn close(&mut self, (t, p): (usize, usize)) {
        let partition = &mut self.topics[t].partitions[p];
        if !std::mem::replace(&mut partition.done, true) {
            self.open -= 1;
            // It will come no nearer to the end that was told.
            if self.cursor.segments[t].next[p] < partition.end {
                self.behind -= 1;
                partition.end = i64::MIN;
            }
        }
    }
}

/// Whether `until` means the ends of the logs as they stand at `now`.
fn has_passed(until: Option<Until>, now: i64) -> bool {
    until.is_some_and(|until| match until {
        Until::Now => true,
        Until::Time(end) => end <= now,
    })
}
