//! The same-site rule: a stranger's page must not use a visitor's network position.
//!
//! A browser sends requests to any address its machine can reach, for any page. So a request that changes something
//! must come from a listed origin, from the gateway's own pages, or from no page at all; and a gateway that trusts
//! whoever reaches its loopback address answers only to names that can mean nothing else, because a page may point a
//! name of its own at 127.0.0.1 (DNS rebinding). Headers: Fetch Metadata's `Sec-Fetch-Site`, RFC 6454's `Origin`.

use super::arrival::{Arrival, Door};
use super::error::{ApiError, code};
use crate::config::Origin;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use std::sync::Arc;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rule as configured.
#[derive(Debug)]
pub struct SameSite {
    origins: Vec<Origin>,
}

/// Where a request says it comes from and goes to.
#[derive(Clone, Copy, Debug, Default)]
struct Claim<'a> {
    host: Option<&'a str>,
    origin: Option<&'a str>,
    fetch_site: Option<&'a str>,
}

impl SameSite {
    /// The rule, with the origins that are trusted besides the gateway's own.
    pub fn new(origins: Vec<Origin>) -> Self {
        Self { origins }
    }

    /// The origins that are trusted besides its own.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Whether a request goes on; `changes` when it would change something.
    fn allows(&self, door: Door, claim: Claim<'_>, changes: bool) -> Result<(), &'static str> {
        // A listener there trusts whoever reaches it because only this machine can.
        if door == Door::Loopback && !claim.host.is_some_and(|host| self.is_own_name(host)) {
            return Err("a gateway on a loopback address answers to `localhost` and loopback addresses only");
        }
        if !changes || claim.origin.is_some_and(|origin| self.is_listed(origin)) {
            return Ok(());
        }
        let same_site = match claim.fetch_site {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => claim.origin.is_none_or(|origin| claim.host.is_some_and(|host| same_host(origin, host))),
        };
        if same_site { Ok(()) } else { Err("the request comes from a page of another site") }
    }

    fn is_listed(&self, origin: &str) -> bool {
        origin.parse::<Origin>().is_ok_and(|origin| self.origins.contains(&origin))
    }

    fn is_own_name(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
            || self.origins.iter().any(|origin| origin.host().eq_ignore_ascii_case(name))
    }
}

/// Whether an origin's host and port are the ones the request was sent to. The scheme is not compared: TLS may have
/// ended at a proxy, so a `Host` without a port means the default port of whatever scheme the page has.
fn same_host(origin: &str, host: &str) -> bool {
    let (Ok(origin), Ok(authority)) = (origin.parse::<Origin>(), host.parse::<Authority>()) else {
        return false;
    };
    let default_port = match origin.scheme() {
        "https" => 443,
        _ => 80,
    };
    origin.host().eq_ignore_ascii_case(authority.host())
        && origin.port().unwrap_or(default_port) == authority.port_u16().unwrap_or(default_port)
}

/// Refuses what the rule refuses.
pub async fn guard(State(rule): State<Arc<SameSite>>, request: Request, next: Next) -> Response {
    let text = |headers: &'_ HeaderMap, name| {
        headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned())
    };
    let headers = request.headers();
    // HTTP/2 has no Host header of its own: the target's authority stands for it.
    let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| text(headers, header::HOST));
    let (origin, site) = (text(headers, header::ORIGIN), text(headers, SEC_FETCH_SITE));
    let claim = Claim { host: host.as_deref(), origin: origin.as_deref(), fetch_site: site.as_deref() };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let changes = !reads || joins_group(request.uri());
    match rule.allows(Arrival::of(request.extensions()).door, claim, changes) {
        Ok(()) => next.run(request).await,
        Err(reason) => ApiError::new(code::CROSS_SITE, reason).into_response(),
    }
}

/// Whether a request that reads takes part in a group, which moves the group: a stream with the parameter `group`, however its
/// name is written.
fn joins_group(uri: &Uri) -> bool {
    let names = uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
    let mut decoded = names.map(|name| percent_decode_str(name).collect::<Vec<u8>>());
    uri.path().ends_with("/stream") && decoded.any(|name| name == b"group")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> SameSite {
        SameSite::new(vec!["https://shop.example".parse().expect("an origin")])
    }

    #[test]
    fn changes_are_for_listed_origins_own_pages_and_no_page_at_all() {
        let rule = rule();
        let host = Some("gw.example:8080");
        let table = [
            (None, None, true),
            (None, Some("none"), true),
            (Some("http://gw.example:8080"), Some("same-origin"), true),
            (Some("https://evil.example"), Some("cross-site"), false),
            (Some("http://other.gw.example"), Some("same-site"), false),
            (None, Some("cross-site"), false),
            (Some("https://shop.example"), Some("cross-site"), true),
            (Some("http://gw.example:8080"), None, true),
            (Some("https://gw.example:8080"), None, true),
            (Some("http://gw.example"), None, false),
            (Some("http://evil.example:8080"), None, false),
            (Some("null"), None, false),
            (Some("not an origin"), None, false),
        ];
        for (origin, fetch_site, allowed) in table {
            let claim = Claim { host, origin, fetch_site };
            for door in [Door::Network, Door::Unix] {
                assert_eq!(rule.allows(door, claim, true).is_ok(), allowed, "{claim:?}");
                assert!(rule.allows(door, claim, false).is_ok(), "reads are not restricted here: {claim:?}");
            }
        }
    }

    #[test]
    fn a_host_without_a_port_means_the_default_port_of_the_pages_scheme() {
        assert!(same_host("https://gw.example", "gw.example"));
        assert!(same_host("http://gw.example", "gw.example"));
        assert!(same_host("https://gw.example", "GW.example:443"));
        assert!(!same_host("https://gw.example:8443", "gw.example"));
    }

    #[test]
    fn on_loopback_only_names_that_mean_this_machine_are_answered() {
        let rule = rule();
        for own in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "shop.example"]
        {
            let claim = Claim { host: Some(own), ..Claim::default() };
            assert!(rule.allows(Door::Loopback, claim, false).is_ok(), "{own}");
        }
        for other in [
            "evil.example:8080",
            "localhost.evil.example",
            "192.0.2.1",
            "0.0.0.0",
            "",
            "127.0.0.1.evil.example",
        ] {
            let claim = Claim { host: Some(other), ..Claim::default() };
            assert!(rule.allows(Door::Loopback, claim, false).is_err(), "{other}");
            assert!(rule.allows(Door::Unix, claim, false).is_ok(), "no page reaches it: {other}");
        }
        assert!(rule.allows(Door::Loopback, Claim::default(), false).is_err(), "no name at all");
    }
}
