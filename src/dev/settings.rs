//! What the embedded broker can be told. Here, beside the broker and not in it, because the settings
//! exist in builds without the broker too. Topic defaults other than the byte limit are deliberately
//! absent: they are Kafka's, and a topic may set its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// How to start an embedded broker. [`Default`] is what tests want: any free port on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Where to listen. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The host that clients are told to connect to, where it differs from the one listened on.
    /// `None` names the listening address itself, or loopback when that is the unspecified address.
    pub advertised_host: Option<String>,
    /// Bytes kept of a topic that sets no `retention.bytes` of its own, over all its partitions.
    /// It is told as the broker's `retention.bytes` of each partition: this, divided by their number.
    pub topic_bytes: u64,
    /// How often records older than `retention.ms` are looked for
    /// (`log.retention.check.interval.ms` in Kafka, and its default of five minutes).
    pub retention_check: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertised_host: None,
            topic_bytes: 256 << 20,
            retention_check: Duration::from_secs(300),
        }
    }
}
