//! A stretch of a tape: what passed between two moments, with the positions before and after it.
//!
//! A block never changes. What it looks like on the wire is made once for each form that somebody watches, by whoever
//! comes first, and shared by all: a viewer in step with the tape is sent the very bytes.

use super::pinned::Pinned;
use crate::record::cursor::TopicMark;
use crate::record::{Cursor, Filter, Record, Subject};
use crate::wire::Format;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What stands on a tape.
#[derive(Clone, Debug)]
pub enum Passed {
    /// A record.
    Record(Record),
    /// Offsets without records that anybody sees: markers, aborted or compacted records.
    Moved {
        /// The partition.
        partition: i32,
        /// What comes after them.
        next: i64,
    },
}

impl Passed {
    /// The partition, and the offset that comes next in it.
    pub fn next(&self) -> (usize, i64) {
        match self {
            Self::Record(record) => (record.partition as usize, record.offset + 1),
            Self::Moved { partition, next } => (*partition as usize, *next),
        }
    }
}

/// The filters of those who watch a tape, each once.
pub type Filters = Arc<[Arc<Filter>]>;

/// A stretch of a tape.
#[derive(Debug)]
pub struct Block {
    mark: TopicMark,
    passed: Vec<Passed>,
    records: usize,
    before: Arc<[i64]>,
    after: Arc<[i64]>,
    sealed: Instant,
    /// About how many bytes it takes in all.
    weight: usize,
    /// Those that viewers had when it was made, and what each of them wants of the records.
    filters: Filters,
    pinned: Arc<Pinned>,
    wanted: OnceLock<Vec<Box<[bool]>>>,
    forms: [OnceLock<Box<Encoded>>; Format::COUNT],
}

/// A block on the wire, in one form.
#[derive(Debug)]
pub struct Encoded {
    /// All frames, each with the id of a viewer that is in step.
    pub frames: Bytes,
    /// Where in them each record stands, without its end; nowhere, when it cannot be told in this form.
    pub bodies: Vec<Range<usize>>,
    /// Whether every record can be told in this form.
    pub complete: bool,
}

impl Block {
    /// What passed after the positions `before` of a topic, and led to `after`.
    pub fn new(
        mark: TopicMark,
        passed: Vec<Passed>,
        (before, after): (Arc<[i64]>, Arc<[i64]>),
        (sealed, weight): (Instant, usize),
        (filters, pinned): (Filters, Arc<Pinned>),
    ) -> Self {
        let records = passed.iter().filter(|passed| matches!(passed, Passed::Record(_))).count();
        let (wanted, forms) = Default::default();
        Self { mark, passed, records, before, after, sealed, weight, filters, pinned, wanted, forms }
    }

    /// What passed, in order.
    pub fn passed(&self) -> &[Passed] {
        &self.passed
    }

    /// How many records are in it.
    pub fn records(&self) -> usize {
        self.records
    }

    /// The positions before it. Partitions that are not among them begin at 0.
    pub fn before(&self) -> &[i64] {
        &self.before
    }

    /// The positions after it.
    pub fn after(&self) -> &[i64] {
        &self.after
    }

    /// Whether the last that passed is a record, so that its id tells where the block ends.
    pub fn ends_with_record(&self) -> bool {
        matches!(self.passed.last(), Some(Passed::Record(_)))
    }

    /// When it was made.
    pub fn sealed(&self) -> Instant {
        self.sealed
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Which of its records a filter wants, by their order; `None` when nobody had that filter when the block was made.
    /// Everything that filters ask of a record is asked at once, so its value is parsed once.
    pub fn wanted(&self, filter: &Arc<Filter>) -> Option<&[bool]> {
        let known = |other: &Arc<Filter>| Arc::ptr_eq(other, filter) || other == filter;
        let index = self.filters.iter().position(known)?;
        Some(&self.wanted.get_or_init(|| self.sift())[index])
    }

    fn sift(&self) -> Vec<Box<[bool]>> {
        let mut wanted = vec![Vec::with_capacity(self.records); self.filters.len()];
        for passed in &self.passed {
            let Passed::Record(record) = passed else { continue };
            let subject = Subject::new(record);
            for (filter, wanted) in self.filters.iter().zip(&mut wanted) {
                wanted.push(filter.matches(&subject));
            }
        }
        wanted.into_iter().map(Vec::into_boxed_slice).collect()
    }

    /// Its frames in this form.
    pub fn encoded(&self, format: Format) -> &Encoded {
        self.forms[format.index()].get_or_init(|| Box::new(self.encode(format)))
    }

    fn encode(&self, format: Format) -> Encoded {
        let mut cursor = Cursor::of(self.mark, self.before.to_vec());
        let (mut out, mut id, mut scratch) =
            (BytesMut::with_capacity(self.weight), String::new(), Vec::new());
        let (mut bodies, mut complete) = (Vec::with_capacity(self.records), true);
        for passed in &self.passed {
            let (partition, next) = passed.next();
            if let Some(at) = cursor.segments[0].next.get_mut(partition) {
                *at = next;
            }
            let Passed::Record(record) = passed else { continue };
            let begun = out.len();
            if format.write_record(record, &mut out).is_err() {
                complete = false;
                bodies.push(begun..begun);
                continue;
            }
            bodies.push(begun..out.len());
            id.clear();
            cursor.write(&mut scratch, &mut id);
            format.write_end(Some(&id), &mut out);
        }
        Encoded { frames: self.pinned.hold(out.freeze()), bodies, complete }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let frames = self.forms.iter().filter_map(OnceLock::get);
        self.pinned.release(frames.map(|encoded| encoded.frames.len()).sum());
    }
}
