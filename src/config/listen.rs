//! `[listen]`: where the gateway is reached, and how it leaves.

use super::Origin;
use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What the keys of `[listen]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "listen",
    about: "Where the gateway is reached, and how it leaves.",
    fields: &[
        Field {
            key: "http",
            meaning: "The address of the HTTP listener (HTTP/1.1, and HTTP/2 without TLS). Port 0 takes any free port. \
                      On an address that other machines reach, the start also needs `access.anonymous = \"allow\"`. A \
                      socket that a service manager passes on (`LISTEN_FDS`) takes its place.",
            rule: Rule::Address,
        },
        Field {
            key: "cors_origins",
            meaning: "The origins whose pages may read from and write to the gateway in a browser. Each is one exact \
                      origin; there is no `*`. Pages of any other origin are kept out by the same-site rule.",
            rule: Rule::Origins,
        },
        Field {
            key: "drain_window",
            meaning: "How long after SIGTERM newcomers are still let in, and over which time the open streams are asked \
                      to come back elsewhere, each at a random moment of it. Readiness is off from its beginning, so \
                      that a balancer sends nobody more. `sluicegate dev` has no window unless it is set.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(600)),
        },
        Field {
            key: "shutdown_deadline",
            meaning: "How long a shutdown may take: from SIGTERM to the moment when whatever is still open is cut.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(600)),
        },
    ],
};

/// The `[listen]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address of the HTTP listener; port 0 takes any free one.
    pub http: SocketAddr,
    /// The origins whose pages may call the gateway from a browser.
    pub cors_origins: Vec<Origin>,
    /// Over which time of a shutdown the open streams are asked to go.
    #[serde(with = "duration::text")]
    pub drain_window: Duration,
    /// How long a shutdown may take before what is still open is cut.
    #[serde(with = "duration::text")]
    pub shutdown_deadline: Duration,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            cors_origins: Vec::new(),
            drain_window: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(20),
        }
    }
}
