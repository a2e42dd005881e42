//! The embedded broker of a build that has none: it has the shape of the real one and cannot be made.
//! Counting and fault injection are absent too: only tests use them, and those build with the feature.

use super::BrokerSettings;
use std::{io, net::SocketAddr};

/// A broker that does not exist: this build was made without the cargo feature `dev-broker`.
#[derive(Debug)]
pub enum Broker {}

impl Broker {
    /// Always fails.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`], with words on how to build a binary that has the broker.
    pub fn start(_: BrokerSettings) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this build has no embedded broker; build it with `cargo build --features dev-broker`, \
             or use `serve` with an Apache Kafka",
        ))
    }

    /// Where the broker listens.
    pub fn address(&self) -> SocketAddr {
        match *self {}
    }

    /// The value for a client's `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        match *self {}
    }

    /// Ends the broker.
    pub fn stop(self) {
        match self {}
    }
}
