//! Sluicegate: an HTTP REST and server-sent-events gateway to Apache Kafka.
//!
//! Data enters by the front door and walks straight through:
//! [`cli`] → [`app`] → [`http`] → ([`produce`] | [`broadcast`]) → [`kafka`] → broker, and back.
//! Inner rooms do not know that outer rooms exist; `tests/tidy.rs` keeps it so, and
//! `ARCHITECTURE.md` is the map with its reasons.

#![deny(unsafe_code)]
#![warn(missing_docs)]
// Tests may unwrap; here an `expect` says why it cannot happen.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod access;
pub mod app;
pub mod broadcast;
pub mod cli;
pub mod config;
pub mod dev;
pub mod group;
pub mod http;
pub mod kafka;
pub mod produce;
pub mod record;
pub mod telemetry;
pub mod wire;
