//! The metrics, in Prometheus' names and base units, with labels of bounded variety.

use crate::record::Acks;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Upper bounds of the duration buckets, in seconds: from a produce on loopback to a delivery time-out.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// What a request is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The method; `other` for those HTTP does not define.
    pub method: String,
    /// The route's pattern, never the path; `none` where no route matched.
    pub route: String,
    /// The status code.
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProduceLabels {
    acks: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Every metric of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    produced: Family<ProduceLabels, Counter>,
    produced_bytes: Counter,
    /// Streams that are open.
    pub streams: Gauge,
    /// Kafka readers in use.
    pub readers: Gauge,
    /// Records written to streams.
    pub streamed: Counter,
    /// Open HTTP connections.
    pub connections: Gauge,
    refused_connections: Family<ReasonLabels, Counter>,
    overdue_connections: Family<ReasonLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric at zero.
    pub fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("sluicegate"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            produced: Family::default(),
            produced_bytes: Counter::default(),
            streams: Gauge::default(),
            readers: Gauge::default(),
            streamed: Counter::default(),
            connections: Gauge::default(),
            refused_connections: Family::default(),
            overdue_connections: Family::default(),
        };
        let of = &mut metrics.registry;
        of.register("http_requests", "Requests answered", metrics.requests.clone());
        of.register(
            "http_request_duration_seconds",
            "Time from a request's head to its response's head",
            metrics.request_seconds.clone(),
        );
        of.register("http_connections", "Open HTTP connections", metrics.connections.clone());
        of.register(
            "http_connections_refused",
            "Connections for which there was no room, by whose: `all` or `address`",
            metrics.refused_connections.clone(),
        );
        of.register(
            "http_connections_overdue",
            "Connections, and streams of HTTP/2, ended by the gateway, by what took too long or was too much",
            metrics.overdue_connections.clone(),
        );
        of.register("produced_records", "Records sent to Kafka, by outcome", metrics.produced.clone());
        of.register("produced_bytes", "Bytes of records confirmed by Kafka", metrics.produced_bytes.clone());
        of.register("streams", "Open streams", metrics.streams.clone());
        of.register("stream_readers", "Kafka readers in use", metrics.readers.clone());
        of.register("streamed_records", "Records written to streams", metrics.streamed.clone());
        metrics
    }

    /// Counts a request when its response's head is ready, `taken` after its own.
    pub fn answered(&self, labels: RequestLabels, taken: Duration) {
        let route = RouteLabels { route: labels.route.clone() };
        self.request_seconds.get_or_create(&route).observe(taken.as_secs_f64());
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a record whose fate is known.
    pub fn produced(&self, acks: Acks, bytes: usize, confirmed: bool) {
        let outcome = if confirmed { "accepted" } else { "failed" };
        self.produced.get_or_create(&ProduceLabels { acks: acks.as_str(), outcome }).inc();
        if confirmed {
            self.produced_bytes.inc_by(bytes as u64);
        }
    }

    /// Counts a connection for which there is no room: in `all`, or for its `address`.
    pub fn connection_refused(&self, reason: &'static str) {
        self.refused_connections.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a connection that the gateway ended, by what its client took too long for.
    pub fn connection_overdue(&self, reason: &'static str) {
        self.overdue_connections.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// The metrics in OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}
