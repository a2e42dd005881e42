//! One viewer: what its reader sees goes in, frames come out, and the cursor is right after each of them.
//!
//! Synchronous and without a clock. The cursor covers every partition of the topic, read or not, and moves only by
//! real positions: a record's offset plus one, or the end that was told when the stream opened.

use super::opening::{Gap, Opening};
use crate::record::{Cursor, Record, TopicName};
use crate::wire::sse::{self, Event, Format};
use bytes::BytesMut;
use serde_json::json;
use std::time::Duration;

/// A viewer's state.
#[derive(Debug)]
pub struct Viewer {
    topic: TopicName,
    format: Format,
    cursor: Cursor,
    /// What the reader has gone past, by partition. The cursor may stand further on, at an end.
    read: Vec<i64>,
    selected: Vec<bool>,
    end: Vec<i64>,
    caught_up: bool,
    id: String,
    scratch: Vec<u8>,
}

impl Viewer {
    /// A viewer that stands at an opening.
    pub fn new(topic: TopicName, format: Format, opening: &Opening) -> Self {
        Self {
            topic,
            format,
            cursor: opening.cursor(),
            read: opening.positions.clone(),
            selected: opening.selected.clone(),
            end: opening.end.clone(),
            caught_up: false,
            id: String::new(),
            scratch: Vec::new(),
        }
    }

    /// Where the viewer stands.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Writes `ready`, then what was lost, then perhaps `caught-up`.
    pub fn open(&mut self, opening: &Opening, heartbeat: Duration, retry: Duration, out: &mut BytesMut) {
        let data = json!({
            "topics": [self.topic.as_str()],
            "positions": { self.topic.as_str(): opening.positions },
            "end": { self.topic.as_str(): opening.end },
            "loss": opening.loss.map_or("none", |loss| loss.as_str()),
            "heartbeat_ms": heartbeat.as_millis() as u64,
        });
        self.event("ready", Some(retry), &data, out);
        self.gaps(&opening.gaps, out);
        self.tell_caught_up(out);
    }

    /// Goes on from a new opening after the old position could not be read on.
    pub fn reopen(&mut self, opening: &Opening, out: &mut BytesMut) {
        self.cursor = opening.cursor();
        self.read.clone_from(&opening.positions);
        // The end that `ready` told stays the mark to catch up with, unless the log now ends before it.
        let told = std::mem::replace(&mut self.end, opening.end.clone());
        for (end, told) in self.end.iter_mut().zip(told) {
            *end = told.min(*end);
        }
        self.selected.clone_from(&opening.selected);
        self.gaps(&opening.gaps, out);
        self.tell_caught_up(out);
    }

    /// Writes a record; `false` when the reader had gone past it already and nothing was written.
    ///
    /// Where the broker that is read from lags behind the one that told the end (another replica, a new leader), a
    /// record may follow an end that was reached too early: it is written all the same, and the cursor goes back to it.
    pub fn record(&mut self, record: &Record, out: &mut BytesMut) -> bool {
        let read = usize::try_from(record.partition).ok().and_then(|p| self.read.get_mut(p));
        let Some(read) = read.filter(|read| record.offset >= **read) else {
            return false;
        };
        *read = record.offset + 1;
        if let Some(next) = self.next_mut(record.partition) {
            *next = record.offset + 1;
        }
        self.refresh_id();
        sse::write_record(record, &self.id, self.format, out);
        self.tell_caught_up(out);
        true
    }

    /// Notes that a partition was read to its end: nothing more stands below the end that was told.
    pub fn reached_end(&mut self, partition: i32, out: &mut BytesMut) {
        let end = usize::try_from(partition).ok().and_then(|p| self.end.get(p)).copied();
        if let (Some(end), Some(next)) = (end, self.next_mut(partition)) {
            *next = end.max(*next);
        }
        self.tell_caught_up(out);
    }

    fn next_mut(&mut self, partition: i32) -> Option<&mut i64> {
        let segment = self.cursor.segments.first_mut()?;
        segment.next.get_mut(usize::try_from(partition).ok()?)
    }

    fn positions(&self) -> &[i64] {
        self.cursor.segments.first().map_or(&[], |segment| &segment.next)
    }

    /// Once a connection, when every partition that is read has come to the end that `ready` told.
    fn tell_caught_up(&mut self, out: &mut BytesMut) {
        let behind = self.positions().iter().zip(&self.end).zip(&self.selected);
        if self.caught_up || behind.into_iter().any(|((next, end), on)| *on && next < end) {
            return;
        }
        self.caught_up = true;
        let data = json!({ "positions": { self.topic.as_str(): self.positions() } });
        self.event("caught-up", None, &data, out);
    }

    fn gaps(&mut self, gaps: &[Gap], out: &mut BytesMut) {
        for gap in gaps {
            let data = json!({
                "topic": self.topic.as_str(),
                "partition": gap.partition,
                "from": gap.from,
                "to": gap.to,
                "reason": gap.reason.as_str(),
            });
            self.event("gap", None, &data, out);
        }
    }

    fn event(&mut self, name: &str, retry: Option<Duration>, data: &serde_json::Value, out: &mut BytesMut) {
        self.refresh_id();
        sse::write_event(Event { name, id: Some(&self.id), retry, data: &data.to_string() }, out);
    }

    fn refresh_id(&mut self) {
        self.id.clear();
        self.cursor.write(&mut self.scratch, &mut self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::catalog::Watermarks;
    use crate::record::Start;
    use crate::record::cursor::TopicMark;

    fn topic() -> TopicName {
        TopicName::parse("t").expect("a legal name")
    }

    fn viewer(from: Start, last_stable: Vec<i64>) -> (Viewer, BytesMut) {
        let log = Watermarks { earliest: vec![0; last_stable.len()], high: last_stable.clone(), last_stable };
        let mark = TopicMark::new("c", &topic(), Some([1; 16]));
        let opening = Opening::resolve(&from, None, mark, &log).expect("partitions exist");
        let mut viewer = Viewer::new(topic(), Format::Value, &opening);
        let mut out = BytesMut::new();
        viewer.open(&opening, Duration::from_secs(15), Duration::from_secs(2), &mut out);
        (viewer, out)
    }

    fn record(partition: i32, offset: i64) -> Record {
        let value = Some(bytes::Bytes::from_static(b"v"));
        Record { topic: topic(), partition, offset, timestamp: None, key: None, value, headers: vec![] }
    }

    fn caught_up(out: &BytesMut) -> bool {
        String::from_utf8_lossy(out).contains("event: caught-up")
    }

    #[test]
    fn a_viewer_that_starts_at_the_end_is_caught_up_at_once() {
        let (_, out) = viewer(Start::Latest, vec![5, 0]);
        assert!(caught_up(&out));
    }

    #[test]
    fn caught_up_comes_once_when_every_partition_reached_the_end_that_was_told() {
        let (mut viewer, mut out) = viewer(Start::Earliest, vec![2, 1]);
        assert!(viewer.record(&record(0, 0), &mut out));
        assert!(viewer.record(&record(0, 1), &mut out));
        assert!(!caught_up(&out), "partition 1 is still behind");
        // The last record below the end was aborted: only the end itself is seen.
        viewer.reached_end(1, &mut out);
        assert!(caught_up(&out));
        assert_eq!(viewer.positions(), [2, 1]);
        out.clear();
        assert!(viewer.record(&record(1, 1), &mut out));
        assert!(!caught_up(&out));
    }

    #[test]
    fn a_record_that_follows_an_end_reached_too_early_is_written() {
        let (mut viewer, mut out) = viewer(Start::Earliest, vec![5]);
        viewer.record(&record(0, 0), &mut out);
        viewer.reached_end(0, &mut out);
        assert_eq!(viewer.positions(), [5]);
        for offset in [3, 4] {
            assert!(viewer.record(&record(0, offset), &mut out));
            assert_eq!(viewer.positions(), [offset + 1]);
        }
        assert!(!viewer.record(&record(0, 4), &mut out));
    }

    #[test]
    fn the_end_that_was_told_does_not_move_when_the_stream_finds_its_place_anew() {
        let (mut viewer, mut out) = viewer(Start::Earliest, vec![2]);
        let log = Watermarks { earliest: vec![0], last_stable: vec![900], high: vec![900] };
        let mark = TopicMark::new("c", &topic(), Some([1; 16]));
        let opening = Opening::resolve(&Start::Earliest, Some(viewer.cursor()), mark, &log);
        viewer.reopen(&opening.expect("partitions exist"), &mut out);
        viewer.record(&record(0, 0), &mut out);
        assert!(!caught_up(&out));
        viewer.record(&record(0, 1), &mut out);
        assert!(caught_up(&out), "900 was told to nobody");
    }

    #[test]
    fn a_record_seen_before_is_not_written_again() {
        let (mut viewer, mut out) = viewer(Start::Earliest, vec![9]);
        assert!(viewer.record(&record(0, 4), &mut out));
        out.clear();
        assert!(!viewer.record(&record(0, 4), &mut out));
        assert!(!viewer.record(&record(7, 0), &mut out), "a partition the cursor does not cover");
        assert!(out.is_empty());
    }

    #[test]
    fn the_id_of_a_record_is_the_cursor_after_it() {
        let (mut viewer, mut out) = viewer(Start::Earliest, vec![9, 9]);
        out.clear();
        viewer.record(&record(1, 6), &mut out);
        let text = String::from_utf8(out.to_vec()).expect("UTF-8");
        let id = text.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
        assert_eq!(Cursor::parse(id).expect("a cursor").segments[0].next, [0, 7]);
    }
}
