//! What the edge counts: connections, requests, what they cost, and why they were refused.

use super::Reasons;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// What a request is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The method; `other` for those HTTP does not define.
    pub method: &'static str,
    /// The route's pattern, never the path; `none` where no route matched.
    pub route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

/// What the edge counts.
#[derive(Debug)]
pub struct Http {
    requests: Family<AnswerLabels, Counter>,
    seconds: Family<RequestLabels, Histogram, fn() -> Histogram>,
    received: Family<RequestLabels, Counter>,
    sent: Family<RequestLabels, Counter>,
    problems: Family<CodeLabels, Counter>,
    refused: Reasons,
    overdue: Reasons,
    /// Requests whose response has not ended.
    pub in_flight: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Connections that were accepted.
    pub accepted: Counter,
    /// 1 from the signal to end to the end.
    pub draining: Gauge,
}

/// Counts the bytes of one request's bodies while they flow.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Bytes of the request's body.
    pub received: Counter,
    /// Bytes of the response's body.
    pub sent: Counter,
}

impl Http {
    pub(super) fn register(of: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = super::seconds;
        let http = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            received: Family::default(),
            sent: Family::default(),
            problems: Family::default(),
            refused: Reasons::default(),
            overdue: Reasons::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            accepted: Counter::default(),
            draining: Gauge::default(),
        };
        of.register("http_requests", "Requests, by the status of their answer", http.requests.clone());
        of.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its response's head",
            Unit::Seconds,
            http.seconds.clone(),
        );
        of.register(
            "http_requests_in_flight",
            "Requests whose response has not ended, open streams among them",
            http.in_flight.clone(),
        );
        of.register_with_unit(
            "http_request_body",
            "Bytes of request bodies that were read",
            Unit::Bytes,
            http.received.clone(),
        );
        of.register_with_unit(
            "http_response_body",
            "Bytes of response bodies, as they are handed to the connection",
            Unit::Bytes,
            http.sent.clone(),
        );
        of.register(
            "http_problems",
            "Refusals and failures, by the code that was told",
            http.problems.clone(),
        );
        of.register("http_connections", "Open connections", http.connections.clone());
        of.register("http_connections_accepted", "Connections that were accepted", http.accepted.clone());
        of.register(
            "http_connections_refused",
            "Connections for which there was no room, by whose: all or address",
            http.refused.family(),
        );
        of.register(
            "http_connections_overdue",
            "Connections, and streams of HTTP/2, ended by the gateway, by what took too long or was too much",
            http.overdue.family(),
        );
        of.register("draining", "1 while the gateway is about to end", http.draining.clone());
        http
    }

    /// Lets every code of this list be there from the start, so that the first one is an increase.
    pub fn expect(&self, codes: impl IntoIterator<Item = &'static str>) {
        for code in codes {
            drop(self.problems.get_or_create(&CodeLabels { code }));
        }
    }

    /// Lets every reason of these lists be there from the start.
    pub fn expect_connections(&self, refused: &[&'static str], overdue: &[&'static str]) {
        self.refused.expect(refused);
        self.overdue.expect(overdue);
    }

    /// Counts a connection for which there is no room: in `all`, or for its `address`.
    pub fn connection_refused(&self, reason: &'static str) {
        self.refused.count(reason);
    }

    /// Counts a connection that the gateway ended, by what its client took too long for.
    pub fn connection_overdue(&self, reason: &'static str) {
        self.overdue.count(reason);
    }

    /// A request has begun.
    pub fn begun(&self, labels: &RequestLabels) -> Traffic {
        self.in_flight.inc();
        Traffic {
            received: self.received.get_or_create_owned(labels),
            sent: self.sent.get_or_create_owned(labels),
        }
    }

    /// Its response's head is ready, `taken` after its own; `code` is what was refused with.
    pub fn answered(&self, labels: &RequestLabels, status: u16, code: Option<&'static str>, taken: Duration) {
        self.seconds.get_or_create(labels).observe(taken.as_secs_f64());
        let RequestLabels { method, route } = labels.clone();
        self.requests.get_or_create(&AnswerLabels { method, route, status }).inc();
        if let Some(code) = code {
            self.failed(code);
        }
    }

    /// A failure was told, in place of an answer or inside of one.
    pub fn failed(&self, code: &'static str) {
        self.problems.get_or_create(&CodeLabels { code }).inc();
    }
}
