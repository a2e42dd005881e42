//! `[kafka]`: how the brokers are reached, and librdkafka's own properties.

use super::Properties;
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `[kafka]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// The brokers to ask first, `host:port` separated by commas.
    pub bootstrap_servers: String,
    /// The name by which brokers' logs and quotas know the gateway.
    pub client_id: String,
    /// The deadline of one metadata or admin call.
    #[serde(with = "duration::text")]
    pub request_timeout: Duration,
    /// How old a topic's metadata may be and still be served from the cache.
    #[serde(with = "duration::text")]
    pub metadata_max_age: Duration,
    /// librdkafka properties of every client.
    pub properties: Properties,
    /// librdkafka properties of producers; they win over `properties`.
    pub producer: Properties,
    /// librdkafka properties of consumers; they win over `properties`.
    pub consumer: Properties,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".to_owned(),
            client_id: "sluicegate".to_owned(),
            request_timeout: Duration::from_secs(5),
            metadata_max_age: Duration::from_secs(30),
            properties: Properties::default(),
            producer: Properties::default(),
            consumer: Properties::default(),
        }
    }
}
