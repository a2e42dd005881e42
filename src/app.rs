//! The composition root: the only place that knows every room.
//!
//! Reading the configuration, building and running never mix: [`App::build`] parses nothing, and [`App::run`] returns
//! when everything has ended. Commands of the command line that run something end here.

mod banner;
mod server;

use crate::access::{Access, OpenToAll};
use crate::broadcast::{Broadcast, Drain};
use crate::config::Config;
use crate::dev::{Broker, BrokerSettings};
use crate::http::state::{Limits, Parts};
use crate::http::{AppState, router};
use crate::kafka::{self, Admin, Catalog, Producer, Settings, admin};
use crate::produce::Produce;
use crate::telemetry::{self, LogError, Metrics};
use futures_util::future::{self, FutureExt};
use listenfd::ListenFd;
use server::Server;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// What is left for the producer to flush, however long the connections took to end.
const LEAST_FLUSH: Duration = Duration::from_secs(1);

/// Why the gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be had.
    #[error("cannot listen on {address} ({setting}; change it there or with {flag})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The key that names it.
        setting: &'static str,
        /// The flag that overrides it.
        flag: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The socket that the service manager passed on cannot be used.
    #[error("the inherited socket (LISTEN_FDS) cannot be used")]
    Inherited(#[source] io::Error),
    /// The access rules do not fit the listener.
    #[error(transparent)]
    Access(#[from] OpenToAll),
    /// librdkafka refuses the settings.
    #[error("[kafka]")]
    Kafka(#[from] kafka::Error),
    /// Logging could not begin.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Signals could not be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

/// A gateway that is ready to run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
    metrics: Arc<Metrics>,
    producer: Arc<Producer>,
    drain: Drain,
}

impl App {
    /// Binds the listener and makes the Kafka clients. Kafka itself may be away: requests will say so.
    ///
    /// # Errors
    /// When an address, a rule or a setting cannot be used.
    pub async fn build(config: &Config) -> Result<Self, Error> {
        Self::build_on(config, None).await
    }

    /// The same on a socket that listens already, in place of `listen.http`.
    ///
    /// # Errors
    /// As for [`App::build`].
    async fn build_on(config: &Config, socket: Option<std::net::TcpListener>) -> Result<Self, Error> {
        check(config)?;
        let (listener, address) = match socket {
            Some(socket) => adopt(socket).map_err(Error::Inherited)?,
            None => bind(config.listen.http).await?,
        };
        let access = Access::new(&config.access, address)?;
        let settings = settings(config);
        let drain = Drain::new(config.listen.drain_window, config.listen.shutdown_deadline);
        let metrics = Arc::new(Metrics::new());
        let client = admin::connect(&settings)?;
        let catalog = Catalog::new(client.clone(), &settings);
        let admin = Admin::new(client, &settings);
        let producer = Arc::new(Producer::new(settings.clone())?);
        let produce =
            Produce::new(&config.produce, catalog.clone(), admin.clone(), producer.clone(), metrics.clone());
        let broadcast =
            Broadcast::new(&config.streams, settings, catalog.clone(), metrics.clone(), drain.clone());
        let limits = Limits {
            max_record_bytes: config.produce.max_record_bytes,
            max_cursor_bytes: config.streams.max_cursor_bytes,
            heartbeat: config.streams.heartbeat,
            max_age: config.streams.max_age,
        };
        let parts = Parts { produce, broadcast, catalog, admin, access, limits, metrics: metrics.clone() };
        let state = AppState::new(parts, &config.listen, address, drain.clone());
        Ok(Self { listener, address, state, metrics, producer, drain })
    }

    /// Where it listens: the port is the real one when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `until` is ready, then asks every stream to go within `listen.drain_window`, lets requests finish, and
    /// flushes the producer, all within `listen.shutdown_deadline`; at once when `hurry` is ready too.
    pub async fn run(self, until: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let server = Server::new(self.listener, router(self.state), self.metrics);
        server.accept(until).await;
        let begun = Instant::now();
        let window = self.drain.begin();
        tracing::info!(?window, left = ?self.drain.left(), "shutting down");
        let again = async {
            hurry.await;
            tracing::warn!("told to end again: at once");
        }
        .shared();
        server.accept(future::select(pin!(tokio::time::sleep(window)), again.clone()).map(drop)).await;
        server.close(self.drain.left(), again).await;
        let left = self.drain.left().max(LEAST_FLUSH);
        let producer = self.producer;
        // Blocks, and its own deadline ends it.
        let flushed = tokio::task::spawn_blocking(move || producer.flush(left)).await;
        if let Err(error) = flushed {
            tracing::error!(%error, "the producer was not flushed");
        }
        tracing::info!(took = ?begun.elapsed(), "ended");
    }
}

/// Checks what a start would find wrong with a configuration, without binding or connecting anything.
///
/// # Errors
/// The first thing that would keep the gateway from starting.
pub fn check(config: &Config) -> Result<(), Error> {
    Access::new(&config.access, config.listen.http)?;
    settings(config).check()?;
    Ok(())
}

fn settings(config: &Config) -> Settings {
    Settings::new(config.kafka.clone(), config.produce.clone(), config.streams.clone())
}

/// Runs the gateway until the process is told to end.
///
/// # Errors
/// When it cannot start.
pub async fn serve(config: Config) -> Result<(), Error> {
    telemetry::start_logging(&config.telemetry)?;
    let signals = Signals::listen()?;
    // A socket of the service manager's (sd_listen_fds(3)) stays open between one process and the next: whoever comes
    // meanwhile waits in its queue instead of being refused.
    let inherited = ListenFd::from_env().take_tcp_listener(0).map_err(Error::Inherited)?;
    let app = App::build_on(&config, inherited).await?;
    tracing::info!(address = %app.address(), kafka = config.kafka.bootstrap_servers, "listening");
    signals.run(app).await;
    Ok(())
}

/// Runs the embedded broker, and unless `broker_only` the gateway in front of it, until the process is told to end.
///
/// # Errors
/// When either cannot start.
pub async fn dev(mut config: Config, broker_only: bool) -> Result<(), Error> {
    telemetry::start_logging(&config.telemetry)?;
    let mut signals = Signals::listen()?;
    let broker = start_broker(&config)?;
    config.kafka.bootstrap_servers = broker.bootstrap();
    if broker_only {
        banner::print(&banner::broker_alone(&broker.bootstrap(), config.dev.topic_bytes));
        signals.next().await;
    } else {
        let app = App::build(&config).await?;
        banner::print(&banner::gateway(app.address(), &broker.bootstrap(), config.dev.topic_bytes));
        signals.run(app).await;
    }
    Ok(())
}

fn start_broker(config: &Config) -> Result<Broker, Error> {
    let (listen, topic_bytes) = (config.dev.kafka_listen, config.dev.topic_bytes);
    Broker::start(BrokerSettings { listen, topic_bytes, ..BrokerSettings::default() }).map_err(|source| {
        Error::Listen { address: listen, setting: "dev.kafka_listen", flag: "--kafka-listen", source }
    })
}

/// Makes a socket that listens already one of ours.
fn adopt(socket: std::net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let real = listener.local_addr()?;
        Ok((listener, real))
    };
    bound.await.map_err(|source| Error::Listen { address, setting: "listen.http", flag: "--listen", source })
}

/// What tells the process to end. Listened for from the start on, so that none is missed.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
        Ok(Self { terminate, interrupt })
    }

    /// Ready when the process is told to end, once more each time.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs the gateway until the first signal, and in a hurry from the second on.
    async fn run(self, app: App) {
        let signals = Arc::new(tokio::sync::Mutex::new(self));
        let first = signals.clone();
        app.run(
            async move { first.lock().await.next().await },
            async move { signals.lock().await.next().await },
        )
        .await;
    }
}
