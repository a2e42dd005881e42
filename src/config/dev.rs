//! `[dev]`: the embedded broker of `sluicegate dev`.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// The `[dev]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dev {
    /// The address of the embedded broker; port 0 takes any free one.
    pub kafka_listen: SocketAddr,
    /// How many bytes of a topic the embedded broker keeps, in memory.
    pub topic_bytes: u64,
}

impl Default for Dev {
    fn default() -> Self {
        Self { kafka_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9092)), topic_bytes: 268_435_456 }
    }
}
