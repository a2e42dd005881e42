//! What handlers are given. `app` fills it, so that this room never looks outward; a handler takes the part it needs.

use super::error::code;
pub use super::extract::body::Bodies;
use super::same_site::SameSite;
use crate::access::Access;
use crate::broadcast::{Broadcast, Drain};
use crate::config;
use crate::group;
use crate::kafka::{Admin, Catalog, Groups, Health};
use crate::produce::Produce;
use crate::telemetry::Metrics;
use axum::extract::FromRef;
use std::sync::Arc;
use std::time::Duration;

/// Everything a request may need. It is cloned for every request, so it is one pointer.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    parts: Parts,
    health: Health,
    drain: Drain,
    same_site: Arc<SameSite>,
}

/// Lets a handler name the part it takes.
macro_rules! parts {
    ($($part:ty: $($field:ident).+;)*) => {
        $(impl FromRef<AppState> for $part {
            fn from_ref(state: &AppState) -> Self {
                state.0.$($field).+.clone()
            }
        })*
    };
}

parts! {
    Access: parts.access;
    Produce: parts.produce;
    Broadcast: parts.broadcast;
    Catalog: parts.catalog;
    Admin: parts.admin;
    Groups: parts.groups;
    group::Groups: parts.grouped;
    Limits: parts.limits;
    Bodies: parts.bodies;
    Arc<Metrics>: parts.metrics;
    Health: health;
    Drain: drain;
    Arc<SameSite>: same_site;
}

/// What requests are held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Value, key and headers of a record, in bytes.
    pub max_record_bytes: usize,
    /// A request's target and headers, in bytes.
    pub max_head_bytes: usize,
    /// A cursor's text, in bytes.
    pub max_cursor_bytes: usize,
    /// The longest silence on a stream that does not ask for another.
    pub heartbeat: Duration,
    /// How long frames may wait on a stream that does not ask for another time.
    pub flush: Duration,
    /// About how long a stream of events lives that does not ask for another time.
    pub max_age: Duration,
    /// How many records of a partition are held, in a group that does not ask for another number.
    pub window: usize,
    /// How long a record of a group waits for its acknowledgement, where the group does not ask for another time.
    pub ack_timeout: Duration,
}

impl Limits {
    /// Those of these sections.
    pub fn new(
        listen: &config::Listen,
        produce: &config::Produce,
        streams: &config::Streams,
        groups: &config::Groups,
    ) -> Self {
        Self {
            max_record_bytes: produce.max_record_bytes,
            max_head_bytes: listen.max_head_bytes,
            max_cursor_bytes: streams.max_cursor_bytes,
            heartbeat: streams.heartbeat,
            max_age: streams.max_age,
            flush: streams.flush,
            window: groups.window,
            ack_timeout: groups.ack_timeout,
        }
    }
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
    /// Looks after consumer groups.
    pub groups: Groups,
    /// Takes part in groups.
    pub grouped: group::Groups,
    /// The rules in force.
    pub access: Access,
    /// What requests are held to.
    pub limits: Limits,
    /// What bodies may take while they come in.
    pub bodies: Bodies,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Whether `/examples/` is served.
    pub examples: bool,
}

impl AppState {
    /// Whether `/examples/` is served.
    pub(super) fn has_examples(&self) -> bool {
        self.0.parts.examples
    }

    /// What handlers are given. `drain` makes readiness go off.
    pub fn new(parts: Parts, listen: &config::Listen, drain: Drain) -> Self {
        parts.metrics.http.expect(code::ALL.iter().map(|code| code.name));
        Self(Arc::new(Inner {
            health: Health::new(parts.catalog.clone(), parts.metrics.clone()),
            same_site: Arc::new(SameSite::new(listen.cors_origins.clone())),
            drain,
            parts,
        }))
    }
}
