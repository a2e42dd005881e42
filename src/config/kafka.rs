//! `[kafka]`: how the brokers are reached, and librdkafka's own properties.

use super::Properties;
use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use std::time::Duration;

/// What the keys of `[kafka]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "kafka",
    about: "How the brokers are reached. Whatever librdkafka can be told and has no key here goes into the three \
            tables of properties, described below.",
    fields: &[
        Field {
            key: "bootstrap_servers",
            meaning: "The brokers to ask first; the rest of the cluster is learnt from them. `sluicegate dev` puts \
                      its embedded broker here.",
            rule: Rule::Text(
                is_server_list,
                "one or more `host` or `host:port`, separated by commas (an IPv6 address in brackets)",
            ),
        },
        Field {
            key: "client_id",
            meaning: "The name by which the brokers' logs, metrics and quotas know the gateway.",
            rule: Rule::Text(is_client_id, "1 to 100 printable ASCII characters without spaces"),
        },
        Field {
            key: "request_timeout",
            meaning: "The deadline of one metadata or admin call. A request that needs one answers 503 after it.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(300)),
        },
        Field {
            key: "metadata_max_age",
            meaning: "How old a topic's metadata may be and still be served from the cache. Within this time \
                      partitions added elsewhere are noticed.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3600)),
        },
        Field {
            key: "properties",
            meaning: "librdkafka properties of every client: security, sockets, `debug`.",
            rule: Rule::Properties,
        },
        Field {
            key: "producer",
            meaning: "librdkafka properties of producers alone; they win over `kafka.properties`.",
            rule: Rule::Properties,
        },
        Field {
            key: "consumer",
            meaning: "librdkafka properties of consumers alone; they win over `kafka.properties`.",
            rule: Rule::Properties,
        },
    ],
};

/// The `[kafka]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// The brokers to ask first, `host:port` separated by commas.
    pub bootstrap_servers: String,
    /// The name by which brokers' logs and quotas know the gateway.
    pub client_id: String,
    /// The deadline of one metadata or admin call.
    #[serde(with = "duration::text")]
    pub request_timeout: Duration,
    /// How old a topic's metadata may be and still be served from the cache.
    #[serde(with = "duration::text")]
    pub metadata_max_age: Duration,
    /// librdkafka properties of every client.
    pub properties: Properties,
    /// librdkafka properties of producers; they win over `properties`.
    pub producer: Properties,
    /// librdkafka properties of consumers; they win over `properties`.
    pub consumer: Properties,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".to_owned(),
            client_id: "sluicegate".to_owned(),
            request_timeout: Duration::from_secs(5),
            metadata_max_age: Duration::from_secs(30),
            properties: Properties::default(),
            producer: Properties::default(),
            consumer: Properties::default(),
        }
    }
}

/// Whether a text is a list of servers as librdkafka reads it: `host[:port]`, each with an optional
/// `PROTOCOL://` before it.
fn is_server_list(text: &str) -> bool {
    text.split(',').all(|server| {
        let server = server.trim();
        is_server(server.split_once("://").map_or(server, |(_, rest)| rest))
    })
}

fn is_server(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, port)) = rest.split_once(']') else { return false };
        return host.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(legal) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_client_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_servers_is_told_from_what_is_none() {
        for text in [
            "localhost:9092",
            "broker",
            "a:1,b:65535",
            "a:9092, b:9092",
            "[::1]:9092",
            "[::1]",
            "10.0.0.1:9092",
            "SASL_SSL://b-1.kafka_eu.example.com:9096",
        ] {
            assert!(is_server_list(text), "{text}");
        }
        for text in [
            "",
            ",",
            "a:9092,",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            ":9092",
            "a b:1",
            "[::1",
            "[::1]9092",
            "[x]:1",
            "::1",
        ] {
            assert!(!is_server_list(text), "{text}");
        }
    }

    #[test]
    fn a_client_id_is_short_and_printable() {
        assert!(is_client_id("sluicegate-eu_1.a"));
        for text in ["", "a b", "a\n", "é", &"x".repeat(101)] {
            assert!(!is_client_id(text), "{text:?}");
        }
    }
}
