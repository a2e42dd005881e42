//! Undoes what HTTP/1.1 puts around a body: a head, and chunked coding (RFC 9112, section 7.1) or a told length.
//!
//! Every byte that a load client reads comes through here, so it works in place and nothing is allocated but the head. A
//! refusal is an error that shows what there is of it.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use crate::Result;
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
    /// When the answer is neither 200 nor 204, or a 200 neither chunked nor of a told length.
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
            _ if text.starts_with("http/1.1 204") => State::Ended,
            _ if !text.starts_with("http/1.1 200") => return Err(String::from_utf8_lossy(&self.head).into()),
            Some(length) => State::Plain(length),
            None if text.contains("transfer-encoding: chunked") => State::Size(0),
            None => return Err(format!("an answer without an end: {text}").into()),
        };
        self.head = Vec::new();
        Ok(raw.start + end + 4 - before)
    }
}
