//! The composition root: the only place that knows every room.
//!
//! Reading the configuration, building and running never mix: [`App::build`] parses nothing, and [`App::run`] returns
//! when everything has ended. Commands of the command line that run something end here.

mod banner;
mod server;

use crate::access::{Access, OpenToAll};
use crate::broadcast::Broadcast;
use crate::config::Config;
use crate::dev::{Broker, BrokerSettings};
use crate::http::state::{Limits, Parts};
use crate::http::{AppState, router};
use crate::kafka::{self, Admin, Catalog, Producer, Settings, admin};
use crate::produce::Produce;
use crate::telemetry::{self, LogError, Metrics};
use server::Server;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    shutdown: CancellationToken,
    deadline: Duration,
}

impl App {
    /// Binds the listener and makes the Kafka clients. Kafka itself may be away: requests will say so.
    ///
    /// # Errors
    /// When an address, a rule or a setting cannot be used.
    pub async fn build(config: &Config) -> Result<Self, Error> {
        check(config)?;
        let (listener, address) = bind(config.listen.http).await?;
        let access = Access::new(&config.access, address)?;
        let settings = settings(config);
        let (metrics, shutdown) = (Arc::new(Metrics::new()), CancellationToken::new());
        let client = admin::connect(&settings)?;
        let catalog = Catalog::new(client.clone(), &settings);
        let admin = Admin::new(client, &settings);
        let producer = Arc::new(Producer::new(settings.clone())?);
        let produce =
            Produce::new(&config.produce, catalog.clone(), admin.clone(), producer.clone(), metrics.clone());
        let broadcast =
            Broadcast::new(&config.streams, settings, catalog.clone(), metrics.clone(), shutdown.clone());
        let limits = Limits {
            max_record_bytes: config.produce.max_record_bytes,
            max_cursor_bytes: config.streams.max_cursor_bytes,
            heartbeat: config.streams.heartbeat,
            max_age: config.streams.max_age,
        };
        let parts = Parts { produce, broadcast, catalog, admin, access, limits, metrics: metrics.clone() };
        let state = AppState::new(parts, &config.listen, address, shutdown.clone());
        let deadline = config.listen.shutdown_deadline;
        Ok(Self { listener, address, state, metrics, producer, shutdown, deadline })
    }

    /// Where it listens: the port is the real one when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `until` is ready, then ends every stream, lets requests finish, and flushes the producer, all
    /// within `listen.shutdown_deadline`.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let server = Server::new(self.listener, router(self.state), self.metrics);
        server.accept(until).await;
        let begun = Instant::now();
        tracing::info!(deadline = ?self.deadline, "shutting down");
        self.shutdown.cancel();
        server.drain(self.deadline).await;
        let left = self.deadline.saturating_sub(begun.elapsed()).max(LEAST_FLUSH);
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
    let end = end_signal()?;
    let app = App::build(&config).await?;
    tracing::info!(address = %app.address(), kafka = config.kafka.bootstrap_servers, "listening");
    app.run(end).await;
    Ok(())
}

/// Runs the embedded broker, and unless `broker_only` the gateway in front of it, until the process is told to end.
///
/// # Errors
/// When either cannot start.
pub async fn dev(mut config: Config, broker_only: bool) -> Result<(), Error> {
    telemetry::start_logging(&config.telemetry)?;
    let end = end_signal()?;
    let broker = start_broker(&config)?;
    config.kafka.bootstrap_servers = broker.bootstrap();
    if broker_only {
        banner::print(&banner::broker_alone(&broker.bootstrap(), config.dev.topic_bytes));
        end.await;
    } else {
        let app = App::build(&config).await?;
        banner::print(&banner::gateway(app.address(), &broker.bootstrap(), config.dev.topic_bytes));
        app.run(end).await;
    }
    Ok(())
}

fn start_broker(config: &Config) -> Result<Broker, Error> {
    let (listen, topic_bytes) = (config.dev.kafka_listen, config.dev.topic_bytes);
    Broker::start(BrokerSettings { listen, topic_bytes, ..BrokerSettings::default() }).map_err(|source| {
        Error::Listen { address: listen, setting: "dev.kafka_listen", flag: "--kafka-listen", source }
    })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let real = listener.local_addr()?;
        Ok((listener, real))
    };
    bound.await.map_err(|source| Error::Listen { address, setting: "listen.http", flag: "--listen", source })
}

/// Ready when the process is told to end. Listens from now on, so a signal during the start is not missed.
fn end_signal() -> Result<impl Future<Output = ()>, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
