//! The embedded broker by its front door: real clients, and raw frames where a client hides what is meant.
//!
//! Each test starts a broker of its own in this process, on any free port. The broker's pure parts are tested
//! beside them in `src/dev/broker`; what it shares with Apache Kafka is tested through the gateway.
#![cfg(feature = "dev-broker")]

#[path = "embedded_broker/clients.rs"]
mod clients;
#[path = "embedded_broker/faults.rs"]
mod faults;
#[path = "embedded_broker/fetching.rs"]
mod fetching;
#[path = "embedded_broker/groups.rs"]
mod groups;
#[path = "embedded_broker/lifecycle.rs"]
mod lifecycle;
#[path = "embedded_broker/records.rs"]
mod records;
#[path = "embedded_broker/retention.rs"]
mod retention;
#[path = "embedded_broker/topics.rs"]
mod topics;
#[path = "embedded_broker/transactions.rs"]
mod transactions;
#[path = "embedded_broker/wire.rs"]
mod wire;
