//! The embedded broker: one Kafka node on a thread of its own, in memory.
//!
//! The protocol's codec is `kafka-protocol`, most of the state machine is noida-db's; sockets, waiting, limits,
//! ids, counting and faults are ours. Everything runs on one thread with its own small runtime, so that a stop
//! is a stop: when [`Broker`] is dropped the thread has ended, and with it every connection.
//! Read on in `apis` (what is served), `cluster` (what is known) and `connection` (how a client is served).

mod acls;
mod apis;
mod batch;
mod bell;
mod cluster;
mod connection;
mod counts;
mod door;
mod faults;
mod fetch;
mod frame;
mod groups;
mod offsets;
mod orphans;
mod produce;
mod retention;
mod topics;
mod transactions;

use super::BrokerSettings;
use cluster::Cluster;
use connection::Service;
pub use counts::Connections;
use counts::Counts;
use door::Door;
pub use faults::Faults;
use faults::Plan;
pub use kafka_protocol::messages::ApiKey;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time};
use tokio_util::sync::CancellationToken;

/// How often silence is looked for: members, transactions, and topics to compact.
const ROUND: Duration = Duration::from_millis(500);

/// Orders to the door that may wait; each is waited for by who gave it.
const ORDERS: usize = 16;

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    bootstrap: String,
    counts: Arc<Counts>,
    faults: Faults,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker. It accepts connections when this returns.
    ///
    /// # Errors
    /// What the socket says: [`io::ErrorKind::AddrInUse`] when the port is taken.
    pub fn start(settings: BrokerSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let host = settings.advertised_host.clone().unwrap_or_else(|| reachable(address));
        let bootstrap = bootstrap(&host, address.port());
        let cluster = Arc::new(Cluster::new(host, address, settings.topic_bytes));
        let (counts, plan, stop) = (Counts::new(), Arc::new(Plan::default()), CancellationToken::new());
        let service = Service { cluster, plan: Arc::clone(&plan), counts: Arc::clone(&counts) };
        let (orders, commands) = mpsc::channel(ORDERS);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let door = {
            let _entered = runtime.enter();
            Door::new(listener, service.clone())?
        };
        let stopped = stop.clone();
        let run = async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = door.attend(commands) => {}
                () = keep_house(&service.cluster, settings.retention_check) => {}
            }
        };
        let thread = thread::Builder::new().name("kafka-broker".to_owned()).spawn(move || {
            runtime.block_on(run);
        })?;
        let faults = Faults::new(plan, orders);
        Ok(Self { address, bootstrap, counts, faults, stop, thread: Some(thread) })
    }

    /// Where the broker listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value for a client's `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// How many connections there are and were.
    pub fn connections(&self) -> Connections {
        self.counts.connections()
    }

    /// How many requests of this API have arrived since the start.
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.counts.requests(api)
    }

    /// The handle by which faults are ordered.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Stops the broker: port and connections closed, its thread ended, its records gone. Never waits for a
    /// client; at most for the one request being worked on.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            thread.join().ok();
        }
    }
}

/// Ends what is silent, and forgets what is over.
async fn keep_house(cluster: &Cluster, retention_check: Duration) {
    let mut rounds = time::interval(ROUND);
    let mut checked = Instant::now();
    loop {
        rounds.tick().await;
        let mut state = cluster.lock();
        let groups_changed = groups::expire(&mut state);
        let mut logs_changed = transactions::abort_abandoned(&mut state);
        logs_changed |= retention::compact(&mut state);
        if checked.elapsed() >= retention_check {
            checked = Instant::now();
            retention::sweep(&mut state);
            logs_changed = true;
        }
        drop(state);
        if groups_changed {
            cluster.groups.ring();
        }
        if logs_changed {
            cluster.logs.ring();
        }
    }
}

/// The host by which clients on this machine reach an address.
fn reachable(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        address => address.ip().to_string(),
    }
}

fn bootstrap(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_an_address_that_they_can_reach() {
        for (listen, expected) in [
            ("127.0.0.1:9092", "127.0.0.1:9092"),
            ("0.0.0.0:9092", "127.0.0.1:9092"),
            ("[::]:9092", "[::1]:9092"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            let address: SocketAddr = listen.parse().expect("an address");
            assert_eq!(bootstrap(&reachable(address), address.port()), expected);
        }
    }
}
