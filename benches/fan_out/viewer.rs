//! One viewer of the load client: its socket, and what it keeps between two reads and two connections.

use crate::Result;
use crate::crowd::Target;
use crate::decoder::Decoder;
use crate::frames::Seen;
use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How many viewers come from one address.
const AN_ADDRESS: usize = 1000;

/// What a slow viewer's socket holds, in bytes: otherwise the system would read for it.
const SLOW_BUFFER_BYTES: usize = 4096;

/// When a browser comes back that was not told.
const RETRY: Duration = Duration::from_secs(3);

/// How far a viewer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Away,
    Connecting,
    /// It has asked.
    Asked,
    /// It was told where it stands.
    Ready,
    /// It has caught up.
    Live,
}

pub struct Viewer {
    source: Ipv4Addr,
    token: usize,
    pub slow: bool,
    pub place: Place,
    pub socket: Option<TcpStream>,
    pub decoder: Decoder,
    /// Text that ends no frame yet.
    pub rest: Vec<u8>,
    /// The last id of a whole frame.
    id: Vec<u8>,
    /// How long it stays away when its connection is lost.
    pub retry: Duration,
    /// When it was told last where it stands, in microseconds of the clock.
    pub ready_us: u64,
}

impl Viewer {
    pub fn new(at: usize, slow: bool) -> Self {
        // 127.0.0.1 is left to whoever listens.
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + (at / AN_ADDRESS) as u32);
        Self {
            source,
            token: at,
            slow,
            place: Place::Away,
            socket: None,
            decoder: Decoder::new(),
            rest: Vec::new(),
            id: Vec::new(),
            retry: RETRY,
            ready_us: 0,
        }
    }

    /// Begins to connect.
    pub fn connect(&mut self, target: &Target, poll: &Poll) -> Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        if self.slow {
            socket.set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((self.source, 0)).into())?;
        // That it takes a while is no error; what else there is, the socket tells when it is asked again.
        let _ = socket.connect(&target.address.into());
        let mut socket = TcpStream::from_std(socket.into());
        poll.registry().register(&mut socket, Token(self.token), Interest::READABLE | Interest::WRITABLE)?;
        self.socket = Some(socket);
        self.place = Place::Connecting;
        Ok(())
    }

    /// Asks for the stream, behind the last id that it was given.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn ask(&mut self, target: &Target) -> Result<()> {
        let socket = self.socket.as_mut().ok_or("no socket")?;
        if let Some(error) = socket.take_error()? {
            return Err(error.into());
        }
        let mut request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n",
            target.path, target.address
        )
        .into_bytes();
        if !self.id.is_empty() {
            request.extend_from_slice(b"last-event-id: ");
            request.extend_from_slice(&self.id);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        // A new socket has room for a request.
        socket.write_all(&request)?;
        self.decoder = Decoder::new();
        self.rest.clear();
        self.place = Place::Asked;
        Ok(())
    }

    /// Keeps what the next read begins with, and the last id.
    pub fn keep(&mut self, text: &[u8], seen: &Seen) {
        self.rest.clear();
        self.rest.extend_from_slice(&text[seen.end..]);
        if let Some(id) = &seen.id {
            self.id.clear();
            self.id.extend_from_slice(&text[id.clone()]);
        }
    }

    /// Gives its socket up.
    pub fn leave(&mut self, poll: &Poll) -> Result<()> {
        if let Some(mut socket) = self.socket.take() {
            poll.registry().deregister(&mut socket)?;
        }
        self.place = Place::Away;
        Ok(())
    }
}
