//! Where a reader begins in every partition of every topic it reads, judged against what the logs still hold.
//!
//! Everything a client may ask for becomes one number per partition before the first byte is sent, so that a quiet
//! partition loses nothing when the reader comes back. A number the log no longer has, or never had, is a loss: it is
//! told, and reading goes on where [`OnLoss`] says, or at the log's end where the log was cut back.

#[cfg(test)]
mod tests;

use crate::kafka::catalog::Watermarks;
use crate::record::cursor::{Segment, TopicMark};
use crate::record::{Cursor, Isolation, Loss, OnLoss, PartitionSet, TopicName};
use std::sync::Arc;

/// What is known of a selected topic when a reader opens.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: TopicName,
    /// The topic as cursors name it.
    pub mark: TopicMark,
    /// Whether the request names it outright; else a pattern matched it.
    pub literal: bool,
    /// Where its logs begin and end; `None` when there is no such topic.
    pub log: Option<Arc<Watermarks>>,
    /// Where `from` puts each partition.
    pub starts: Vec<i64>,
}

/// What a client asked for, as far as it decides where to begin.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The cursor it brought.
    pub cursor: Option<&'a Cursor>,
    /// The partitions it reads; all, when `None`.
    pub partitions: Option<&'a PartitionSet>,
    /// Which records of transactions it sees.
    pub isolation: Isolation,
    /// What a position that is gone means to it.
    pub on_loss: OnLoss,
    /// Whether the starts in the views are numbers of the client's own, to be judged as a cursor's are.
    pub explicit: bool,
}

/// A resolved beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Every topic it reads, in byte order of their names.
    pub places: Vec<Place>,
    /// The worst loss, if any.
    pub loss: Option<Loss>,
    /// What was lost, partition by partition.
    pub gaps: Vec<Gap>,
    /// Whether `-N` found fewer records than it was asked for, though the log may hold more.
    pub short: bool,
}

/// Where a reader stands in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub name: TopicName,
    /// The topic as cursors name it.
    pub mark: TopicMark,
    /// How many partitions can be read: 0 when the topic is deleted.
    pub known: usize,
    /// The next offset of every partition.
    pub next: Vec<i64>,
    /// Which partitions are read.
    pub selected: Vec<bool>,
    /// Where each partition ended when this was resolved.
    pub end: Vec<i64>,
}

/// Offsets that a reader will not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset that was asked for.
    pub from: i64,
    /// The offset at which reading goes on; `None` where there is nothing to go on with.
    pub to: Option<i64>,
    /// Why.
    pub reason: Loss,
}

impl Gap {
    /// As clients are told of it.
    pub fn data(&self) -> serde_json::Value {
        serde_json::json!({
            "topic": self.topic.as_str(),
            "partition": self.partition,
            "from": self.from,
            "to": self.to,
            "reason": self.reason.as_str(),
        })
    }
}

/// Something was lost, and the client wants to hear of it instead of going on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the position is lost ({}), and `on_loss=fail` asks not to go on", .0.as_str())]
pub struct Lost(pub Loss);

impl Opening {
    /// Resolves what was asked for; `views` are in byte order of their names.
    ///
    /// # Errors
    /// When something is lost and [`OnLoss::Fail`] was asked for.
    pub fn resolve(asked: Asked<'_>, views: &[View]) -> Result<Self, Lost> {
        let mut opening = Self::default();
        let cursor = asked.cursor.filter(|cursor| !cursor.segments.is_empty());
        let segment_of = |view: &View| {
            cursor.and_then(|cursor| cursor.segments.iter().find(|s| s.topic.same_name(view.mark)))
        };
        // Nothing in it speaks of these topics on this cluster, so its numbers mean nothing here.
        let foreign = cursor.is_some() && !views.iter().any(|view| segment_of(view).is_some());
        for view in views {
            let segment = segment_of(view);
            let (place, gaps) = match (&view.log, segment) {
                (Some(log), _) => Judge::new(asked, view, log).settle(segment, foreign),
                (None, Some(segment)) => deleted(asked, view, segment),
                (None, None) => continue,
            };
            opening.places.push(place);
            opening.gaps.extend(gaps);
        }
        let told = opening.gaps.iter().map(|gap| gap.reason).filter(|reason| *reason != Loss::Deleted);
        opening.loss = told.chain(foreign.then_some(Loss::Foreign)).min();
        match opening.loss {
            Some(loss) if asked.on_loss == OnLoss::Fail => Err(Lost(loss)),
            _ => Ok(opening),
        }
    }

    /// The cursor that says where this begins.
    pub fn cursor(&self) -> Cursor {
        let segment = |place: &Place| Segment { topic: place.mark, next: place.next.clone() };
        Cursor { segments: self.places.iter().map(segment).collect(), finished: false }
    }
}

/// A topic that is gone keeps its numbers, so that it is told from another should it be made again.
fn deleted(asked: Asked<'_>, view: &View, segment: &Segment) -> (Place, Vec<Gap>) {
    let selected = selected(asked.partitions, segment.next.len());
    let (topic, next) = (&view.name, &segment.next);
    let gaps = (0..).zip(next).zip(&selected).filter(|(_, on)| **on).map(|((partition, from), _)| Gap {
        topic: topic.clone(),
        partition,
        from: *from,
        to: None,
        reason: Loss::Deleted,
    });
    let gaps = gaps.collect();
    let (next, end, mark) = (next.clone(), next.clone(), segment.topic);
    (Place { name: topic.clone(), mark, known: 0, next, selected, end }, gaps)
}

fn selected(partitions: Option<&PartitionSet>, count: usize) -> Vec<bool> {
    (0..).take(count).map(|p| partitions.is_none_or(|set| set.contains(p))).collect()
}

/// Places the partitions of one topic.
struct Judge<'a> {
    asked: Asked<'a>,
    view: &'a View,
    log: &'a Watermarks,
    place: Place,
    gaps: Vec<Gap>,
}

impl<'a> Judge<'a> {
    /// Stands where `from` says.
    fn new(asked: Asked<'a>, view: &'a View, log: &'a Watermarks) -> Self {
        let end = log.end(asked.isolation).to_vec();
        let place = Place {
            name: view.name.clone(),
            mark: view.mark,
            known: end.len(),
            next: view.starts.clone(),
            selected: selected(asked.partitions, end.len()),
            end,
        };
        Self { asked, view, log, place, gaps: Vec::new() }
    }

    /// Decides where the topic is read from. `foreign` is a cursor that speaks of none of the topics.
    fn settle(mut self, segment: Option<&Segment>, foreign: bool) -> (Place, Vec<Gap>) {
        match segment {
            Some(segment) => self.follow(segment),
            None if foreign => self.place.next = self.anew(),
            // Younger than the cursor: all of it is new.
            None if self.asked.cursor.is_some() && !self.view.literal => {
                self.place.next.clone_from(&self.log.earliest);
            }
            None if self.asked.explicit => {
                (0..self.place.known).for_each(|p| self.judge(p, self.view.starts[p]))
            }
            None => {}
        }
        (self.place, self.gaps)
    }

    fn follow(&mut self, segment: &Segment) {
        let (mark, known) = (self.view.mark, self.place.known);
        let certain = mark.has_id() && segment.topic.has_id();
        if !segment.topic.same_id(mark) || (!certain && segment.next.len() > known) {
            return self.begin_anew(segment);
        }
        for p in 0..known {
            match segment.next.get(p) {
                // Added since the cursor was written: all of it is new.
                None => self.place.next[p] = self.log.earliest[p],
                Some(next) => self.judge(p, *next),
            }
        }
        // The broker that was asked has not heard yet of partitions that the cursor knows: they keep their numbers.
        let unheard = segment.next.get(known..).unwrap_or_default();
        self.place.next.extend_from_slice(unheard);
        self.place.end.extend_from_slice(unheard);
        self.place.selected = selected(self.asked.partitions, self.place.next.len());
    }

    /// The topic was deleted and made again: its numbers start over.
    fn begin_anew(&mut self, segment: &Segment) {
        self.place.next = self.anew();
        for p in 0..self.place.known {
            let from = segment.next.get(p).copied().unwrap_or(0);
            self.lose(p, from, self.place.next[p], Loss::Recreated);
        }
    }

    /// Where reading goes on when the numbers that were brought mean nothing.
    fn anew(&self) -> Vec<i64> {
        match self.asked.on_loss {
            OnLoss::Latest => self.place.end.clone(),
            OnLoss::Earliest | OnLoss::Fail => self.log.earliest.clone(),
        }
    }

    /// Places one partition at `asked`, or where the log allows. No loss is judged on a partition that is not read.
    fn judge(&mut self, p: usize, asked: i64) {
        self.place.next[p] = asked;
        if asked < self.log.earliest[p] {
            self.lose(p, asked, self.anew()[p], Loss::Expired);
        } else if asked > self.log.high[p] {
            self.lose(p, asked, self.place.end[p], Loss::Truncated);
        }
    }

    fn lose(&mut self, p: usize, from: i64, to: i64, reason: Loss) {
        if !self.place.selected[p] {
            return;
        }
        self.place.next[p] = to;
        let topic = self.view.name.clone();
        self.gaps.push(Gap { topic, partition: p as i32, from, to: Some(to), reason });
    }
}
