//! One connection from its first byte to its last: hyper speaks, this watches the clock and knows when to leave.
//!
//! What hyper is told here are the limits of HTTP itself; what a request may do is the router's business.

use super::activity::{Activity, InFlight, Overdue, Patience};
use super::socket::{Socket, Watched};
use super::streams::Streams;
use super::watchlist::Write;
use crate::config::Listen;
use crate::http::{Arrival, SharesFrames};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

/// What one stream of HTTP/2 may hold back unsent, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// The least that HTTP/1.1's buffers may grow to, in bytes: each connection may have two.
const BUFFER_BYTES: usize = 64 * 1024;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long an HTTP/2 client that was told to go may take to.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// When connections are told to go.
#[derive(Clone, Debug, Default)]
pub struct Leave {
    /// To finish their requests and close.
    pub finish: CancellationToken,
    /// To end at once.
    pub cut: CancellationToken,
}

/// The limits of HTTP itself.
#[derive(Clone, Copy, Debug)]
pub struct Speech {
    most_head_bytes: usize,
    most_streams: u32,
}

impl Speech {
    /// Those of the configuration.
    pub fn new(listen: &Listen) -> Self {
        // Between the two sizes our own layer refuses, in words; beyond, hyper does.
        let most_head_bytes = BUFFER_BYTES.max(2 * listen.max_head_bytes);
        Self { most_head_bytes, most_streams: listen.max_streams_per_connection }
    }

    fn speak(self, multiplexed: bool, io: Io, service: Answering) -> Spoken {
        if multiplexed {
            let streams = service.streams.clone();
            let mut builder = http2::Builder::new(streams);
            builder
                .timer(TokioTimer::new())
                .max_send_buf_size(SEND_BUFFER_BYTES)
                .max_header_list_size(u32::try_from(self.most_head_bytes).unwrap_or(u32::MAX))
                .max_concurrent_streams(self.most_streams)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT);
            return Spoken::Http2(Box::pin(builder.serve_connection(io, service)));
        }
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // One clock for the head and the silence before it.
            .header_read_timeout(None)
            // A head has to fit into the buffer.
            .max_buf_size(self.most_head_bytes);
        Spoken::Http1(Box::new(builder.serve_connection(io, service)))
    }
}

type Io = TokioIo<Watched>;

/// A connection as hyper speaks it.
enum Spoken {
    Http1(Box<http1::Connection<Io, Answering>>),
    Http2(Pin<Box<http2::Connection<Io, Answering, Streams>>>),
}

impl Spoken {
    /// Finishes what was asked, and asks for no more.
    fn leave(&mut self) {
        match self {
            Self::Http1(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            Self::Http2(connection) => connection.as_mut().graceful_shutdown(),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(connection) => Pin::new(&mut **connection).poll(context),
            Self::Http2(connection) => connection.as_mut().poll(context),
        }
    }
}

/// Serves a connection until it ends; why, where its client was too slow.
pub async fn serve(
    socket: Socket,
    (router, arrival): (Router, Arrival),
    (speech, streams): (Speech, Streams),
    mut patience: Patience,
    leave: Leave,
) -> Option<Overdue> {
    let activity = Arc::new(Activity::new(Instant::now()));
    let _listed = streams.watchlist().enlist(activity.write().clone());
    let reset = Arc::new(AtomicBool::new(false));
    let mut socket = Watched::new(socket, activity.clone(), reset.clone());
    let mut clock = Clock { activity: activity.clone(), alarm: Box::pin(tokio::time::sleep(Duration::ZERO)) };
    let multiplexed = tokio::select! {
        biased;
        () = leave.cut.cancelled() => return None,
        spoken = poll_fn(|context| socket.poll_speaks_http2(context)) => spoken.ok()?,
        () = leave.finish.cancelled() => return None,
        why = clock.overdue(&patience) => return Some(why),
    };
    let router = TowerToHyperService::new(router);
    let service = Answering { router, arrival, activity: activity.clone(), streams };
    let mut connection = speech.speak(multiplexed, TokioIo::new(socket), service);
    let (mut told, mut leaving) = (false, false);
    loop {
        tokio::select! {
            biased;
            () = leave.cut.cancelled() => return None,
            ended = poll_fn(|context| connection.poll(context)) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection");
                }
                return None;
            }
            () = leave.finish.cancelled(), if !told => {
                told = true;
                connection.leave();
            }
            why = clock.overdue(&patience) => {
                if why == Overdue::Idle && activity.is_multiplexed() && !leaving {
                    // GOAWAY: a request that is on its way is still answered.
                    (told, leaving, patience.idle) = (true, true, LEAVE_WITHIN);
                    activity.rest(Instant::now());
                    connection.leave();
                    continue;
                }
                // Whoever takes nothing is not told either, and the system forgets what was meant for it.
                reset.store(matches!(why, Overdue::Write | Overdue::Pinned), Ordering::Relaxed);
                return Some(why);
            }
        }
    }
}

/// An alarm that is set to when something may be overdue. It is looked at whenever the connection turns, and set back only
/// when it rings: most of what happens on a connection puts it off.
struct Clock {
    activity: Arc<Activity>,
    alarm: Pin<Box<Sleep>>,
}

impl Clock {
    async fn overdue(&mut self, patience: &Patience) -> Overdue {
        poll_fn(|context| self.poll_overdue(patience, context)).await
    }

    fn poll_overdue(&mut self, patience: &Patience, context: &mut Context<'_>) -> Poll<Overdue> {
        self.activity.wakes(context.waker());
        loop {
            match self.activity.look(patience, Instant::now()) {
                Err(why) => return Poll::Ready(why),
                Ok(next) => {
                    let next = tokio::time::Instant::from_std(next);
                    if self.alarm.is_elapsed() || next < self.alarm.deadline() {
                        self.alarm.as_mut().reset(next);
                    }
                }
            }
            ready!(self.alarm.as_mut().poll(context));
        }
    }
}

/// The router, with each request counted among those under way.
struct Answering {
    router: TowerToHyperService<Router>,
    arrival: Arrival,
    activity: Arc<Activity>,
    streams: Streams,
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut in_flight = self.activity.begin(request.version() == Version::HTTP_2);
        let arrival = Arrival { bare_lf: in_flight.has_bare_lf(), ..self.arrival };
        request.extensions_mut().insert(arrival);
        let write: Arc<Write> = Arc::default();
        self.streams.announce(write.clone());
        let answered = self.router.call(request);
        Box::pin(async move {
            let response = answered.await?;
            let shares = response.extensions().get::<SharesFrames>().is_some();
            in_flight.answered(shares);
            write.share(shares);
            Ok(response.map(|body| Answer { body, write, _in_flight: in_flight }))
        })
    }
}

/// An answer's body, with which its request ends.
struct Answer {
    body: Body,
    write: Arc<Write>,
    _in_flight: InFlight,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.write.go_on();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = polled {
            self.write.stop(Instant::now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
