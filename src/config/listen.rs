//! `[listen]`: where the gateway is reached, and how it leaves.

use super::Origin;
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The `[listen]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address of the HTTP listener; port 0 takes any free one.
    pub http: SocketAddr,
    /// The origins whose pages may call the gateway from a browser.
    pub cors_origins: Vec<Origin>,
    /// How long a shutdown may take before what is still open is cut.
    #[serde(with = "duration::text")]
    pub shutdown_deadline: Duration,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            cors_origins: Vec::new(),
            shutdown_deadline: Duration::from_secs(20),
        }
    }
}
