//! A web origin: exactly `scheme://host[:port]` (RFC 6454), normalised the way browsers send it, so that two
//! are the same origin when their texts are equal.
//!
//! There is no wildcard and no `null`: an entry names one origin whose pages may read and write everything
//! that the gateway lets an unnamed caller do.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A web origin. Its text is lower case and has no port that the scheme implies.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    text: String,
    host: std::ops::Range<usize>,
    port: Option<u16>,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// `*`, alone or within a host.
    #[error("a `*` stands for no origin: list each one")]
    Wildcard,
    /// No `://`, or something before it that is no scheme.
    #[error("it does not begin with a scheme and `://`")]
    Scheme,
    /// A path, even `/` alone, a query or a fragment.
    #[error("an origin ends after the host and port: no `/`, no path")]
    Path,
    /// No host, or one that a browser would not send.
    #[error("the host is missing or is not in ASCII form")]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl Origin {
    /// The normalised text, as a browser sends it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, lower case, without `://`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.host.start - "://".len()]
    }

    /// The host, lower case; an IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The port: the one given, else the one that the scheme implies, if it implies one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

fn implied_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(legal) {
            return Err(OriginError::Scheme);
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path);
        }
        let (host, port) = split_port(rest)?;
        let host = normal_host(host)?;
        let implied = implied_port(&scheme);
        let start = scheme.len() + "://".len();
        let range = start..start + host.len();
        let mut text = format!("{scheme}://{host}");
        if let Some(port) = port.filter(|port| Some(*port) != implied) {
            text.push_str(&format!(":{port}"));
        }
        Ok(Self { text, host: range, port: port.or(implied) })
    }
}

/// Parts `host[:port]`; the colons within an IPv6 address's brackets are the host's.
fn split_port(text: &str) -> Result<(&str, Option<u16>), OriginError> {
    let host_end = text.find(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = text[host_end..].find(':') else {
        return Ok((text, None));
    };
    let (host, port) = (&text[..host_end + colon], &text[host_end + colon + 1..]);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok((host, Some(port))),
        _ => Err(OriginError::Port),
    }
}

fn normal_host(host: &str) -> Result<String, OriginError> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| OriginError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(legal) {
        return Err(OriginError::Host);
    }
    Ok(host.to_ascii_lowercase())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised_as_browsers_send_it() {
        for (text, normal, scheme, host, port) in [
            ("https://app.example.com", "https://app.example.com", "https", "app.example.com", Some(443)),
            ("HTTPS://App.Example.Com:443", "https://app.example.com", "https", "app.example.com", Some(443)),
            ("http://localhost:80", "http://localhost", "http", "localhost", Some(80)),
            ("http://localhost:5173", "http://localhost:5173", "http", "localhost", Some(5173)),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000", "http", "[::1]", Some(3000)),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]", "https", "[2001:db8::1]", Some(443)),
            ("http://127.0.0.1:443", "http://127.0.0.1:443", "http", "127.0.0.1", Some(443)),
            ("moz-extension://0a1b-2c", "moz-extension://0a1b-2c", "moz-extension", "0a1b-2c", None),
        ] {
            let origin: Origin = text.parse().expect("a table row");
            assert_eq!(origin.as_str(), normal);
            assert_eq!((origin.scheme(), origin.host(), origin.port()), (scheme, host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_its_reason() {
        for (text, error) in [
            ("*", OriginError::Wildcard),
            ("https://*.example.com", OriginError::Wildcard),
            ("null", OriginError::Scheme),
            ("", OriginError::Scheme),
            ("localhost:8080", OriginError::Scheme),
            ("//localhost", OriginError::Scheme),
            ("1http://localhost", OriginError::Scheme),
            ("https://example.com/", OriginError::Path),
            ("https://example.com/app", OriginError::Path),
            ("https://example.com?x", OriginError::Path),
            ("https://example.com#x", OriginError::Path),
            ("https://", OriginError::Host),
            ("https://:8080", OriginError::Host),
            ("https://exämple.com", OriginError::Host),
            ("https://user@example.com", OriginError::Host),
            ("https://exam ple.com", OriginError::Host),
            ("https://[::1", OriginError::Port),
            ("https://[::zz]", OriginError::Host),
            ("https://[::1]x", OriginError::Host),
            ("https://example.com:", OriginError::Port),
            ("https://example.com:0", OriginError::Port),
            ("https://example.com:65536", OriginError::Port),
            ("https://example.com:+80", OriginError::Port),
            ("https://::1", OriginError::Port),
        ] {
            assert_eq!(text.parse::<Origin>().err(), Some(error), "{text:?}");
        }
    }
}
