//! `[dev]`: the embedded broker of `sluicegate dev`.

use super::field::{Field, Rule, Section};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// What the keys of `[dev]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "dev",
    about: "The embedded broker of `sluicegate dev`; `serve` has no use for it.",
    fields: &[
        Field {
            key: "kafka_listen",
            meaning: "The address of the embedded broker. Port 0 takes any free port.",
            rule: Rule::Address,
        },
        Field {
            key: "topic_bytes",
            meaning: "How many bytes of a topic's newest records the embedded broker keeps. It keeps them in \
                      memory, and forgets them all when it ends.",
            rule: Rule::Integer(1_048_576, 1_099_511_627_776),
        },
    ],
};

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
