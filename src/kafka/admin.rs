//! Making topics and telling their settings.
//!
//! Deleting and altering are absent until the routes that need them exist.

use super::context::{Context, Role};
use super::error::{Error, Written};
use super::settings::Settings;
use super::{ffi, off_thread};
use crate::record::TopicName;
use rdkafka::types::RDKafkaType;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The client through which metadata is asked and topics are made.
///
/// It is no client of the binding's own kind for this: that one never hears what librdkafka says of its connections, and
/// does not let anybody look at brokers' certificates.
pub type Client = rdkafka::client::Client<Context>;

/// How long after the last handle on a client its thread may live on.
const LISTEN: Duration = Duration::from_millis(500);

/// Connects the client for metadata and administration. Returns at once: connecting goes on behind it.
///
/// # Errors
/// When librdkafka refuses the settings.
pub fn connect(settings: &Settings) -> Result<Arc<Client>, Error> {
    let recipe = settings.admin();
    let native = recipe.create_native_config().map_err(Error::from_client)?;
    ffi::tell_verdicts(&native);
    // Any client can ask; a producer costs the least.
    let kind = RDKafkaType::RD_KAFKA_PRODUCER;
    let client = Client::new(&recipe, native, kind, settings.context(Role::Admin));
    let client = client.map(Arc::new).map_err(Error::from_client)?;
    let held = Arc::downgrade(&client);
    // What it has to say has to be taken from it.
    let listening = move || {
        while let Some(client) = held.upgrade() {
            ffi::serve(&client, LISTEN);
        }
    };
    std::thread::Builder::new().name("kafka-admin".into()).spawn(listening).map_err(Error::unavailable)?;
    Ok(client)
}

/// What a new topic should be; the cluster's defaults fill the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSpec {
    /// How many partitions.
    pub partitions: Option<i32>,
    /// How many replicas each partition has.
    pub replication_factor: Option<i32>,
    /// Topic configs by Kafka's names.
    pub configs: BTreeMap<String, String>,
}

/// One config of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// Kafka's name.
    pub name: String,
    /// Its value; `None` where it is secret.
    pub value: Option<String>,
    /// Whether the topic merely follows the cluster's default.
    pub is_default: bool,
}

/// Makes and describes topics.
#[derive(Clone)]
pub struct Admin {
    client: Arc<Client>,
    timeout: Duration,
}

impl Admin {
    /// An admin that asks through `client`.
    pub fn new(client: Arc<Client>, settings: &Settings) -> Self {
        Self { client, timeout: settings.request_timeout() }
    }

    /// Makes a topic, or with `dry_run` lets the cluster only say whether it would.
    ///
    /// # Errors
    /// [`Error::TopicExists`], [`Error::Refused`] with Kafka's reason, or what kept Kafka from answering.
    pub async fn create(&self, name: &TopicName, spec: &TopicSpec, dry_run: bool) -> Result<(), Error> {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let (name, spec) = (name.clone(), spec.clone());
        let made =
            tokio::task::spawn_blocking(move || ffi::create_topic(&client, &name, &spec, dry_run, timeout));
        made.await.unwrap_or_else(|error| {
            Err(Error::Unavailable { reason: error.to_string(), written: Written::Unknown })
        })
    }

    /// A topic's configs, by name.
    ///
    /// # Errors
    /// What kept Kafka from answering, or its refusal.
    pub async fn configs(&self, name: &TopicName) -> Result<Vec<TopicConfig>, Error> {
        let (client, timeout, name) = (self.client.clone(), self.timeout, name.clone());
        let mut configs = off_thread(move || ffi::describe_configs(&client, &name, timeout)).await?;
        configs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(configs)
    }
}
