//! The composition root: the only place that knows every room.
//!
//! Reading the configuration, building and running never mix: [`App::build`] parses nothing, and [`App::run`] returns
//! when everything has ended. Commands of the command line that run something end here.

mod banner;
mod descriptors;
mod inherited;
mod listener;
mod probe;
mod server;
mod service;

use crate::access::{Access, OpenToAll};
use crate::broadcast::{Broadcast, Drain};
use crate::config::Config;
use crate::config::GroupProtocol;
use crate::dev::{Broker, BrokerSettings, Demo};
use crate::group;
use crate::http::state::{Bodies, Limits, Parts};
use crate::http::{AppState, operations, router};
use crate::kafka::{self, Admin, Catalog, Groups, Health, Producer, Settings, admin};
use crate::produce::Produce;
use crate::telemetry::{self, LogError, Metrics};
use axum::extract::FromRef;
use futures_util::future::{self, FutureExt};
use inherited::Inherited;
use listener::Listener;
pub use probe::healthcheck;
use server::{Server, TURNED_AWAY, Watchlist};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What is left for the producer to flush, however long the connections took to end.
const LEAST_FLUSH: Duration = Duration::from_secs(1);

/// How many connections the operations' listener has: probes and scrapers are few.
const PROBES: usize = 256;

/// Why the gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be had.
    #[error("cannot listen on {address} ({setting}; change it there{})", .flag.map(|flag| format!(" or with {flag}")).unwrap_or_default())]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The key that names it.
        setting: &'static str,
        /// The flag that overrides it, if there is one.
        flag: Option<&'static str>,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A Unix socket could not be had.
    #[error("cannot listen on {path} (listen.unix)", path = .path.display())]
    Unix {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A socket that the service manager passed on cannot be used.
    #[error("an inherited socket (LISTEN_FDS) cannot be used")]
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
    address: SocketAddr,
    /// What clients come by.
    server: Server,
    /// What probes come by, where they have a listener of their own.
    operations: Option<Server>,
    producer: Arc<Producer>,
    admin: Admin,
    grouped: group::Groups,
    drain: Drain,
    demo: Option<Demo>,
    metrics: Arc<Metrics>,
    _relief: AbortOnDropHandle<()>,
}

impl App {
    /// Binds the listener and makes the Kafka clients. Kafka itself may be away: requests will say so.
    ///
    /// # Errors
    /// When an address, a rule or a setting cannot be used.
    pub async fn build(config: &Config) -> Result<Self, Error> {
        Self::build_on(config, Inherited::default(), false).await
    }

    /// The same, with sockets that listen already in the place of those that would be bound, and with the pages of
    /// `/examples/` if asked for.
    ///
    /// # Errors
    /// As for [`App::build`].
    async fn build_on(config: &Config, inherited: Inherited, examples: bool) -> Result<Self, Error> {
        check(config)?;
        let Listeners { address, clients, probes } = Listeners::open(config, inherited)?;
        let access = Access::new(&config.access, address)?;
        let drain = Drain::new(config.listen.drain_window, config.listen.shutdown_deadline);
        let metrics = Arc::new(Metrics::new(kafka::client_version()));
        let settings = settings(config).watched(metrics.clone(), config.telemetry.kafka_statistics);
        let client = admin::connect(&settings)?;
        let catalog = Catalog::new(client.clone(), &settings);
        let admin = Admin::new(client, &settings);
        let groups = Groups::new(catalog.clone(), &settings);
        let producer = Arc::new(Producer::new(settings.clone())?);
        let produce =
            Produce::new(&config.produce, catalog.clone(), admin.clone(), producer.clone(), metrics.clone());
        let (log, told) = (settings.clone(), metrics.clone());
        let broadcast = Broadcast::new(&config.streams, log, catalog.clone(), told, drain.clone());
        let watchlist = Watchlist::default();
        let most_pinned = config.streams.max_pinned_bytes;
        let relief = watchlist.clone().relieve(broadcast.pinned(), most_pinned, metrics.clone());
        let means = group::Means { settings, catalog: catalog.clone(), producer: producer.clone() };
        let grouped = group::Groups::new(&config.groups, means, metrics.clone());
        let bodies = Bodies::new(config.listen.body_timeout, config.listen.max_body_bytes);
        let parts = Parts {
            produce,
            broadcast,
            catalog,
            admin: admin.clone(),
            groups,
            grouped: grouped.clone(),
            access,
            limits: Limits::new(&config.listen, &config.produce, &config.streams, &config.groups),
            bodies,
            metrics: metrics.clone(),
            examples,
        };
        let state = AppState::new(parts, &config.listen, drain.clone());
        // It ends by itself, within a request's time-out.
        tokio::spawn(Health::from_ref(&state).greet());
        let most = descriptors::fit(config.listen.max_connections, reserved(config));
        let routes = router(state.clone(), probes.is_none());
        let operations = probes.map(|probes| {
            let served = (metrics.clone(), watchlist.clone());
            Server::new(vec![probes], operations(state), served, PROBES, &config.listen)
        });
        let server = Server::new(clients, routes, (metrics.clone(), watchlist), most, &config.listen);
        let _relief = AbortOnDropHandle::new(tokio::spawn(relief));
        Ok(Self {
            address,
            server,
            operations,
            producer,
            admin,
            grouped,
            drain,
            demo: None,
            metrics,
            _relief,
        })
    }

    /// Feeds the demo's topics from now on until it is told to end.
    fn feed(&mut self) {
        self.demo = Some(Demo::start(&self.producer, &self.admin));
    }

    /// Where it listens: the port is the real one when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `until` is ready, then asks every stream to go within `listen.drain_window`, lets requests finish, and
    /// flushes the producer, all within `listen.shutdown_deadline`; at once when `hurry` is ready too.
    pub async fn run(self, until: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let (server, over) = (self.server, CancellationToken::new());
        // Probes are answered until there is nothing left to ask about.
        let probes = tokio::spawn(answer_probes(self.operations, over.clone()));
        server.accept(until).await;
        let begun = Instant::now();
        drop(self.demo);
        let window = self.drain.begin();
        self.grouped.drain(window);
        service::stopping();
        self.metrics.http.draining.set(1);
        tracing::info!(?window, left = ?self.drain.left(), "shutting down");
        let again = async {
            hurry.await;
            tracing::warn!("told to end again: at once");
        }
        .shared();
        server.accept(future::select(pin!(tokio::time::sleep(window)), again.clone()).map(drop)).await;
        server.close(self.drain.left(), again).await;
        self.grouped.end(self.drain.left().max(LEAST_FLUSH)).await;
        let left = self.drain.left().max(LEAST_FLUSH);
        let producer = self.producer;
        // Blocks, and its own deadline ends it.
        let flushed = tokio::task::spawn_blocking(move || producer.flush(left)).await;
        if let Err(error) = flushed {
            tracing::error!(%error, "the producer was not flushed");
        }
        over.cancel();
        if let Err(error) = probes.await {
            tracing::error!(%error, "the operations' listener");
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

/// How many file descriptors are kept from clients: for producers and files, for those who are told that there is no room,
/// for probes, and for each Kafka reader and each member of a group a connection to each of a few brokers. A gateway that cannot reach its brokers
/// serves nobody.
fn reserved(config: &Config) -> usize {
    256 + TURNED_AWAY + PROBES + (config.streams.max_readers + config.groups.max_members) * 4
}

fn settings(config: &Config) -> Settings {
    Settings::new(config.kafka.clone(), config.produce.clone(), config.streams.clone())
        .joining(config.groups.clone())
}

/// Runs the gateway until the process is told to end.
///
/// # Errors
/// When it cannot start.
pub async fn serve(config: Config) -> Result<(), Error> {
    telemetry::start_logging(&config.telemetry)?;
    let signals = Signals::listen()?;
    let app = App::build_on(&config, Inherited::take()?, false).await?;
    tracing::info!(address = %app.address(), kafka = config.kafka.bootstrap_servers, "listening");
    service::ready(app.address());
    signals.run(app).await;
    Ok(())
}

/// What `sluicegate dev` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The embedded broker alone.
    Broker,
    /// The broker, and the gateway in front of it.
    Gateway,
    /// Both, and topics that something goes on in.
    Demo,
}

/// Runs the embedded broker, and what else the scene asks for, until the process is told to end.
///
/// # Errors
/// When either cannot start.
pub async fn dev(mut config: Config, scene: Scene) -> Result<(), Error> {
    telemetry::start_logging(&config.telemetry)?;
    let mut signals = Signals::listen()?;
    let broker = start_broker(&config)?;
    config.kafka.bootstrap_servers = broker.bootstrap();
    if config.groups.protocol == GroupProtocol::Auto {
        // All that the embedded broker does reliably.
        config.groups.protocol = GroupProtocol::Eager;
    }
    if scene == Scene::Broker {
        banner::print(&banner::broker_alone(&broker.bootstrap(), config.dev.topic_bytes));
        signals.next().await;
    } else {
        let mut app = App::build_on(&config, Inherited::default(), true).await?;
        banner::print(&banner::gateway(app.address(), &broker.bootstrap(), config.dev.topic_bytes));
        if scene == Scene::Demo {
            app.feed();
            banner::print(&banner::demo(app.address()));
        } else {
            banner::print(&banner::first_steps(app.address()));
        }
        signals.run(app).await;
    }
    Ok(())
}

fn start_broker(config: &Config) -> Result<Broker, Error> {
    let (listen, topic_bytes) = (config.dev.kafka_listen, config.dev.topic_bytes);
    Broker::start(BrokerSettings { listen, topic_bytes, ..BrokerSettings::default() }).map_err(|source| {
        Error::Listen { address: listen, setting: "dev.kafka_listen", flag: Some("--kafka-listen"), source }
    })
}

/// What is listened on.
struct Listeners {
    /// That of HTTP, with the real port.
    address: SocketAddr,
    clients: Vec<Listener>,
    probes: Option<Listener>,
}

impl Listeners {
    fn open(config: &Config, inherited: Inherited) -> Result<Self, Error> {
        let listen = &config.listen;
        let http = match inherited.http {
            Some(listener) => listener,
            None => Listener::bind(listen.http, "listen.http", Some("--listen"))?,
        };
        let address = http.address().unwrap_or(listen.http);
        let unix = match inherited.unix {
            None if !listen.unix.is_empty() => {
                Some(Listener::bind_unix(Path::new(&listen.unix), listen.unix_mode())?)
            }
            inherited => inherited,
        };
        let probes = match (inherited.ops, listen.ops) {
            (None, Some(address)) => Some(Listener::bind(address, "listen.ops", None)?),
            (inherited, _) => inherited,
        };
        if let Some(address) = probes.as_ref().and_then(Listener::address) {
            tracing::info!(%address, "health and metrics have an address of their own");
        }
        if unix.is_some() {
            tracing::info!(path = listen.unix, "a Unix socket is open");
        }
        Ok(Self { address, clients: [Some(http), unix].into_iter().flatten().collect(), probes })
    }
}

/// Serves the operations' listener, if there is one, until everything else is over.
async fn answer_probes(server: Option<Server>, over: CancellationToken) {
    let Some(server) = server else { return };
    server.accept(over.cancelled()).await;
    server.close(Duration::ZERO, std::future::pending()).await;
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
