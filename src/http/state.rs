//! What handlers are given. `app` fills it, so that this room never looks outward; a handler takes the part it needs.

use super::ops::Readiness;
use super::same_site::SameSite;
use crate::access::Access;
use crate::broadcast::Broadcast;
use crate::kafka::{Admin, Catalog};
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
    pub(super) readiness: Readiness,
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

/// The core rooms that requests are passed to.
pub struct Rooms {
    /// Puts records in.
    pub produce: Produce,
    /// Opens streams.
    pub broadcast: Broadcast,
    /// Knows topics.
    pub catalog: Catalog,
    /// Makes topics.
    pub admin: Admin,
}

impl AppState {
    /// Puts together what handlers are given, for a listener at `address`. `shutdown` makes readiness go off.
    pub fn new(
        rooms: Rooms,
        access: Access,
        settings: &crate::config::Config,
        address: SocketAddr,
        (metrics, shutdown): (Arc<Metrics>, CancellationToken),
    ) -> Self {
        let limits = Limits {
            max_record_bytes: settings.produce.max_record_bytes,
            max_cursor_bytes: settings.streams.max_cursor_bytes,
            heartbeat: settings.streams.heartbeat,
        };
        Self {
            readiness: Readiness::new(rooms.catalog.clone(), shutdown),
            same_site: Arc::new(SameSite::new(settings.listen.cors_origins.clone(), address)),
            access,
            produce: rooms.produce,
            broadcast: rooms.broadcast,
            catalog: rooms.catalog,
            admin: rooms.admin,
            metrics,
            limits,
        }
    }
}
