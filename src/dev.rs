//! The development room: a Kafka broker inside the process, so that `sluicegate dev` and `cargo test`
//! need nothing but this binary.
//!
//! The broker itself is in `broker`, behind the cargo feature `dev-broker`. Without the feature (the
//! container image) this room keeps its shape: the same names, and a [`Broker::start`] that says how to
//! get one. Callers therefore need no `cfg` of their own.
//! Nothing here is meant for production: one node, everything in memory, gone at exit.
//! `demo` is what `--demo` puts into it.

mod demo;
mod settings;

#[cfg(not(feature = "dev-broker"))]
mod absent;
#[cfg(feature = "dev-broker")]
mod broker;

#[cfg(not(feature = "dev-broker"))]
pub use absent::Broker;
#[cfg(feature = "dev-broker")]
pub use broker::{ApiKey, Broker, Connections, Faults};
pub use demo::Demo;
pub use settings::BrokerSettings;
