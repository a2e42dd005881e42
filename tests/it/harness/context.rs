//! What a test is given: names of its own, the broker, gateways, and somebody who cleans up after it.

use super::child::Child;
use super::cluster::Cluster;
use super::gateway::Gateway;
use super::kafka::Kafka;
use super::run::Shared;
use super::wait::until;
use rand::RngExt;
use rand::rngs::StdRng;
use sluicegate::config::{Config, GroupProtocol};
use sluicegate::dev::{Broker, BrokerSettings, Faults};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A test's means. Clones are the same context.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    prefix: String,
    gateways: Mutex<Vec<Gateway>>,
}

/// An embedded broker of a test's own, whose faults may be ordered. It ends with the last clone.
#[derive(Clone)]
pub struct OwnBroker {
    broker: Arc<Broker>,
}

impl OwnBroker {
    /// Orders faults.
    pub fn faults(&self) -> Faults {
        self.broker.faults()
    }

    /// Refuses every connection until [`OwnBroker::back`], without blocking the async threads.
    pub async fn away(&self) {
        let faults = self.faults();
        let ended = tokio::task::spawn_blocking(move || faults.away()).await;
        match ended.expect("it does not panic") {
            // A connection of anybody's was given the port for its own end: nobody listens there either.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            ended => ended.expect("the broker obeys"),
        }
    }

    /// Is there again, with what it had.
    pub async fn back(&self) {
        // Meanwhile a connection of anybody's may have been given the port for its own end.
        until("the broker has its port again", || async {
            let faults = self.faults();
            let ended = tokio::task::spawn_blocking(move || faults.back()).await;
            match ended.expect("it does not panic") {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
                ended => {
                    ended.expect("the broker obeys");
                    Some(())
                }
            }
        })
        .await;
    }

    /// The broker itself, for its counters.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Clients of this broker.
    pub fn kafka(&self) -> Kafka {
        Kafka::at(&self.broker.bootstrap())
    }
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, test: &str) -> Self {
        // A part of the name tells whose topics they are in a broker's log; the rest makes them unique.
        let sentence: String = test.rsplit("::").next().unwrap_or(test).chars().take(40).collect();
        let random = &uuid::Uuid::new_v4().simple().to_string()[..10];
        let inner = Inner { shared, prefix: format!("t{random}-{sentence}-"), gateways: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A topic name that no other test or run has. The topic is not made.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.inner.prefix)
    }

    /// What all names of this test begin with.
    pub fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// Clients of the run's broker.
    pub fn kafka(&self) -> Kafka {
        Kafka::at(&self.inner.shared.broker.bootstrap())
    }

    /// The run's broker as a cluster whose nodes and listeners are known; for tests that need [`Capability::ThreeNodes`]
    /// or [`Capability::Sasl`].
    ///
    /// [`Capability::ThreeNodes`]: super::Capability::ThreeNodes
    /// [`Capability::Sasl`]: super::Capability::Sasl
    pub fn cluster(&self) -> Cluster {
        Cluster::of(&self.inner.shared.broker).expect("the test says that it needs it")
    }

    /// Makes a topic that keeps records however old their timestamps are, and gives its full name.
    pub async fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[]).await
    }

    /// The same with further configs.
    pub async fn topic_with(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = self.name(name);
        self.kafka().create_topic(&name, partitions, configs).await;
        name
    }

    /// The gateway that tests share: the default configuration in front of the run's broker.
    pub async fn gateway(&self) -> Gateway {
        let started =
            self.inner.shared.gateway.get_or_init(|| async { Gateway::start(&self.config()).await });
        started.await.clone()
    }

    /// A gateway of this test's own, in front of the run's broker.
    pub async fn gateway_with(&self, change: impl FnOnce(&mut Config)) -> Gateway {
        let mut config = self.config();
        change(&mut config);
        let gateway = Gateway::start(&config).await;
        self.keep(&gateway);
        gateway
    }

    /// A gateway of this test's own in front of a broker of its own.
    pub async fn gateway_before(&self, broker: &OwnBroker, change: impl FnOnce(&mut Config)) -> Gateway {
        let bootstrap = broker.broker.bootstrap();
        self.gateway_with(|config| {
            config.kafka.bootstrap_servers = bootstrap;
            config.groups.protocol = GroupProtocol::Eager;
            change(config);
        })
        .await
    }

    /// An embedded broker of this test's own, whatever broker the run has.
    pub async fn own_broker(&self) -> OwnBroker {
        let started = tokio::task::spawn_blocking(|| Broker::start(BrokerSettings::default())).await;
        let broker = started.expect("it does not panic").expect("a port is free");
        OwnBroker { broker: Arc::new(broker) }
    }

    /// The built binary in a process of its own, in front of the run's broker, listening on any port.
    pub fn serve(&self, variables: &[(&str, &str)]) -> Child {
        self.serve_at("127.0.0.1:0", variables)
    }

    /// The same at an address that is known before it listens there.
    pub fn serve_at(&self, address: &str, variables: &[(&str, &str)]) -> Child {
        self.serving(variables, |variables| Child::start(&["serve", "--listen", address], variables))
    }

    /// The same on a socket that listens already.
    pub fn serve_on(&self, socket: &TcpListener, variables: &[(&str, &str)]) -> Child {
        self.serving(variables, |variables| Child::start_on(socket, &["serve"], variables))
    }

    /// The same on any port, after a command of the shell's that sets limits.
    pub fn serve_under(&self, command: &str) -> Child {
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        self.serving(&[], |variables| Child::start_under(command, &arguments, variables))
    }

    /// The same on two sockets that listen already, by these names.
    pub fn serve_on_both(&self, sockets: [OwnedFd; 2], names: &str) -> Child {
        self.serving(&[], |variables| Child::start_on_both(sockets, names, &["serve"], variables))
    }

    fn serving(&self, variables: &[(&str, &str)], start: impl FnOnce(&[(&str, &str)]) -> Child) -> Child {
        let bootstrap = self.inner.shared.broker.bootstrap();
        let protocol = if self.inner.shared.broker.is_embedded() { "eager" } else { "auto" };
        let own = [
            ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", bootstrap.as_str()),
            ("SLUICEGATE_GROUPS__PROTOCOL", protocol),
            ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "0"),
        ];
        start(&own.iter().chain(variables).copied().collect::<Vec<_>>())
    }

    /// The configuration of the shared gateway.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.listen.http = ([127, 0, 0, 1], 0).into();
        // What a test leaves open is cut soon.
        config.listen.drain_window = Duration::ZERO;
        config.listen.shutdown_deadline = Duration::from_secs(5);
        config.kafka.bootstrap_servers = self.inner.shared.broker.bootstrap();
        if self.inner.shared.broker.is_embedded() {
            // All that it does reliably.
            config.groups.protocol = GroupProtocol::Eager;
        }
        config
    }

    fn keep(&self, gateway: &Gateway) {
        self.inner.gateways.lock().unwrap_or_else(PoisonError::into_inner).push(gateway.clone());
    }

    pub(super) async fn stop_everything(&self) {
        let gateways =
            std::mem::take(&mut *self.inner.gateways.lock().unwrap_or_else(PoisonError::into_inner));
        for gateway in gateways {
            gateway.stop().await;
        }
    }
}

/// A loopback address that no other socket is given by chance: its port is below those that systems hand out.
pub fn fixed_address(random: &mut StdRng) -> SocketAddr {
    let free = (0..100).map(|_| SocketAddr::from(([127, 0, 0, 1], random.random_range(15_000..30_000))));
    free.into_iter()
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("one port of a hundred is free")
}
