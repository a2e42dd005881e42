//! HTTP/2 frame by frame (RFC 9113), for what no decent client sends.
//!
//! Fields are written as literals that nobody remembers (RFC 7541, section 6.2.2), so that no table is needed. What comes
//! back is not decoded: a frame's type, its flags and its stream say enough.

use super::socket::Socket;
use std::net::SocketAddr;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection that speaks frames.
pub struct Frames {
    socket: Socket,
}

impl Frame {
    /// What it carries of a body, if it does.
    pub fn data(&self) -> Option<&[u8]> {
        (self.kind == DATA).then_some(&self.payload[..])
    }

    /// Whether it is the head of an answer, or refuses the stream or the connection.
    pub fn is_answer(&self) -> bool {
        self.kind == HEADERS
    }

    /// Whether it ends its stream in anger.
    pub fn is_reset(&self) -> bool {
        self.kind == RST_STREAM
    }

    /// Whether it tells the client to go.
    pub fn is_goaway(&self) -> bool {
        self.kind == GOAWAY
    }
}

/// The bytes of a frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A string of fewer than 127 bytes, or more by a continuation.
fn text(text: &str, block: &mut Vec<u8>) {
    let mut length = text.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push((length % 128) as u8 | 128);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend(text.as_bytes());
}

/// A block of fields.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(name, &mut block);
        text(value, &mut block);
    }
    block
}

/// The head of a request with a body or without.
pub fn head(stream: u32, fields: &[(&str, &str)], ends: bool) -> Vec<u8> {
    let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
    frame(HEADERS, flags, stream, &block(fields))
}

/// A request taken back.
pub fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

impl Frames {
    /// Connects and says hello.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut socket = Socket::connect(address).await;
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, &[]));
        socket.write(hello).await;
        Self { socket }
    }

    /// Says that nothing of any body will be read until more is asked for (SETTINGS_INITIAL_WINDOW_SIZE).
    pub async fn take_nothing(&mut self) {
        self.socket.write(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    }

    /// Sends a request's head; whether it is still taken.
    pub async fn head(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) -> bool {
        self.socket.try_write(head(stream, fields, ends)).await
    }

    /// Sends a part of a body.
    pub async fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) -> bool {
        self.socket.try_write(frame(DATA, if ends { END_STREAM } else { 0 }, stream, bytes)).await
    }

    /// Says that so many more bytes will be taken of a stream's body, or, for stream 0, of all bodies together.
    pub async fn take_more(&mut self, stream: u32, bytes: usize) {
        let bytes = u32::try_from(bytes).expect("a window is small").to_be_bytes();
        self.socket.write(frame(WINDOW_UPDATE, 0, stream, &bytes)).await;
    }

    /// Sends bytes as they are; whether they are still taken.
    pub async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.socket.try_write(bytes).await
    }

    /// The next frame; `None` when the other side closes. Settings are confirmed on the way.
    pub async fn next(&mut self) -> Option<Frame> {
        let head = self.socket.exactly(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = self.socket.exactly(length).await?;
        let came = Frame { kind: head[3], flags: head[4], stream, payload };
        if came.kind == SETTINGS && came.flags & ACK == 0 {
            self.socket.try_write(frame(SETTINGS, ACK, 0, &[])).await;
        }
        Some(came)
    }
}
