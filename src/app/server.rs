//! The accept loop: HTTP/1.1 and HTTP/2 with prior knowledge on one port.
//!
//! Our own because a ready-made graceful shutdown waits for ever while a stream is open. Limits on connections and
//! time-outs beyond the request head's are absent until the edge is finished.

use crate::telemetry::Metrics;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait when no connection can be accepted: the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections may still speak after the listener has closed, before the idle ones are closed too.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How many connections the system lets in before they are accepted: on an inherited socket there is no end of them.
const BACKLOG: usize = 1024;

/// What one stream of HTTP/2 may hold back unsent, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A listening server and its connections.
pub struct Server {
    /// `None` when it is closed.
    listener: Option<TcpListener>,
    router: Router,
    metrics: Arc<Metrics>,
    connections: TaskTracker,
    /// Told to finish their request and close.
    finish: CancellationToken,
    /// Told to end at once.
    cut: CancellationToken,
}

impl Server {
    pub fn new(listener: TcpListener, router: Router, metrics: Arc<Metrics>) -> Self {
        let (finish, cut) = (CancellationToken::new(), CancellationToken::new());
        let listener = Some(listener);
        Self { listener, router, metrics, connections: TaskTracker::new(), finish, cut }
    }

    /// Serves new connections until `until` is ready.
    pub async fn accept(&self, until: impl Future<Output = ()>) {
        let Some(listener) = &self.listener else { return };
        tokio::pin!(until);
        loop {
            let accepted = tokio::select! {
                () = &mut until => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, _)) => self.serve(socket),
                Err(error) => {
                    tracing::warn!(%error, "no connection accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Accepts no more, and ends every connection when its request is done; all of them after `deadline`, or when `hurry`
    /// is ready.
    pub async fn close(mut self, deadline: Duration, hurry: impl Future<Output = ()>) {
        self.take_those_who_wait();
        self.connections.close();
        tokio::pin!(hurry);
        // Who has just come may be about to say what for; told to finish now, it would be cut off.
        let in_time = tokio::select! {
            () = self.connections.wait() => return,
            () = tokio::time::sleep(LAST_WORDS.min(deadline)) => true,
            () = &mut hurry => false,
        };
        self.finish.cancel();
        if in_time {
            tokio::select! {
                () = self.connections.wait() => return,
                () = tokio::time::sleep(deadline) => {
                    tracing::warn!(connections = self.connections.len(), "cut at the shutdown deadline");
                }
                () = hurry => {}
            }
        }
        self.cut.cancel();
        self.connections.wait().await;
    }

    /// Closes the listener, but first serves those whom the system let in already: they would be reset.
    fn take_those_who_wait(&mut self) {
        let Some(listener) = self.listener.take().and_then(|listener| listener.into_std().ok()) else {
            return;
        };
        for _ in 0..BACKLOG {
            let Ok((socket, _)) = listener.accept() else { return };
            let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
            match socket {
                Ok(socket) => self.serve(socket),
                Err(error) => tracing::debug!(%error, "a last connection"),
            }
        }
    }

    fn serve(&self, socket: TcpStream) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let service = TowerToHyperService::new(self.router.clone());
        let (metrics, finish, cut) = (self.metrics.clone(), self.finish.clone(), self.cut.clone());
        self.connections.spawn(async move {
            metrics.connections.inc();
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            builder.http2().timer(TokioTimer::new()).max_send_buf_size(SEND_BUFFER_BYTES);
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = finish.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = cut.cancelled() => Ok(()),
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection");
            }
            metrics.connections.dec();
        });
    }
}
