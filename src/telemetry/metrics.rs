//! The metrics: Prometheus' names and base units, labels of bounded variety.
//!
//! One struct for each room that counts. A label's values come from a list that is fixed when the process starts
//! (routes, codes, reasons, roles), never from what a client or a cluster chose, so the number of series has an end
//! whatever happens; but for the names of groups, of which only so many are held. What is known only when somebody asks (memory, descriptors, the scheduler) is looked up then.
//! `docs/operations.md` lists them all, and a test holds the two together.

mod groups;
mod http;
mod kafka;
mod process;
mod produce;
mod streams;
mod text;

pub use groups::GroupFigures;
pub use http::{Http, RequestLabels, Traffic};
pub use kafka::{ClientStatistics, KafkaClient};
pub use text::Exposition;

use groups::Groups;
use kafka::Kafka;
use produce::Produce;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use streams::Streams;

/// Upper bounds of the duration buckets, in seconds: from a produce on loopback to the longest wait of a page.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Every metric of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What the edge counts.
    pub http: Http,
    /// What is counted of records on their way in.
    pub produce: Produce,
    /// What is counted of streams and pages.
    pub streams: Streams,
    /// What is counted of grouped delivery.
    pub groups: Groups,
    /// What is counted of the clients of Kafka.
    pub kafka: Kafka,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(String::new())
    }
}

impl Metrics {
    /// Registers every metric. `librdkafka` is the version of the client library.
    pub fn new(librdkafka: String) -> Self {
        let mut registry = Registry::default();
        // These have names of their own that dashboards know.
        registry.register_collector(Box::new(process::Process));
        let ours = registry.sub_registry_with_prefix("sluicegate");
        let features = if cfg!(feature = "dev-broker") { "dev-broker" } else { "none" };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let build = vec![("version", version), ("librdkafka", librdkafka), ("features", features.to_owned())];
        ours.register("build", "The program that runs", Info::new(build));
        ours.register_collector(Box::new(process::Runtime));
        let http = Http::register(ours);
        let produce = Produce::register(ours);
        let streams = Streams::register(ours);
        let groups = Groups::register(ours);
        let kafka = Kafka::register(ours);
        Self { registry, http, produce, streams, groups, kafka }
    }

    /// All metrics as text in the form that was asked for.
    pub fn render(&self, form: Exposition) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        form.of(text)
    }
}

/// A histogram of durations.
fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// What is counted by reason, of a list that is known beforehand.
#[derive(Debug, Default)]
struct Reasons(Family<ReasonLabels, Counter>);

impl Reasons {
    /// What is to be registered.
    fn family(&self) -> Family<ReasonLabels, Counter> {
        self.0.clone()
    }

    /// Lets every reason be there from the start, so that the first time is an increase.
    fn expect(&self, reasons: &[&'static str]) {
        for reason in reasons {
            drop(self.0.get_or_create(&ReasonLabels { reason }));
        }
    }

    fn count(&self, reason: &'static str) {
        self.0.get_or_create(&ReasonLabels { reason }).inc();
    }
}
