//! Two who watch a topic: a native consumer, and a client of the gateway's event stream that reads its own socket.
//!
//! Both block on what brings them records and see the same bytes in them: a stamp that says which record it is and
//! when it was sent, on the clock of this process.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use crate::Result;
use crate::http;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The longest wait for the next record.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a stream's read takes at most, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Where this process counts time from.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The value of record `n`, sent now: 256 bytes of JSON.
pub fn stamp(n: u64) -> String {
    let head = format!(r#"{{"n":{n},"sent_ns":{},"pad":""#, BEGINNING.elapsed().as_nanos());
    format!("{head:x<254}\"}}")
}

/// A record as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Which.
    pub n: u64,
    /// How long after it was sent.
    pub after: Duration,
}

impl Seen {
    fn read(text: &str) -> Result<Self> {
        Self::read_at(BEGINNING.elapsed(), text)
    }

    /// All that stand in a text, seen together.
    pub fn read_all(text: &str) -> Result<Vec<Self>> {
        let now = BEGINNING.elapsed();
        let stamps = text.match_indices("\"n\":").map(|(at, _)| &text[at..]);
        stamps.map(|stamp| Self::read_at(now, stamp)).collect()
    }

    fn read_at(now: Duration, text: &str) -> Result<Self> {
        let (n, sent) = (number(text, "\"n\":")?, number(text, "\"sent_ns\":")?);
        Ok(Self { n, after: now.saturating_sub(Duration::from_nanos(sent)) })
    }
}

fn number(text: &str, name: &str) -> Result<u64> {
    let at = text.find(name).ok_or_else(|| format!("no {name} in {text}"))? + name.len();
    let digits = text[at..].split(|other: char| !other.is_ascii_digit()).next().unwrap_or_default();
    Ok(digits.parse()?)
}

/// Someone who watches a topic.
pub trait Viewer: Send {
    /// The next records, as soon as there are any.
    fn next(&mut self) -> Result<Vec<Seen>>;
}

impl Viewer for BaseConsumer {
    fn next(&mut self) -> Result<Vec<Seen>> {
        let message = self.poll(PATIENCE).ok_or("no record for too long")??;
        let payload = message.payload().ok_or("a record without a value")?;
        Ok(vec![Seen::read(std::str::from_utf8(payload)?)?])
    }
}

/// A connection to the event stream of a topic.
pub struct EventStream {
    socket: TcpStream,
    buffer: Box<[u8]>,
    /// Text that does not end a frame yet.
    rest: String,
}

impl EventStream {
    /// Asks for the stream of `topic`. Its head and first events are left to be read.
    pub fn open(address: SocketAddr, topic: &str, from: &str) -> Result<Self> {
        let socket = http::get(address, &format!("/v1/topics/{topic}/stream?from={from}"))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, buffer: vec![0; READ_BYTES].into(), rest: String::new() })
    }

    /// Reads until the stream says that it stands at the end.
    pub fn catch_up(&mut self) -> Result<()> {
        while !self.frames()?.iter().any(|frame| frame.contains("event: caught-up")) {}
        Ok(())
    }

    /// The next whole frames. A chunk's size line stands before the frame it begins with, and hurts no one here.
    fn frames(&mut self) -> Result<Vec<String>> {
        loop {
            let read = self.socket.read(&mut self.buffer)?;
            if read == 0 {
                return Err(format!("the stream ended after {:?}", self.rest).into());
            }
            self.rest.push_str(std::str::from_utf8(&self.buffer[..read])?);
            let Some(end) = self.rest.rfind("\n\n") else { continue };
            let left = self.rest.split_off(end + 2);
            let whole = std::mem::replace(&mut self.rest, left);
            return Ok(whole.split("\n\n").map(str::to_owned).collect());
        }
    }
}

impl Viewer for EventStream {
    fn next(&mut self) -> Result<Vec<Seen>> {
        loop {
            let frames = self.frames()?;
            let records = frames.iter().filter(|frame| frame.contains("\"sent_ns\":"));
            let seen = records.map(|frame| Seen::read(frame)).collect::<Result<Vec<_>>>()?;
            if !seen.is_empty() {
                return Ok(seen);
            }
        }
    }
}

/// How many milliseconds it takes to see records of which the first is the first.
pub fn first_after(see: impl FnOnce() -> Result<Vec<Seen>>) -> Result<f64> {
    let began = Instant::now();
    let seen = see()?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    match seen.first() {
        Some(first) if first.n == 0 => Ok(took),
        first => Err(format!("the first record was {first:?}").into()),
    }
}
