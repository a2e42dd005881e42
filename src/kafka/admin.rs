//! Making topics and telling their settings.
//!
//! Deleting and altering are absent until the routes that need them exist.

use super::context::Context;
use super::error::{Error, Written};
use super::ffi;
use super::settings::Settings;
use crate::record::TopicName;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, ConfigSource, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The client through which metadata is asked and topics are made.
pub type Client = AdminClient<Context>;

/// Connects the client for metadata and administration. Returns at once: connecting goes on behind it.
///
/// # Errors
/// When librdkafka refuses the settings.
pub fn connect(settings: &Settings) -> Result<Arc<Client>, Error> {
    Client::from_config_and_context(&settings.admin(), Context).map(Arc::new).map_err(Error::from_client)
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
        let resource = [ResourceSpecifier::Topic(name.as_str())];
        let described =
            self.client.describe_configs(&resource, &self.options()).await.map_err(Error::from_client)?;
        let Some(described) = described.into_iter().next() else {
            return Err(Error::TopicNotFound(name.clone()));
        };
        let described = described.map_err(|code| Error::from_code(code, Some(name), Written::No))?;
        let mut configs: Vec<_> = described.entries.into_iter().map(TopicConfig::from_entry).collect();
        configs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(configs)
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.timeout))
    }
}

impl TopicConfig {
    fn from_entry(entry: ConfigEntry) -> Self {
        let is_default = entry.is_default || entry.source != ConfigSource::DynamicTopic;
        Self { name: entry.name, value: entry.value.filter(|_| !entry.is_sensitive), is_default }
    }
}
