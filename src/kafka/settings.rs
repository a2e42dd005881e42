//! From the configuration to librdkafka's properties, one recipe for each kind of client.
//!
//! Ours come last, so a property passed through cannot undo a promise (`config` has refused those by name before).

use super::admittance::Admittance;
use super::context::{Context, Role, Voice};
use super::error::Error;
use super::member::{Joining, PROBE, Protocol, Protocols};
use super::reader::Pace;
use crate::config;
use crate::record::{Acks, Isolation};
use crate::telemetry::Metrics;
use rdkafka::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// What every client of the cluster is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    kafka: config::Kafka,
    produce: config::Produce,
    streams: config::Streams,
    groups: config::Groups,
    protocols: Arc<Protocols>,
    admittance: Arc<Admittance>,
    voice: Arc<Voice>,
    metrics: Arc<Metrics>,
    /// How often clients tell their statistics; never, when zero.
    statistics: Duration,
}

impl Settings {
    /// Gathers the sections that concern Kafka clients.
    pub fn new(kafka: config::Kafka, produce: config::Produce, streams: config::Streams) -> Self {
        let voice = Arc::new(Voice::new([&kafka.properties, &kafka.producer, &kafka.consumer]));
        let (admittance, metrics) = (Arc::default(), Arc::default());
        let groups = config::Groups::default();
        let protocols = Arc::new(Protocols::new(groups.protocol));
        let statistics = Duration::ZERO;
        Self { kafka, produce, streams, groups, protocols, admittance, voice, metrics, statistics }
    }

    /// The same, with members of groups as this section has them.
    #[must_use]
    pub fn joining(self, groups: config::Groups) -> Self {
        Self { protocols: Arc::new(Protocols::new(groups.protocol)), groups, ..self }
    }

    /// By which protocol members join.
    pub(super) fn protocols(&self) -> &Protocols {
        &self.protocols
    }

    /// How often members commit.
    pub(super) fn commit_interval(&self) -> Duration {
        self.groups.commit_interval
    }

    /// How long a member waits for acknowledgements before it gives a partition up.
    pub(super) fn revoke_timeout(&self) -> Duration {
        self.groups.revoke_timeout
    }

    /// The same, with clients that are counted in `metrics`, and that tell their statistics so often; zero means never.
    #[must_use]
    pub fn watched(self, metrics: Arc<Metrics>, statistics: Duration) -> Self {
        Self { metrics, statistics, ..self }
    }

    /// The context of a new client.
    pub(super) fn context(&self, role: Role) -> Context {
        let counted = self.metrics.kafka.client(role.as_str());
        Context::new(role, self.admittance.clone(), self.voice.clone(), counted)
    }

    /// Whether the brokers let the gateway in, as all clients of these settings have it.
    pub(super) fn admittance(&self) -> &Arc<Admittance> {
        &self.admittance
    }

    /// Lets librdkafka check every property without connecting.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with the property and librdkafka's reason.
    pub fn check(&self) -> Result<(), Error> {
        for recipe in [self.producer(Acks::All), self.admin(), self.feed(Isolation::Committed, Pace::Tail)] {
            recipe.create_native_config().map_err(Error::from_client)?;
        }
        Ok(())
    }

    /// The deadline of a metadata or admin call.
    pub fn request_timeout(&self) -> Duration {
        self.kafka.request_timeout
    }

    /// How long metadata may be served from the cache.
    pub fn metadata_max_age(&self) -> Duration {
        self.kafka.metadata_max_age
    }

    /// A producer that answers as `acks` says. Only `all` can be idempotent (KIP-98).
    pub(super) fn producer(&self, acks: Acks) -> ClientConfig {
        let mut recipe = self.common(&self.kafka.producer);
        let produce = &self.produce;
        let (acks, idempotent) = match acks {
            Acks::All => ("all", "true"),
            Acks::Leader => ("1", "false"),
            Acks::None => ("0", "false"),
        };
        recipe.set("acks", acks).set("enable.idempotence", idempotent);
        recipe.set("partitioner", "murmur2_random");
        recipe.set("delivery.timeout.ms", produce.delivery_timeout.as_millis().to_string());
        recipe.set("compression.type", produce.compression.as_str());
        recipe.set("queue.buffering.max.messages", produce.queue_records.to_string());
        recipe.set("queue.buffering.max.kbytes", produce.queue_bytes.div_ceil(1024).to_string());
        recipe.set("message.max.bytes", (produce.max_record_bytes + BATCH_OVERHEAD).to_string());
        self.default_of(&mut recipe, "linger.ms", "0");
        // Only topics that the catalog has seen are sent to, so one that a broker does not know was deleted, or is a
        // moment old. By default librdkafka would let its records wait half a minute to find out.
        self.default_of(&mut recipe, "topic.metadata.propagation.max.ms", "2000");
        recipe
    }

    /// A client for metadata and administration.
    pub(super) fn admin(&self) -> ClientConfig {
        let mut recipe = self.common(&self.kafka.properties);
        // It is to be connected to the brokers that are left when one is gone. And with connections made on demand librdkafka
        // tries one that refuses without any pause while a request waits for it, which costs a processor.
        recipe.set("enable.sparse.connections", "false");
        recipe
    }

    /// A consumer of assigned positions, which come and go: commits nothing, decides nothing about lost ones.
    ///
    /// Each partition has a queue of its own, and librdkafka holds every queue to the limit by itself, so each gets
    /// a share of what the reader may hold.
    pub(super) fn feed(&self, isolation: Isolation, pace: Pace) -> ClientConfig {
        let mut recipe = self.consumer(isolation, pace);
        // librdkafka refuses `assign` without a group; none is ever joined and nothing is committed to it.
        recipe.set("group.id", "sluicegate-reader");
        recipe
    }

    /// A member of a group: what it is assigned is begun where it is told to, and committed when it is told to.
    pub(super) fn member(&self, joining: &Joining, protocol: Protocol) -> ClientConfig {
        let mut recipe = self.consumer(joining.isolation, Pace::Tail);
        recipe.set("group.id", joining.group.as_str());
        recipe.set("client.id", format!("{}-{}", self.kafka.client_id, joining.tag));
        if !self.groups.instance_id.is_empty() {
            recipe.set("group.instance.id", format!("{}-{}", self.groups.instance_id, joining.tag));
        }
        match protocol {
            Protocol::Consumer => {
                recipe.set("group.protocol", "consumer");
                // The brokers decide these, and librdkafka refuses to be told.
                for name in BROKERS_CHOICE {
                    recipe.remove(name);
                }
                if self.protocols.is_open() {
                    // What `MemberContext` listens for.
                    self.default_of(&mut recipe, "debug", PROBE);
                }
            }
            Protocol::Cooperative => {
                recipe.set("partition.assignment.strategy", "cooperative-sticky");
            }
            Protocol::Eager => {
                recipe.set("partition.assignment.strategy", "range");
            }
        }
        recipe
    }

    fn consumer(&self, isolation: Isolation, pace: Pace) -> ClientConfig {
        let mut recipe = self.common(&self.kafka.consumer);
        recipe.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        recipe.set("auto.offset.reset", "error").set("enable.partition.eof", "true");
        recipe.set("isolation.level", isolation.as_str());
        // Without it a batch damaged on its way is given as it came, or taken for the cut-off end of an answer.
        recipe.set("check.crcs", "true");
        let (shares, wait) = match pace {
            Pace::Tail => (TAIL_SHARES, "100"),
            Pace::History => (HISTORY_SHARES, "20"),
        };
        let share = self.streams.reader_queue_bytes / shares;
        recipe.set("queued.max.messages.kbytes", share.div_ceil(1024).max(1).to_string());
        // One answer goes into the queue whole, however full it is.
        if recipe.get("max.partition.fetch.bytes").is_none() {
            self.default_of(&mut recipe, "fetch.message.max.bytes", &share.max(LEAST_FETCH).to_string());
        }
        self.default_of(&mut recipe, "queued.min.messages", "1000");
        self.default_of(&mut recipe, "fetch.queue.backoff.ms", "10");
        // A partition that joins waits for the answer to the question that was asked before it came.
        self.default_of(&mut recipe, "fetch.wait.max.ms", wait);
        recipe
    }

    fn common(&self, role: &config::Properties) -> ClientConfig {
        let mut recipe = ClientConfig::new();
        for (name, value) in self.kafka.properties.iter().chain(role.iter()) {
            recipe.set(name, value);
        }
        recipe.set("bootstrap.servers", &self.kafka.bootstrap_servers);
        recipe.set("client.id", &self.kafka.client_id);
        recipe.set("statistics.interval.ms", self.statistics.as_millis().to_string());
        // The OpenSSL that is built in looks for authorities where it was built; this looks where systems have them.
        if AUTHORITIES.iter().all(|name| recipe.get(name).is_none()) {
            recipe.set("ssl.ca.location", "probe");
        }
        // Topics are made on purpose, by the admin client, never by asking for them.
        recipe.set("allow.auto.create.topics", "false");
        // While librdkafka waits to reconnect (10 s by default) it does not look for records whose time is over, so this is how
        // late a delivery time-out may be told. The value is the Java client's.
        self.default_of(&mut recipe, "reconnect.backoff.max.ms", "1000");
        recipe
    }

    /// Sets what we prefer but an operator may choose otherwise.
    fn default_of(&self, recipe: &mut ClientConfig, name: &str, value: &str) {
        if recipe.get(name).is_none() {
            recipe.set(name, value);
        }
    }
}

/// The share of `streams.reader_queue_bytes` that a partition has, as one of so many.
const TAIL_SHARES: usize = 4;
const HISTORY_SHARES: usize = 16;

/// What KIP-848 leaves to the brokers.
const BROKERS_CHOICE: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type", "partition.assignment.strategy"];

/// The properties that name trusted authorities.
const AUTHORITIES: [&str; 2] = ["ssl.ca.location", "ssl.ca.pem"];

/// The least that is fetched of a partition at once, in bytes: below it requests cost more than they bring.
const LEAST_FETCH: usize = 16 * 1024;

/// Room for what a record batch adds around a record of the largest size taken.
const BATCH_OVERHEAD: usize = 4096;
