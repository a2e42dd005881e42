//! What a stream or a page is asked for: what it reads, and how it is told.

use super::live::Watch;
use crate::record::{
    Cursor, Filter, Isolation, OnLoss, OnSlow, PartitionSet, Record, Selection, Start, Until,
};
use crate::wire::Format;
use std::sync::Arc;
use std::time::Duration;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The topics.
    pub topics: Selection,
    /// Where to begin.
    pub from: Start,
    /// Where an earlier reader stood; it goes before `from`.
    pub resume: Option<Cursor>,
    /// Where to end.
    pub until: Option<Until>,
    /// The partitions to read, of every topic; all, when `None`. Explicit offsets in `from` name theirs here too.
    pub partitions: Option<PartitionSet>,
    /// Which records of transactions are seen.
    pub isolation: Isolation,
    /// What a position that is gone means.
    pub on_loss: OnLoss,
    /// Which records are given; all, when `None`. The others are read and passed over.
    pub filter: Option<Arc<Filter>>,
}

impl Reading {
    /// How it watches tapes.
    pub(super) fn watch(&self, flush: Duration) -> Watch<'_> {
        Watch { isolation: self.isolation, flush, filter: self.filter.as_ref() }
    }

    /// The cursor that decides where to begin, if one does.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.from {
            Start::Cursor(from) => self.resume.as_ref().or(Some(from)),
            _ => self.resume.as_ref(),
        }
    }
}

/// How a stream is told.
#[derive(Clone, Debug)]
pub struct Manner {
    /// The form of its frames.
    pub format: Format,
    /// Which records carry an id.
    pub ids: Ids,
    /// The longest silence.
    pub heartbeat: Duration,
    /// Whether a heartbeat is an event that page code sees.
    pub ping: bool,
    /// About how long it lives; for ever, when `None`.
    pub max_age: Option<Duration>,
    /// How long frames may wait to share a write with others.
    pub flush: Duration,
    /// What becomes of it when a ring leaves it behind.
    pub on_slow: OnSlow,
    /// What is said of a record that cannot be told in the form that was asked for.
    pub not_json: Problem,
}

/// Which records of a stream carry an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Every one.
    #[default]
    Event,
    /// The last of those that are written at once.
    Flush,
}

/// Writes the problem of a record as JSON on one line.
#[derive(Clone)]
pub struct Problem(pub Arc<dyn Fn(&Record) -> String + Send + Sync>);

impl std::fmt::Debug for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Problem")
    }
}
