//! The configuration: one struct per section in its own file, with its defaults and, beside them, what each key
//! means and may be.
//!
//! Defaults, one TOML file, environment variables and flags are layers that are checked alone and then merged.
//! [`Config::load`] is a function of its arguments, so that a test needs no process of its own; it binds,
//! connects and starts nothing. What it lets through is right by every rule that needs no broker. Rooms take
//! their own section, never the whole.
//!
//! Deliberately absent: reloading (a new configuration is a restart), profiles, includes, and any search for a
//! file that was not named.

mod access;
mod dev;
mod environment;
mod error;
mod field;
mod groups;
mod kafka;
mod layer;
mod listen;
mod load;
mod origin;
mod produce;
mod properties;
mod reference;
mod refused;
mod secret;
mod streams;
mod table;
mod telemetry;

pub use access::{Access, Anonymous};
pub use dev::Dev;
pub use environment::process_environment;
pub use error::{ConfigError, Problem};
pub use groups::{GroupProtocol, Groups};
pub use kafka::Kafka;
pub use listen::Listen;
pub use load::Flags;
pub use origin::{Origin, OriginError};
pub use produce::{Compression, PARTITION_SHARE, Produce};
pub use properties::Properties;
pub use reference::reference;
pub use refused::is_reserved;
pub use secret::Secret;
pub use streams::Streams;
pub use telemetry::{LogFormat, Telemetry};

use field::Section;
use serde::{Deserialize, Serialize};

/// The schema: every section, in the order of the struct.
const SECTIONS: [Section; 8] = [
    listen::SECTION,
    kafka::SECTION,
    produce::SECTION,
    streams::SECTION,
    groups::SECTION,
    access::SECTION,
    telemetry::SECTION,
    dev::SECTION,
];

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
    /// How the gateway takes part in groups.
    pub groups: Groups,
    /// Who may do what.
    pub access: Access,
    /// What the gateway tells about itself.
    pub telemetry: Telemetry,
    /// The embedded broker.
    pub dev: Dev,
}

impl Config {
    /// The configuration as TOML, secrets masked. Loading it gives the same configuration, unless a secret was
    /// given in the clear.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables, texts, flags and integers far below TOML's limit")
    }
}
