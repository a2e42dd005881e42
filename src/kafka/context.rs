//! What librdkafka says goes to our log, once: its errors arrive both as log lines and as events, and it mends most of
//! them itself, so none of them is an error of the gateway.
//!
//! Every client of a gateway speaks through the same [`Voice`], which leaves out what was said just before and cuts
//! the secrets of the configuration, whatever librdkafka or a broker may have put them into.

mod quiet;

use super::admittance::Admittance;
use super::statistics;
use crate::config::Properties;
use crate::telemetry::{KafkaClient, plain};
use quiet::Quiet;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// The longest line of librdkafka's that is passed on, in bytes; librdkafka itself cuts at 2048.
const MAX_LINE_BYTES: usize = 2048;

/// A shorter secret is not looked for: it would be found in words that are none, and it keeps nothing secret.
const LEAST_SECRET_BYTES: usize = 4;

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
    /// It is in a consumer group.
    Member,
}

impl Role {
    /// The word used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Admin => "admin",
            Self::Reader => "reader",
            Self::Member => "member",
        }
    }
}

/// The context of one client, which lives as long as that.
#[derive(Debug)]
pub struct Context {
    role: Role,
    admittance: Arc<Admittance>,
    voice: Arc<Voice>,
    counted: KafkaClient,
}

impl Context {
    /// The context of a client that is for `role`, and that is counted.
    pub fn new(role: Role, admittance: Arc<Admittance>, voice: Arc<Voice>, counted: KafkaClient) -> Self {
        Self { role, admittance, voice, counted }
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
        let told = CONNECTIONS.contains(&facility) && self.admittance.heard(&self.voice.clean(message));
        let level = if told { RDKafkaLogLevel::Debug } else { level };
        self.voice.say(self.role, level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        match statistics::read(json) {
            Ok(told) => self.counted.tells(told),
            Err(error) => {
                tracing::debug!(target: "librdkafka", client = self.role.as_str(), %error, "statistics")
            }
        }
    }

    /// Its log line has told it already.
    fn error(&self, error: KafkaError, reason: &str) {
        let reason = self.voice.clean(reason);
        self.admittance.heard(&reason);
        tracing::debug!(target: "librdkafka", client = self.role.as_str(), %error, "{reason}");
    }
}

impl ConsumerContext for Context {}

/// What all clients of a gateway speak through.
#[derive(Default)]
pub struct Voice {
    quiet: Quiet,
    secrets: Vec<String>,
}

impl Voice {
    /// A voice that never says the secrets of these properties. The name of the user is none of them: it is one that an
    /// operator has to see, and may be a word like any other.
    pub fn new<'a>(properties: impl IntoIterator<Item = &'a Properties>) -> Self {
        let secrets = properties.into_iter().flat_map(Properties::secrets);
        let secrets = secrets.filter(|(name, _)| *name != "sasl.username").map(|(_, secret)| secret);
        let secrets = secrets.filter(|secret| secret.len() >= LEAST_SECRET_BYTES).map(str::to_owned);
        Self { quiet: Quiet::default(), secrets: secrets.collect() }
    }

    fn say(&self, role: Role, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Whoever asked for details gets all of them.
        if matches!(level, RDKafkaLogLevel::Debug) {
            let message = self.clean(message);
            tracing::debug!(target: "librdkafka", client = role.as_str(), facility, "{message}");
            return;
        }
        let Some(unsaid) = self.quiet.hear(facility, message, Instant::now()) else { return };
        let (client, message) = (role.as_str(), self.clean(message));
        let unsaid = (unsaid > 0).then_some(unsaid);
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", client, facility, unsaid, "{message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", client, facility, unsaid, "{message}");
            }
            _ => tracing::info!(target: "librdkafka", client, facility, unsaid, "{message}"),
        }
    }

    /// The same line without secrets, and without anything that a terminal would obey.
    fn clean<'a>(&self, message: &'a str) -> Cow<'a, str> {
        let mut message = Cow::Borrowed(message);
        for secret in &self.secrets {
            if message.contains(secret.as_str()) {
                message = Cow::Owned(message.replace(secret.as_str(), Properties::MASK));
            }
        }
        match message {
            Cow::Borrowed(message) => plain(message, MAX_LINE_BYTES),
            Cow::Owned(message) => Cow::Owned(plain(&message, MAX_LINE_BYTES).into_owned()),
        }
    }
}

/// Without the secrets.
impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("quiet", &self.quiet).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_wherever_they_stand() {
        let shared: Properties =
            [("sasl.password", "hunter2"), ("sasl.username", "kafka"), ("client.rack", "rack-a")]
                .into_iter()
                .collect();
        let own: Properties =
            [("ssl.key.password", "sesame"), ("ssl.keystore.password", "abc")].into_iter().collect();
        let voice = Voice::new([&shared, &own]);
        assert_eq!(
            voice.clean("kafka on rack-a: hunter2, \u{1b}[1msesame=hunter2"),
            "kafka on rack-a: ********, \u{fffd}[1m********=********"
        );
        assert_eq!(voice.clean("abcdef"), "abcdef", "what is too short is no secret");
        let debug = format!("{voice:?}");
        assert!(!debug.contains("hunter2") && !debug.contains("sesame"), "{debug}");
    }
}
