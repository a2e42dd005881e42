//! A keep-alive connection of the load client: a blocking socket, a buffer, and the text of one answer at a time.
//!
//! The text lies in the buffer as it came, without chunk sizes between, and is looked at there. Nothing of an answer is
//! parsed but its head.

use crate::Result;
use crate::decoder::Decoder;
use crate::http;
use std::io::{ErrorKind, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

/// How long nothing may come that is waited for: longer than any poll waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a read takes at most, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There is more text.
    More,
    /// Nothing came in time.
    Nothing,
    /// The answer has ended.
    Ended,
}

/// A connection, and what it has read of the answer to its last request.
pub struct Connection {
    socket: TcpStream,
    host: SocketAddr,
    decoder: Decoder,
    buffer: Vec<u8>,
    text: Range<usize>,
}

impl Connection {
    pub fn open(host: SocketAddr) -> Result<Self> {
        let socket = http::connect(host)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let buffer = vec![0; 2 * READ_BYTES];
        Ok(Self { socket, host, decoder: Decoder::new(), buffer, text: 0..0 })
    }

    /// How long a read waits from now on.
    pub fn wait(&self, time: Duration) -> Result<()> {
        Ok(self.socket.set_read_timeout(Some(time))?)
    }

    /// Asks for lines of JSON.
    pub fn get_lines(&mut self, target: &str) -> Result<()> {
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: {}\r\naccept: application/x-ndjson\r\n\r\n", self.host);
        self.begin(&head)
    }

    /// Sends JSON.
    pub fn post(&mut self, target: &str, body: &str) -> Result<()> {
        let (host, length) = (self.host, body.len());
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.begin(&request)
    }

    fn begin(&mut self, request: &str) -> Result<()> {
        (self.decoder, self.text) = (Decoder::new(), 0..0);
        Ok(self.socket.write_all(request.as_bytes())?)
    }

    /// Reads what there is, as soon as there is something.
    pub fn read(&mut self) -> Result<Read> {
        if self.decoder.has_ended() {
            return Ok(Read::Ended);
        }
        if self.buffer.len() < self.text.end + READ_BYTES {
            self.buffer.copy_within(self.text.clone(), 0);
            self.text = 0..self.text.len();
            let room = self.buffer.len().max(2 * (self.text.end + READ_BYTES));
            self.buffer.resize(room, 0);
        }
        let (carried, begin) = (self.text.len(), self.text.end);
        let read = match self.socket.read(&mut self.buffer[begin..begin + READ_BYTES]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Read::Nothing),
            read => read?,
        };
        if read == 0 {
            return Err("closed within an answer".into());
        }
        self.text = self.decoder.decode(&mut self.buffer, carried, begin..begin + read, |_, _| {})?;
        Ok(Read::More)
    }

    /// The whole answer; nothing for a 204.
    pub fn answer(&mut self) -> Result<&[u8]> {
        loop {
            match self.read()? {
                Read::More => {}
                Read::Nothing => return Err("no answer for too long".into()),
                Read::Ended => return Ok(self.text()),
            }
        }
    }

    /// What was read and not passed yet.
    pub fn text(&self) -> &[u8] {
        &self.buffer[self.text.clone()]
    }

    /// So many bytes are done with.
    pub fn pass(&mut self, bytes: usize) {
        self.text.start += bytes;
    }
}
