//! A connection's socket: how the system is to treat it, and what passes through it told to the connection's [`Activity`].

use super::activity::Activity;
use bytes::{Buf, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};
use tokio_util::either::Either;

/// How much may lie unsent in the system's buffer before a socket counts as full: without it megabytes hide there from a
/// reader that has stopped.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 32 * 1024;

/// When the system asks a silent client whether it is still there, and how often before it gives up.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// How long, and for how many bytes, a client that is still sending is listened to after the last answer: closed at
/// once, the connection would be reset under the answer (RFC 9112, section 9.6).
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_BYTES: usize = 16 * 1024 * 1024;

/// What an HTTP/2 client says first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read to know the version of HTTP: most heads are whole in it.
const FIRST_BYTES: usize = 4 * 1024;

/// A socket of either kind.
#[derive(Debug)]
pub struct Socket(Either<TcpStream, UnixStream>);

/// A socket that tells what passes through it.
#[derive(Debug)]
pub struct Watched {
    socket: Socket,
    activity: Arc<Activity>,
    /// Whether the client is to be reset when this is dropped.
    reset: Arc<AtomicBool>,
    /// What was read to know the version, and is still to be read by who speaks it.
    ahead: BytesMut,
    closing: Closing,
}

#[derive(Debug)]
enum Closing {
    No,
    /// Our side is closed; the clock runs once there is something to take in.
    Listening(Option<Pin<Box<Sleep>>>, usize),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self(Either::Left(stream))
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self(Either::Right(stream))
    }
}

impl Socket {
    /// Whom it connects, where that can be told.
    pub fn peer(&self) -> Option<IpAddr> {
        self.tcp().and_then(|stream| stream.peer_addr().ok()).map(|address| address.ip())
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Either::Left(stream) => Some(stream),
            Either::Right(_) => None,
        }
    }

    /// Sets what this gateway wants of the system. A system that lacks an option serves without it.
    pub fn prepare(&self, write_timeout: Duration) {
        if let Some(stream) = self.tcp()
            && let Err(error) = set_options(stream, write_timeout)
        {
            tracing::debug!(%error, "a socket's options");
        }
    }
}

fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // What is written is complete: it never waits for more.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        // What was sent and is not acknowledged: a client that is gone without a word (RFC 5482).
        socket.set_tcp_user_timeout(Some(write_timeout))?;
    }
    Ok(())
}

impl Watched {
    /// A socket whose traffic is told to `activity`, and which is closed by a reset once `reset` is set.
    pub fn new(socket: Socket, activity: Arc<Activity>, reset: Arc<AtomicBool>) -> Self {
        Self { socket, activity, reset, ahead: BytesMut::new(), closing: Closing::No }
    }

    /// Whether the client speaks HTTP/2, by its first bytes; whoever reads next reads them again.
    ///
    /// hyper-util can tell as well, but reads a few bytes alone for it: hyper then makes its buffer, which each connection
    /// keeps, twice as large.
    pub fn poll_speaks_http2(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let known = self.ahead.len().min(PREFACE.len());
            if self.ahead[..known] != PREFACE[..known] {
                return Poll::Ready(Ok(false));
            }
            if known == PREFACE.len() {
                return Poll::Ready(Ok(true));
            }
            let mut space = [0; FIRST_BYTES];
            let mut buffer = ReadBuf::new(&mut space);
            ready!(self.poll_socket(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.ahead.extend_from_slice(buffer.filled());
        }
    }

    fn poll_socket(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = pin!(&mut self.socket.0).poll_read(context, buffer);
        let came = &buffer.filled()[before..];
        if !came.is_empty() {
            self.activity.read(came, Instant::now());
        }
        polled
    }

    fn tell_written(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(_)) => self.activity.wrote(Instant::now()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.stalled(Instant::now()),
        }
    }

    /// Takes in what a client is still sending, within reason.
    fn poll_listen(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Closing::Listening(clock, left) = &mut self.closing else { return Poll::Ready(()) };
        let mut space = [0; 8 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match pin!(&mut self.socket.0).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len());
                    if *left == 0 {
                        return Poll::Ready(());
                    }
                    clock.get_or_insert_with(|| Box::pin(sleep(LAST_WORDS)));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                // Who sends nothing while its answer ends has nothing to lose.
                Poll::Pending => {
                    return clock.as_mut().map_or(Poll::Ready(()), |clock| clock.as_mut().poll(context));
                }
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return self.poll_socket(context, buffer);
        }
        let most = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..most]);
        self.ahead.advance(most);
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = pin!(&mut self.socket.0).poll_write(context, bytes);
        self.tell_written(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = pin!(&mut self.socket.0).poll_write_vectored(context, slices);
        self.tell_written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system holds what was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.closing, Closing::No) {
            ready!(pin!(&mut self.socket.0).poll_shutdown(context))?;
            self.closing = Closing::Listening(None, LAST_BYTES);
        }
        self.poll_listen(context).map(Ok)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(stream) = self.socket.tcp()
            && self.reset.load(Ordering::Relaxed)
            && let Err(error) = stream.set_zero_linger()
        {
            tracing::debug!(%error, "a reset");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_socket_is_prepared_as_it_is_to_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let socket = Socket::from(listener.accept().await.expect("somebody came").0);
        socket.prepare(Duration::from_secs(30));
        let stream = socket.tcp().expect("it is one of TCP");
        let options = SockRef::from(stream);
        assert!(options.tcp_nodelay().expect("an option") && options.keepalive().expect("an option"));
        assert_eq!(options.tcp_notsent_lowat().expect("an option"), UNSENT_BYTES);
        assert_eq!(options.tcp_user_timeout().expect("an option"), Some(Duration::from_secs(30)));
        assert_eq!(options.tcp_keepalive_time().expect("an option"), PROBE_AFTER);
    }
}
