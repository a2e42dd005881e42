//! What the load client does with bytes: undo chunked coding (RFC 9112, section 7.1), and see the frames of an event
//! stream. A refusal has a length instead, and is seen as a stream that ends.
//!
//! Every delivery of every viewer comes through here, so nothing is allocated and nothing is parsed but what is
//! asked: a record's line begins with the name of its topic and its position, and ends with its stamp. Only frames that
//! are whole count, so that what is cut off between two reads, or by a connection's end, is seen once or not at all.

use crate::Result;
use crate::stamp;
use memchr::memchr;
use std::ops::Range;

/// The longest head of an answer, in bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// Undoes the chunked coding of one connection.
pub struct Decoder {
    state: State,
    head: Vec<u8>,
}

enum State {
    Head,
    /// In a size line that has come to this so far.
    Size(usize),
    /// So many bytes of a chunk are to come.
    Chunk(usize),
    /// So many bytes of a line break are to come.
    Break(usize),
    /// So many bytes of a body that is not chunked are to come.
    Plain(usize),
    Ended,
}

impl Decoder {
    pub fn new() -> Self {
        Self { state: State::Head, head: Vec::new() }
    }

    /// Whether the last chunk has come.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Decodes `raw` within `buffer`, in place, behind the text in front of it that was `carried` over; says where all
    /// of the text is. `chunk` is shown each piece of a chunk, and whether the piece begins one.
    ///
    /// # Errors
    /// When the answer is not 200, or neither chunked nor of a told length.
    pub fn decode(
        &mut self,
        buffer: &mut [u8],
        carried: usize,
        raw: Range<usize>,
        mut chunk: impl FnMut(&[u8], bool),
    ) -> Result<Range<usize>> {
        let mut text = raw.start - carried..raw.start;
        let mut at = raw.start;
        let mut begins = false;
        while at < raw.end {
            match self.state {
                State::Head => at = self.read_head(buffer, at..raw.end)?,
                State::Size(size) => {
                    self.state = match buffer[at] {
                        b'\n' if size == 0 => State::Ended,
                        b'\n' => State::Chunk(size),
                        b'\r' => State::Size(size),
                        other => {
                            let digit = char::from(other).to_digit(16).ok_or("not a chunk's size")?;
                            State::Size(size * 16 + digit as usize)
                        }
                    };
                    begins = true;
                    at += 1;
                }
                State::Chunk(left) | State::Plain(left) => {
                    let piece = at..raw.end.min(at + left);
                    chunk(&buffer[piece.clone()], begins);
                    begins = false;
                    if text.is_empty() {
                        text = piece.clone();
                    } else {
                        // Frames lie together again, without the size line that came in between.
                        buffer.copy_within(piece.clone(), text.end);
                        text.end += piece.len();
                    }
                    at = piece.end;
                    self.state = match (&self.state, left - piece.len()) {
                        (State::Plain(_), 0) => State::Ended,
                        (State::Plain(_), left) => State::Plain(left),
                        (_, 0) => State::Break(2),
                        (_, left) => State::Chunk(left),
                    };
                }
                State::Break(left) => {
                    self.state = if left > 1 { State::Break(left - 1) } else { State::Size(0) };
                    at += 1;
                }
                State::Ended => at = raw.end,
            }
        }
        Ok(text)
    }

    /// Reads what there is of the head; says where the body begins.
    fn read_head(&mut self, buffer: &[u8], raw: Range<usize>) -> Result<usize> {
        let before = self.head.len();
        self.head.extend_from_slice(&buffer[raw.clone()]);
        let Some(end) = memchr::memmem::find(&self.head, b"\r\n\r\n") else {
            let fits = self.head.len() <= HEAD_BYTES;
            return fits.then_some(raw.end).ok_or_else(|| "an endless head".into());
        };
        let text = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        self.state = match length.and_then(|length| length.parse().ok()) {
            _ if !text.starts_with("http/1.1 200") => return Err(String::from_utf8_lossy(&self.head).into()),
            Some(length) => State::Plain(length),
            None if text.contains("transfer-encoding: chunked") => State::Size(0),
            None => return Err(format!("an answer without an end: {text}").into()),
        };
        self.head = Vec::new();
        Ok(raw.start + end + 4 - before)
    }
}

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
