//! One who polls: asks for a page at the end of a topic, waits until a record is there, and asks behind it again.
//!
//! It blocks on its own socket, on one connection for all pages, and an answer counts only when its last byte was read.

use crate::Result;
use crate::http;
use crate::viewer::{Seen, Viewer};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a page waits for a record; longer than any record lets itself be waited for.
const WAIT: Duration = Duration::from_secs(20);

/// What one read takes at most, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// A client that reads a topic by pages.
pub struct Poll {
    socket: TcpStream,
    address: SocketAddr,
    topic: String,
    /// Where the next page begins.
    next: String,
}

/// An answer that was read whole.
struct Answer {
    head: String,
    body: String,
}

impl Poll {
    /// Connects, to begin at a position as `from` has it.
    pub fn at(address: SocketAddr, topic: &str, from: &str) -> Result<Self> {
        let socket = http::connect(address)?;
        socket.set_read_timeout(Some(2 * WAIT))?;
        Ok(Self { socket, address, topic: topic.to_owned(), next: from.to_owned() })
    }

    /// Connects, and asks where the topic ends.
    pub fn at_end(address: SocketAddr, topic: &str) -> Result<Self> {
        let mut poll = Self::at(address, topic, "latest")?;
        poll.ask(Duration::ZERO)?;
        let answer = poll.answer()?;
        let end = answer.header("kafka-stream-next").filter(|_| answer.is(204));
        poll.next = end.ok_or_else(|| format!("no end in {}", answer.head))?.to_owned();
        Ok(poll)
    }

    fn ask(&mut self, wait: Duration) -> Result<()> {
        let (topic, next, wait) = (&self.topic, &self.next, wait.as_millis());
        let target = format!("/v1/topics/{topic}/records?from={next}&wait={wait}ms");
        http::ask(&mut self.socket, self.address, &target)
    }

    fn answer(&mut self) -> Result<Answer> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        loop {
            let read = self.socket.read(&mut buffer)?;
            if read == 0 {
                return Err(format!("closed after {} bytes of an answer", bytes.len()).into());
            }
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&bytes[..end])?;
            let mut answer = Answer { head: head.to_owned(), body: String::new() };
            let length = match answer.header("content-length") {
                Some(length) => length.parse()?,
                None if answer.is(204) => 0,
                None => return Err(format!("no length in {head}").into()),
            };
            if bytes.len() >= end + 4 + length {
                answer.body = String::from_utf8(bytes.split_off(end + 4))?;
                return Ok(answer);
            }
        }
    }
}

impl Answer {
    fn is(&self, status: u16) -> bool {
        self.head.starts_with(&format!("HTTP/1.1 {status}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Viewer for Poll {
    /// The records of one page, which is asked for first.
    fn next(&mut self) -> Result<Vec<Seen>> {
        self.ask(WAIT)?;
        let answer = self.answer()?;
        // Before anything is looked for in it: looking is not waiting.
        let seen = Seen::read_all(&answer.body)?;
        if seen.is_empty() {
            return Err(format!("no record in {}{}", answer.head, answer.body).into());
        }
        let next = answer.body.rsplit_once("\"next\":\"").and_then(|(_, rest)| rest.split_once('"'));
        next.ok_or("no cursor in a page")?.0.clone_into(&mut self.next);
        Ok(seen)
    }
}
