//! The accept loop: HTTP/1.1 and HTTP/2 with prior knowledge on each listener.
//!
//! Our own because a ready-made graceful shutdown waits for ever while a stream is open, and because a newcomer for whom
//! there is no room is to be told so: a closed door looks like a fault of the network. So a few more connections than may
//! be are let in for a moment; the router answers them with a refusal.

mod activity;
mod connection;
mod lines;
mod seats;
mod socket;
mod streams;
mod watchlist;

use crate::app::listener::Listener;
use crate::config::Listen;
use crate::http::{Arrival, Door, Full};
use crate::telemetry::Metrics;
use activity::{Overdue, Patience};
use axum::Router;
use connection::{Leave, Speech};
use futures_util::future::join_all;
use seats::{Seat, Seats};
pub use socket::Socket;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use streams::{OVERDUE, Streams};
use tokio_util::task::TaskTracker;
pub use watchlist::Watchlist;

/// How long to wait when no connection can be accepted: the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections may still speak after the listener has closed, before the idle ones are closed too.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How many are let in to be told that there is no room, and how many of them from one address: that may be a proxy, whose
/// clients would see its own refusal otherwise.
pub const TURNED_AWAY: usize = 256;
const TURNED_AWAY_OF_ONE: usize = 64;

/// What they may take for it.
const TURNED_AWAY_PATIENCE: Patience = Patience {
    head: Duration::from_secs(5),
    idle: Duration::from_secs(2),
    write: Duration::from_secs(5),
    life: Some(Duration::from_secs(10)),
};

/// Listeners that serve one router, and their connections.
pub struct Server {
    /// Empty when they are closed.
    listeners: Vec<Listener>,
    router: Router,
    metrics: Arc<Metrics>,
    watchlist: Watchlist,
    speech: Speech,
    patience: Patience,
    seats: Seats,
    turned_away: Seats,
    connections: TaskTracker,
    leave: Leave,
}

impl Server {
    /// Serves `router` on `listeners`, with `most` connections in all.
    pub fn new(
        listeners: Vec<Listener>,
        router: Router,
        (metrics, watchlist): (Arc<Metrics>, Watchlist),
        most: usize,
        listen: &Listen,
    ) -> Self {
        metrics.http.expect_connections(&["all", "address"], &Overdue::ALL.map(Overdue::as_str));
        metrics.http.expect_connections(&[], &[OVERDUE]);
        let patience = Patience {
            head: listen.head_timeout,
            idle: listen.keep_alive,
            write: listen.write_timeout,
            life: None,
        };
        Self {
            listeners,
            router,
            metrics,
            watchlist,
            speech: Speech::new(listen),
            patience,
            seats: Seats::new(most, listen.max_connections_per_address),
            turned_away: Seats::new(TURNED_AWAY, TURNED_AWAY_OF_ONE),
            connections: TaskTracker::new(),
            leave: Leave::default(),
        }
    }

    /// Serves new connections until `until` is ready.
    pub async fn accept(&self, until: impl Future<Output = ()>) {
        let listening = join_all(self.listeners.iter().map(|listener| self.accept_on(listener)));
        tokio::select! {
            () = until => {}
            _ = listening => std::future::pending().await,
        }
    }

    async fn accept_on(&self, listener: &Listener) {
        loop {
            match listener.accept().await {
                Ok(socket) => self.welcome(socket, listener.door()),
                // The client has gone again; the next one is there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
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
        self.leave.finish.cancel();
        if in_time {
            tokio::select! {
                () = self.connections.wait() => return,
                () = tokio::time::sleep(deadline) => {
                    tracing::warn!(connections = self.connections.len(), "cut at the shutdown deadline");
                }
                () = hurry => {}
            }
        }
        self.leave.cut.cancel();
        self.connections.wait().await;
    }

    /// Closes the listeners, but first serves those whom the system let in already: they would be reset.
    fn take_those_who_wait(&mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            let door = listener.door();
            if let Err(error) = listener.close(|socket| self.welcome(socket, door)) {
                tracing::debug!(%error, "a listener's last connections");
            }
        }
    }

    /// Finds a place for a newcomer: for as long as it likes, for a refusal, or none.
    fn welcome(&self, socket: Socket, door: Door) {
        let peer = socket.peer();
        let (seat, full, patience) = match self.seats.take(peer) {
            Ok(seat) => (seat, None, self.patience),
            Err(full) => {
                self.metrics.http.connection_refused(match full {
                    Full::InAll => "all",
                    Full::ForAddress => "address",
                });
                let Ok(seat) = self.turned_away.take(peer) else {
                    tracing::debug!(?peer, "closed: there is no room even to say so");
                    return;
                };
                (seat, Some(full), TURNED_AWAY_PATIENCE)
            }
        };
        self.serve(socket, Arrival { door, peer, full, bare_lf: false }, seat, patience);
    }

    fn serve(&self, socket: Socket, arrival: Arrival, seat: Seat, patience: Patience) {
        socket.prepare(patience.write);
        let (router, speech) = (self.router.clone(), self.speech);
        let (metrics, leave) = (self.metrics.clone(), self.leave.clone());
        let streams = Streams::new(patience.write, metrics.clone(), self.watchlist.clone());
        self.connections.spawn(async move {
            metrics.http.accepted.inc();
            metrics.http.connections.inc();
            let overdue = connection::serve(socket, (router, arrival), (speech, streams), patience, leave).await;
            metrics.http.connections.dec();
            if let Some(overdue) = overdue {
                tracing::debug!(peer = ?arrival.peer, why = overdue.as_str(), "connection ended by the gateway");
                metrics.http.connection_overdue(overdue.as_str());
            }
            drop(seat);
        });
    }
}
