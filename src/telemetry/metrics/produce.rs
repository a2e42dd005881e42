//! What is counted of records on their way in.

use crate::record::Acks;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    acks: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AcksLabels {
    acks: &'static str,
}

/// What is counted of records on their way in.
#[derive(Debug)]
pub struct Produce {
    records: Family<OutcomeLabels, Counter>,
    bytes: Counter,
    seconds: Family<AcksLabels, Histogram, fn() -> Histogram>,
    /// Records under way to Kafka.
    pub queue_records: Gauge,
    /// Their bytes.
    pub queue_bytes: Gauge,
    /// `produce.queue_records`.
    pub limit_records: Gauge,
    /// `produce.queue_bytes`.
    pub limit_bytes: Gauge,
    /// Those of them that wait for others of their partition.
    pub held: Gauge,
}

impl Produce {
    pub(super) fn register(of: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = super::seconds;
        let produce = Self {
            records: Family::default(),
            bytes: Counter::default(),
            seconds: Family::new_with_constructor(seconds),
            queue_records: Gauge::default(),
            queue_bytes: Gauge::default(),
            limit_records: Gauge::default(),
            limit_bytes: Gauge::default(),
            held: Gauge::default(),
        };
        for acks in [Acks::All, Acks::Leader, Acks::None].map(Acks::as_str) {
            for outcome in ["accepted", "failed"] {
                drop(produce.records.get_or_create(&OutcomeLabels { acks, outcome }));
            }
        }
        of.register("produced_records", "Records sent to Kafka, by outcome", produce.records.clone());
        let bytes = "Bytes of records that Kafka confirmed: keys, values and headers";
        of.register_with_unit("produced", bytes, Unit::Bytes, produce.bytes.clone());
        of.register_with_unit(
            "produce_duration",
            "Time from a record's admission to Kafka's confirmation",
            Unit::Seconds,
            produce.seconds.clone(),
        );
        of.register("produce_queue_records", "Records under way to Kafka", produce.queue_records.clone());
        let bytes = "Bytes of records under way to Kafka";
        of.register_with_unit("produce_queue", bytes, Unit::Bytes, produce.queue_bytes.clone());
        of.register(
            "produce_queue_limit_records",
            "Records that may be under way to Kafka (produce.queue_records)",
            produce.limit_records.clone(),
        );
        let bytes = "Bytes of records that may be under way to Kafka (produce.queue_bytes)";
        of.register_with_unit("produce_queue_limit", bytes, Unit::Bytes, produce.limit_bytes.clone());
        of.register(
            "produce_held_records",
            "Records under way that wait for the confirmation of others of their partition",
            produce.held.clone(),
        );
        produce
    }

    /// Counts a record whose fate is known.
    pub fn produced(&self, acks: Acks, bytes: usize, confirmed: bool) {
        let outcome = if confirmed { "accepted" } else { "failed" };
        self.records.get_or_create(&OutcomeLabels { acks: acks.as_str(), outcome }).inc();
        if confirmed {
            self.bytes.inc_by(bytes as u64);
        }
    }

    /// Kafka confirmed a record, `taken` after its admission.
    pub fn confirmed(&self, acks: Acks, taken: Duration) {
        self.seconds.get_or_create(&AcksLabels { acks: acks.as_str() }).observe(taken.as_secs_f64());
    }
}
