//! What librdkafka says goes to our log, once: its errors arrive both as log lines and as events, and it mends most of
//! them itself, so none of them is an error of the gateway.

use super::admittance::Admittance;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::sync::Arc;

/// The facilities of lines about connections that fail.
const CONNECTIONS: [&str; 4] = ["FAIL", "ERROR", "SSL", "SSLCERTVRFY"];

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sends records.
    Producer,
    /// It asks for metadata, and makes topics.
    Admin,
    /// It reads records.
    Reader,
}

/// The context of one client, which lives as long as that.
#[derive(Debug)]
pub struct Context {
    role: Role,
    admittance: Arc<Admittance>,
}

impl Context {
    /// The context of a client that is for `role`.
    pub fn new(role: Role, admittance: Arc<Admittance>) -> Self {
        Self { role, admittance }
    }

    /// Whether the brokers let the gateway in.
    pub fn admittance(&self) -> &Admittance {
        &self.admittance
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Why the brokers do not let the gateway in is told once and in clearer words; librdkafka's, and all that follows from
        // it, are for who looks closer.
        let told = CONNECTIONS.contains(&facility) && self.admittance.heard(message);
        let level = if told { RDKafkaLogLevel::Debug } else { level };
        log(level, facility, message);
    }

    /// Its log line has told it already.
    fn error(&self, error: KafkaError, reason: &str) {
        self.admittance.heard(reason);
        tracing::debug!(target: "librdkafka", client = ?self.role, %error, "{reason}");
    }
}

impl ConsumerContext for Context {}

/// Passes a log line on.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
