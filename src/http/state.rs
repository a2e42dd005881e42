//! What handlers are given. `app` fills it, so that this room never looks outward; a handler takes the part it needs.

use super::same_site::SameSite;
use crate::access::Access;
use crate::broadcast::Broadcast;
use crate::config;
use crate::kafka::{Admin, Catalog, Health};
use crate::produce::Produce;
use crate::telemetry::Metrics;
use axum::extract::FromRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Everything a request may need.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub(super) access: Access,
    pub(super) produce: Produce,
    pub(super) broadcast: Broadcast,
    pub(super) catalog: Catalog,
    pub(super) admin: Admin,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: Limits,
    pub(super) health: Health,
    pub(super) shutdown: CancellationToken,
    pub(super) same_site: Arc<SameSite>,
}

/// What requests are held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Value, key and headers of a record, in bytes.
    pub max_record_bytes: usize,
    /// A cursor's text, in bytes.
    pub max_cursor_bytes: usize,
    /// The longest silence on a stream that does not ask for another.
    pub heartbeat: Duration,
}

/// What `app` puts together for requests.
pub struct Parts {
    /// Puts records in.
    pub produce: Produce,
    /// Opens streams.
    pub broadcast: Broadcast,
    /// Knows topics.
    pub catalog: Catalog,
    /// Makes topics.
    pub admin: Admin,
    /// The rules in force.
    pub access: Access,
    /// What requests are held to.
    pub limits: Limits,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

impl AppState {
    /// What handlers are given behind a listener at `address`. `shutdown` makes readiness go off.
    pub fn new(
        parts: Parts,
        listen: &config::Listen,
        address: SocketAddr,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            health: Health::new(parts.catalog.clone()),
            shutdown,
            same_site: Arc::new(SameSite::new(listen.cors_origins.clone(), address)),
            access: parts.access,
            produce: parts.produce,
            broadcast: parts.broadcast,
            catalog: parts.catalog,
            admin: parts.admin,
            metrics: parts.metrics,
            limits: parts.limits,
        }
    }
}
