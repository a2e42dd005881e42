//! Where a stream begins, judged against what the log still holds.
//!
//! Everything a client may ask for becomes one number per partition before the first byte is sent, so that a quiet
//! partition loses nothing when the stream is resumed. A number the log no longer has, or never had, is a loss: it is
//! told, and the stream goes on at the log's start, or at its end where the log was cut back.

use crate::kafka::catalog::Watermarks;
use crate::record::cursor::{Segment, TopicMark};
use crate::record::{Cursor, Loss, Start};
use std::collections::BTreeMap;

/// A resolved beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The topic as cursors name it.
    pub mark: TopicMark,
    /// The next offset of every partition.
    pub positions: Vec<i64>,
    /// Which partitions are read.
    pub selected: Vec<bool>,
    /// Where each partition ended when the stream opened (the last stable offset).
    pub end: Vec<i64>,
    /// The worst loss, if any.
    pub loss: Option<Loss>,
    /// What was lost, partition by partition.
    pub gaps: Vec<Gap>,
}

/// Offsets that a reader will not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The partition.
    pub partition: i32,
    /// The offset that was asked for.
    pub from: i64,
    /// The offset at which the stream goes on.
    pub to: i64,
    /// Why.
    pub reason: Loss,
}

/// Explicit offsets named a partition that the topic does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPartition;

impl Opening {
    /// Resolves a cursor, else `from`, for the topic that `mark` names. A cursor that `from` holds is given as `cursor`.
    ///
    /// # Errors
    /// When explicit offsets name a partition beyond those of `watermarks`.
    pub fn resolve(
        from: &Start,
        cursor: Option<&Cursor>,
        mark: TopicMark,
        watermarks: &Watermarks,
    ) -> Result<Self, NoSuchPartition> {
        let partitions = watermarks.high.len();
        let mut opening = Self {
            mark,
            positions: watermarks.last_stable.clone(),
            selected: vec![true; partitions],
            end: watermarks.last_stable.clone(),
            loss: None,
            gaps: Vec::new(),
        };
        if let Start::Offsets(starts) = from {
            opening.select(starts)?;
        }
        match (cursor.filter(|cursor| !cursor.segments.is_empty()), from) {
            (Some(cursor), _) => opening.follow(cursor, watermarks),
            // An empty cursor says only that nothing was seen: everything is still to come.
            (None, Start::Earliest | Start::Cursor(_)) => opening.positions = watermarks.earliest.clone(),
            (None, Start::Latest) => {}
            (None, Start::Offsets(starts)) => {
                for (partition, offset) in starts {
                    opening.judge(*partition, *offset, watermarks);
                }
            }
        }
        opening.loss = opening.gaps.iter().map(|gap| gap.reason).chain(opening.loss).min();
        Ok(opening)
    }

    /// The cursor that says where this stream begins.
    pub fn cursor(&self) -> Cursor {
        Cursor::of(self.mark, self.positions.clone())
    }

    /// The partitions to read, each with its next offset.
    pub fn reads(&self) -> Vec<(i32, i64)> {
        (0..)
            .zip(&self.positions)
            .zip(&self.selected)
            .filter(|(_, on)| **on)
            .map(|((p, at), _)| (p, *at))
            .collect()
    }

    fn select(&mut self, starts: &BTreeMap<i32, i64>) -> Result<(), NoSuchPartition> {
        self.selected.fill(false);
        for partition in starts.keys() {
            *self.selected.get_mut(*partition as usize).ok_or(NoSuchPartition)? = true;
        }
        Ok(())
    }

    fn follow(&mut self, cursor: &Cursor, watermarks: &Watermarks) {
        let Some(segment) = cursor.segments.iter().find(|segment| segment.topic.same_name(self.mark)) else {
            // Nothing in it speaks of this topic on this cluster, so its numbers mean nothing here.
            self.loss = Some(Loss::Foreign);
            self.positions = watermarks.earliest.clone();
            return;
        };
        if !segment.topic.same_id(self.mark) || segment.next.len() > self.positions.len() {
            return self.begin_anew(segment, watermarks);
        }
        for (partition, earliest) in (0..).zip(&watermarks.earliest) {
            match segment.next.get(partition as usize) {
                // Added since the cursor was written: all of it is new.
                None => self.positions[partition as usize] = *earliest,
                Some(next) => self.judge(partition, *next, watermarks),
            }
        }
    }

    /// The topic was deleted and made again: its numbers start over.
    fn begin_anew(&mut self, segment: &Segment, watermarks: &Watermarks) {
        self.positions = watermarks.earliest.clone();
        for (partition, to) in (0..).zip(&watermarks.earliest) {
            if self.selected[partition as usize] {
                let from = segment.next.get(partition as usize).copied().unwrap_or(0);
                self.gaps.push(Gap { partition, from, to: *to, reason: Loss::Recreated });
            }
        }
        self.loss = Some(Loss::Recreated);
    }

    /// Places one partition at `asked`, or where the log allows. No loss is judged on a partition that is not read.
    fn judge(&mut self, partition: i32, asked: i64, watermarks: &Watermarks) {
        let p = partition as usize;
        let (to, reason) = if asked < watermarks.earliest[p] {
            (watermarks.earliest[p], Some(Loss::Expired))
        } else if asked > watermarks.high[p] {
            (watermarks.last_stable[p], Some(Loss::Truncated))
        } else {
            (asked, None)
        };
        match reason {
            Some(reason) if self.selected[p] => {
                self.gaps.push(Gap { partition, from: asked, to, reason });
                self.positions[p] = to;
            }
            Some(_) => self.positions[p] = asked,
            None => self.positions[p] = to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;

    fn mark_of(name: &str, id: u8) -> TopicMark {
        TopicMark::new("cluster", &TopicName::parse(name).expect("a legal name"), Some([id; 16]))
    }

    fn log() -> Watermarks {
        Watermarks { earliest: vec![10, 0, 0], last_stable: vec![100, 50, 0], high: vec![110, 50, 0] }
    }

    fn resolve(from: Start, cursor: Option<Cursor>) -> Opening {
        Opening::resolve(&from, cursor.as_ref(), mark_of("t", 1), &log()).expect("partitions exist")
    }

    #[test]
    fn words_become_numbers() {
        assert_eq!(resolve(Start::Latest, None).positions, [100, 50, 0]);
        assert_eq!(resolve(Start::Earliest, None).positions, [10, 0, 0]);
        assert_eq!(resolve(Start::Latest, None).loss, None);
    }

    #[test]
    fn explicit_offsets_choose_partitions_and_are_judged() {
        let opening = resolve(Start::Offsets(BTreeMap::from([(0, 5), (1, 7)])), None);
        assert_eq!(opening.positions, [10, 7, 0]);
        assert_eq!(opening.selected, [true, true, false]);
        assert_eq!(opening.gaps, [Gap { partition: 0, from: 5, to: 10, reason: Loss::Expired }]);
        assert_eq!(opening.reads(), [(0, 10), (1, 7)]);
        let missing = Start::Offsets(BTreeMap::from([(3, 0)]));
        assert_eq!(Opening::resolve(&missing, None, mark_of("t", 1), &log()), Err(NoSuchPartition));
    }

    #[test]
    fn a_cursor_replaces_explicit_starts_but_not_their_selection() {
        let cursor = Cursor::of(mark_of("t", 1), vec![20, 30, 0]);
        let opening = resolve(Start::Offsets(BTreeMap::from([(1, 7)])), Some(cursor));
        assert_eq!(opening.positions, [20, 30, 0]);
        assert_eq!(opening.reads(), [(1, 30)]);
    }

    #[test]
    fn no_loss_is_judged_on_a_partition_that_is_not_read() {
        let cursor = Cursor::of(mark_of("t", 1), vec![5, 30, 0]);
        let opening = resolve(Start::Offsets(BTreeMap::from([(1, 7)])), Some(cursor));
        assert_eq!((opening.loss, opening.gaps.len()), (None, 0));
    }

    #[test]
    fn every_loss_is_told_and_goes_on_where_the_log_allows() {
        let table = [
            (Cursor::of(mark_of("t", 1), vec![9, 50, 0]), Some(Loss::Expired), vec![10, 50, 0]),
            (Cursor::of(mark_of("t", 1), vec![111, 50, 0]), Some(Loss::Truncated), vec![100, 50, 0]),
            (Cursor::of(mark_of("t", 1), vec![9, 51, 0]), Some(Loss::Truncated), vec![10, 50, 0]),
            (Cursor::of(mark_of("t", 2), vec![60, 50, 0]), Some(Loss::Recreated), vec![10, 0, 0]),
            (Cursor::of(mark_of("t", 1), vec![60, 50, 0, 7]), Some(Loss::Recreated), vec![10, 0, 0]),
            (Cursor::of(mark_of("u", 1), vec![60, 50, 0]), Some(Loss::Foreign), vec![10, 0, 0]),
            (Cursor::of(mark_of("t", 1), vec![60, 50, 0]), None, vec![60, 50, 0]),
            (Cursor::of(mark_of("t", 1), vec![105, 50, 0]), None, vec![105, 50, 0]),
            (Cursor::of(mark_of("t", 1), vec![60]), None, vec![60, 0, 0]),
            (Cursor::default(), None, vec![100, 50, 0]),
        ];
        for (cursor, loss, positions) in table {
            let opening = resolve(Start::Latest, Some(cursor.clone()));
            assert_eq!((opening.loss, opening.positions), (loss, positions), "{cursor:?}");
        }
    }
}
