//! The configuration: one struct per section, each in its own file with its defaults.

mod access;
mod dev;
mod kafka;
mod listen;
mod origin;
mod produce;
mod properties;
mod secret;
mod streams;
mod telemetry;

pub use access::{Access, Anonymous};
pub use dev::Dev;
pub use kafka::Kafka;
pub use listen::Listen;
pub use origin::{Origin, OriginError};
pub use produce::{Compression, Produce};
pub use properties::Properties;
pub use streams::Streams;
pub use telemetry::{LogFormat, Telemetry};

use serde::{Deserialize, Serialize};

/// The whole configuration. Its default is valid: the gateway on loopback, before a broker on loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the gateway is reached.
    pub listen: Listen,
    /// How the brokers are reached.
    pub kafka: Kafka,
    /// What may be written.
    pub produce: Produce,
    /// What a stream may cost.
    pub streams: Streams,
    /// Who may do what.
    pub access: Access,
    /// What the gateway tells about itself.
    pub telemetry: Telemetry,
    /// The embedded broker.
    pub dev: Dev,
}
