//! What the load client does with decoded bytes: see the frames of an event stream.
//!
//! Every delivery of every viewer comes through here, so nothing is allocated and nothing is parsed but what is
//! asked: a record's line begins with the name of its topic and its position, and ends with its stamp. Only frames that
//! are whole count, so that what is cut off between two reads, or by a connection's end, is seen once or not at all.

use crate::Result;
use crate::stamp;
use memchr::memchr;
use std::ops::Range;

/// A whole frame.
pub enum Frame<'a> {
    Record { partition: usize, offset: i64, sent_us: u64 },
    Event(Event<'a>),
}

/// A named event, or a `retry` by itself.
#[derive(Clone, Copy, Default)]
pub struct Event<'a> {
    pub name: &'a [u8],
    pub data: &'a [u8],
    pub retry_ms: Option<u64>,
}

/// Sees the frames of streams of one topic.
pub struct Scanner {
    /// How the line of a record begins.
    beginning: Vec<u8>,
}

/// How far a text was seen, and where its last id is.
pub struct Seen {
    pub end: usize,
    pub id: Option<Range<usize>>,
}

impl Scanner {
    pub fn new(topic: &str) -> Self {
        Self { beginning: format!(r#"data: {{"topic":"{topic}","partition":"#).into_bytes() }
    }

    /// Shows `see` the whole frames of a text that begins with one.
    ///
    /// # Errors
    /// When a line is not what the gateway writes.
    pub fn scan(&self, text: &[u8], mut see: impl FnMut(Frame<'_>) -> Result<()>) -> Result<Seen> {
        let (mut seen, mut at) = (Seen { end: 0, id: None }, 0);
        let (mut record, mut event, mut id) = (None, Event::default(), None);
        while let Some(length) = memchr(b'\n', &text[at..]) {
            let line = &text[at..at + length];
            if let Some(rest) = line.strip_prefix(&self.beginning[..]) {
                record = Some(record_of(rest).ok_or_else(|| foreign(line))?);
            } else if line.starts_with(b"id: ") {
                id = Some(at + 4..at + length);
            } else if !line.is_empty() {
                event.take(line)?;
            } else {
                match record.take() {
                    Some(record) => see(record)?,
                    None => see(Frame::Event(std::mem::take(&mut event)))?,
                }
                seen = Seen { end: at + 1, id: id.take().or(seen.id) };
            }
            at += length + 1;
        }
        Ok(seen)
    }
}

impl<'a> Event<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<()> {
        if let Some(name) = line.strip_prefix(b"event: ") {
            self.name = name;
        } else if let Some(data) = line.strip_prefix(b"data: ") {
            if self.name.is_empty() && data.starts_with(br#"{"topic""#) {
                return Err(foreign(line));
            }
            self.data = data;
        } else if let Some(retry) = line.strip_prefix(b"retry: ") {
            self.retry_ms = stamp::number(retry);
        } else if !line.starts_with(b":") {
            return Err(foreign(line));
        }
        Ok(())
    }
}

/// A record whose line goes on, behind its topic, with `rest`.
fn record_of(rest: &[u8]) -> Option<Frame<'static>> {
    let comma = memchr(b',', rest)?;
    let partition = usize::try_from(stamp::number(&rest[..comma])?).ok()?;
    let behind = rest[comma..].strip_prefix(br#","offset":"#)?;
    let offset = i64::try_from(stamp::number(&behind[..memchr(b',', behind)?])?).ok()?;
    Some(Frame::Record { partition, offset, sent_us: stamp::of_line(behind)? })
}

fn foreign(line: &[u8]) -> Box<dyn std::error::Error + Send + Sync> {
    format!("a line that no gateway writes: {}", String::from_utf8_lossy(line)).into()
}
