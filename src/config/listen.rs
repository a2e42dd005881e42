//! `[listen]`: where the gateway is reached, what a connection may cost, and how the gateway leaves.

use super::Origin;
use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What the keys of `[listen]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "listen",
    about: "Where the gateway is reached, what a connection may cost, and how the gateway leaves.",
    fields: &[
        Field {
            key: "http",
            meaning: "The address of the HTTP listener (HTTP/1.1, and HTTP/2 without TLS). Port 0 takes any free port. \
                      On an address that other machines reach, the start also needs `access.anonymous = \"allow\"`. A \
                      socket that a service manager passes on (`LISTEN_FDS`) takes its place: the one that \
                      `LISTEN_FDNAMES` calls `http`, or the first where there are no names.",
            rule: Rule::Address,
        },
        Field {
            key: "unix",
            meaning: "The path of a Unix socket that serves the same as `http`, besides it. Whoever may open the file is \
                      let in, whatever name the request calls the gateway by: a browser cannot reach it, but a proxy \
                      in front can. A file that a process left behind is replaced; one where somebody listens is an \
                      error. The file goes when the gateway ends. A socket passed on under the name `unix` takes its \
                      place.",
            rule: Rule::Text(is_socket_path, "a path of at most 90 bytes, or empty for none"),
        },
        Field {
            key: "unix_mode",
            meaning: "The permissions of the Unix socket's file, in octal. Connecting needs the right to write.",
            rule: Rule::Text(is_mode, "three or four octal digits, such as `0660`"),
        },
        Field {
            key: "ops",
            meaning: "An address of their own for `/livez`, `/readyz` and `/metrics`, which are then not found on the \
                      others. It has connections of its own, so that probes are answered when all of \
                      `max_connections` are taken, and it answers to the very end of a shutdown. Whoever reaches it \
                      may read the metrics. A socket passed on under the name `ops` takes its place.",
            rule: Rule::Text(is_address_or_none, "an IP address with a port, or empty for none"),
        },
        Field {
            key: "cors_origins",
            meaning: "The origins whose pages may read from and write to the gateway in a browser. Each is one exact \
                      origin; there is no `*`. Pages of any other origin are kept out by the same-site rule.",
            rule: Rule::Origins,
        },
        Field {
            key: "max_connections",
            meaning: "How many connections there may be in all. A few more are let in to be told 503 `overloaded` (an \
                      EventSource: a `fault` with a `retry`); `/livez`, `/readyz` and `/metrics` are answered to \
                      them too. What comes beyond those is closed. Each connection needs a file descriptor: where \
                      the process may not open enough, the start says so and the number is lowered.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_connections_per_address",
            meaning: "How many of them may come from one IPv4 address, or from one /64 of IPv6. One more is told 429 \
                      `too_many_connections` likewise. The default keeps a quarter free for others and still lets \
                      one proxy bring 10 000 streams; where clients connect directly, a few hundred are plenty.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_streams_per_connection",
            meaning: "How many requests one HTTP/2 connection may have open at once.",
            rule: Rule::Integer(1, 100_000),
        },
        Field {
            key: "max_head_bytes",
            meaning: "The size of a request's target and headers: one larger is 431 `headers_too_large`. More than 100 \
                      headers, or more than twice this size (and 64 KiB), is a plain 431 and the connection closed. Of the \
                      target there may be 16 KiB: one longer is 414 `target_too_long`.",
            rule: Rule::Integer(8 * 1024, 1024 * 1024),
        },
        Field {
            key: "max_body_bytes",
            meaning: "How much of request bodies, of all requests together, may be held while they are still coming \
                      in. What would exceed it is 503 `overloaded`. One body is limited by `produce.max_record_bytes`.",
            rule: Rule::Integer(1024 * 1024, 64 * 1024 * 1024 * 1024),
        },
        Field {
            key: "head_timeout",
            meaning: "How long a client may take from a request's first byte to the end of its headers. The connection \
                      is closed then.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(600)),
        },
        Field {
            key: "body_timeout",
            meaning: "How long a client may take for a request's body: 408 `body_timed_out`.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3600)),
        },
        Field {
            key: "keep_alive",
            meaning: "How long a connection may stand open without a request; it is closed then. Set it higher than the \
                      same time-out of a proxy in front, which would otherwise send requests into a closing connection.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3600)),
        },
        Field {
            key: "write_timeout",
            meaning: "How long a client may take nothing of what is written to it, event streams included; its \
                      connection is reset then. Over HTTP/2 that goes for each request on its own too: one that is \
                      not read is reset, and its neighbours go on.",
            rule: Rule::Time(Duration::from_secs(1), Duration::from_secs(600)),
        },
        Field {
            key: "drain_window",
            meaning: "How long after SIGTERM newcomers are still let in, and over which time the open streams are asked \
                      to come back elsewhere, each at a random moment of it. Readiness is off from its beginning, so \
                      that a balancer sends nobody more. `sluicegate dev` has no window unless it is set.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(600)),
        },
        Field {
            key: "shutdown_deadline",
            meaning: "How long a shutdown may take: from SIGTERM to the moment when whatever is still open is cut.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(600)),
        },
    ],
};

/// The `[listen]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address of the HTTP listener; port 0 takes any free one.
    pub http: SocketAddr,
    /// The path of a Unix socket besides it; empty for none.
    pub unix: String,
    /// The permissions of the Unix socket's file, in octal.
    pub unix_mode: String,
    /// An address of their own for health and metrics.
    #[serde(with = "address_or_none")]
    pub ops: Option<SocketAddr>,
    /// The origins whose pages may call the gateway from a browser.
    pub cors_origins: Vec<Origin>,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections of one address.
    pub max_connections_per_address: usize,
    /// Requests at once on a connection of HTTP/2.
    pub max_streams_per_connection: u32,
    /// A request's target and headers, in bytes.
    pub max_head_bytes: usize,
    /// Request bodies that are still coming in, of all requests together, in bytes.
    pub max_body_bytes: usize,
    /// From a head's first byte to its last.
    #[serde(with = "duration::text")]
    pub head_timeout: Duration,
    /// For a request's body.
    #[serde(with = "duration::text")]
    pub body_timeout: Duration,
    /// How long a connection may be without a request.
    #[serde(with = "duration::text")]
    pub keep_alive: Duration,
    /// How long a client may take nothing of what is written.
    #[serde(with = "duration::text")]
    pub write_timeout: Duration,
    /// Over which time of a shutdown the open streams are asked to go.
    #[serde(with = "duration::text")]
    pub drain_window: Duration,
    /// How long a shutdown may take before what is still open is cut.
    #[serde(with = "duration::text")]
    pub shutdown_deadline: Duration,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            unix: String::new(),
            unix_mode: "0660".to_owned(),
            ops: None,
            cors_origins: Vec::new(),
            max_connections: 20_000,
            max_connections_per_address: 15_000,
            max_streams_per_connection: 1000,
            max_head_bytes: 32 * 1024,
            max_body_bytes: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            drain_window: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(20),
        }
    }
}

impl Listen {
    /// The permissions of the Unix socket's file.
    pub fn unix_mode(&self) -> u32 {
        u32::from_str_radix(&self.unix_mode, 8).expect("checked when it was loaded")
    }
}

/// A path in a socket's address has 108 bytes, and 104 on some systems; the rest is for a name of passage.
fn is_socket_path(text: &str) -> bool {
    text.len() <= 90 && !text.contains('\0')
}

fn is_mode(text: &str) -> bool {
    matches!(text.len(), 3 | 4)
        && u32::from_str_radix(text, 8).is_ok_and(|mode| mode <= 0o777)
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_address_or_none(text: &str) -> bool {
    text.is_empty() || text.parse::<SocketAddr>().is_ok()
}

/// An address as a text, empty where there is none.
mod address_or_none {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::net::SocketAddr;

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub fn serialize<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address.map(|address| address.to_string()).unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_and_addresses_are_told_from_what_is_none() {
        for (text, mode) in [("0660", true), ("600", true), ("777", true), ("1777", false), ("66", false)] {
            assert_eq!(is_mode(text), mode, "{text}");
        }
        for (text, mode) in [("0o66", false), ("+660", false), ("0680", false), ("", false)] {
            assert_eq!(is_mode(text), mode, "{text}");
        }
        assert_eq!(Listen::default().unix_mode(), 0o660);
        for (text, address) in [("", true), ("[::1]:1", true), ("localhost:1", false), ("127.0.0.1", false)] {
            assert_eq!(is_address_or_none(text), address, "{text}");
        }
    }
}
