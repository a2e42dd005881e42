//! What is counted of the clients of Kafka, from librdkafka's own statistics.
//!
//! There may be a client for every stream, and they come and go; so what is told is the sum over all clients of a role,
//! and the number of series depends on neither. Each client's counters are added as differences to what it told the
//! last time, so that a sum never falls when a client ends. What a client did after it told its statistics for the
//! last time is not in them.

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabels {
    client: &'static str,
}

/// Counters, each with the field of [`ClientStatistics`] it is made of.
macro_rules! counters {
    ($($field:ident: $name:literal, $unit:expr, $help:literal;)*) => {
        /// What a client has counted since it began, and how it stands.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct ClientStatistics {
            $(#[doc = $help] pub $field: u64,)*
            /// Records in the client's own queues.
            pub queue_records: i64,
            /// Their bytes.
            pub queue_bytes: i64,
            /// Connections to brokers that are up.
            pub connections: i64,
            /// Round trips of requests since the last statistics: how long all took, and how many there were.
            pub round_trips: (Duration, u64),
            /// The same of the times for which brokers asked the client to be slower.
            pub throttles: (Duration, u64),
        }

        #[derive(Debug, Default)]
        struct Counters { $($field: Family<ClientLabels, Counter>,)* }

        #[derive(Debug)]
        struct Counts { $($field: Counter,)* }

        impl Counters {
            fn register(&self, of: &mut Registry) {
                $(match $unit {
                    Some(unit) => of.register_with_unit($name, $help, unit, self.$field.clone()),
                    None => of.register($name, $help, self.$field.clone()),
                })*
            }

            fn of(&self, labels: &ClientLabels) -> Counts {
                Counts { $($field: self.$field.get_or_create_owned(labels),)* }
            }
        }

        impl Counts {
            fn add(&self, before: &ClientStatistics, now: &ClientStatistics) {
                $(self.$field.inc_by(now.$field.saturating_sub(before.$field));)*
            }
        }
    };
}

counters! {
    requests: "kafka_requests", None, "Requests sent to brokers";
    request_bytes: "kafka_request", Some(Unit::Bytes), "Bytes sent to brokers";
    request_errors: "kafka_request_errors", None, "Requests that could not be sent";
    request_retries: "kafka_request_retries", None, "Requests sent once more";
    request_timeouts: "kafka_request_timeouts", None, "Requests that no broker answered in time";
    responses: "kafka_responses", None, "Responses received from brokers";
    response_bytes: "kafka_response", Some(Unit::Bytes), "Bytes received from brokers";
    response_errors: "kafka_response_errors", None, "Responses that could not be received";
    connects: "kafka_connects", None, "Connections to brokers that were tried";
    disconnects: "kafka_disconnects", None, "Connections to brokers that ended";
}

/// What is counted of the clients of Kafka.
#[derive(Debug)]
pub struct Kafka {
    /// 1 when Kafka answered the last question, 0 when it did not, or was not asked yet.
    pub up: Gauge,
    counters: Counters,
    clients: Family<ClientLabels, Gauge>,
    queue_records: Family<ClientLabels, Gauge>,
    queue_bytes: Family<ClientLabels, Gauge>,
    connections: Family<ClientLabels, Gauge>,
    round_trips: Family<ClientLabels, Total>,
    throttles: Family<ClientLabels, Total>,
}

impl Kafka {
    pub(super) fn register(of: &mut Registry) -> Self {
        let kafka = Self {
            up: Gauge::default(),
            counters: Counters::default(),
            clients: Family::default(),
            queue_records: Family::default(),
            queue_bytes: Family::default(),
            connections: Family::default(),
            round_trips: Family::default(),
            throttles: Family::default(),
        };
        of.register("kafka_up", "1 when Kafka answered the last question", kafka.up.clone());
        of.register("kafka_clients", "Clients of Kafka, by what they are for", kafka.clients.clone());
        kafka.counters.register(of);
        let records = "Records in the queues of clients";
        of.register("kafka_client_queue_records", records, kafka.queue_records.clone());
        let bytes = "Bytes of records in the queues of clients";
        of.register_with_unit("kafka_client_queue", bytes, Unit::Bytes, kafka.queue_bytes.clone());
        of.register("kafka_connections", "Connections to brokers that are up", kafka.connections.clone());
        let seconds = "Time from a request to its response: sum and count";
        of.register_with_unit("kafka_round_trip", seconds, Unit::Seconds, kafka.round_trips.clone());
        let seconds = "Time for which brokers asked clients to be slower: sum and count";
        of.register_with_unit("kafka_throttle", seconds, Unit::Seconds, kafka.throttles.clone());
        kafka
    }

    /// Counts a new client, for as long as the handle lives.
    pub fn client(&self, role: &'static str) -> KafkaClient {
        let labels = ClientLabels { client: role };
        let clients = self.clients.get_or_create_owned(&labels);
        clients.inc();
        KafkaClient {
            clients,
            counts: self.counters.of(&labels),
            queue_records: self.queue_records.get_or_create_owned(&labels),
            queue_bytes: self.queue_bytes.get_or_create_owned(&labels),
            connections: self.connections.get_or_create_owned(&labels),
            round_trips: self.round_trips.get_or_create_owned(&labels),
            throttles: self.throttles.get_or_create_owned(&labels),
            told: Mutex::default(),
        }
    }
}

/// One client, counted among those of its role.
#[derive(Debug)]
pub struct KafkaClient {
    clients: Gauge,
    counts: Counts,
    queue_records: Gauge,
    queue_bytes: Gauge,
    connections: Gauge,
    round_trips: Total,
    throttles: Total,
    told: Mutex<ClientStatistics>,
}

impl KafkaClient {
    /// The client has told its statistics.
    pub fn tells(&self, now: ClientStatistics) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.counts.add(&told, &now);
        self.round_trips.add(now.round_trips);
        self.throttles.add(now.throttles);
        self.stands(&told, &now);
        *told = now;
    }

    fn stands(&self, before: &ClientStatistics, now: &ClientStatistics) {
        self.queue_records.inc_by(now.queue_records - before.queue_records);
        self.queue_bytes.inc_by(now.queue_bytes - before.queue_bytes);
        self.connections.inc_by(now.connections - before.connections);
    }
}

impl Drop for KafkaClient {
    fn drop(&mut self) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.stands(&told, &ClientStatistics::default());
        drop(told);
        self.clients.dec();
    }
}

/// A sum of durations and their number, told as a histogram without bounds: the library has no summaries.
#[derive(Clone, Debug, Default)]
struct Total(Arc<TotalInner>);

#[derive(Debug, Default)]
struct TotalInner {
    micros: AtomicU64,
    count: AtomicU64,
}

impl Total {
    fn add(&self, (sum, count): (Duration, u64)) {
        self.0.micros.fetch_add(sum.as_micros() as u64, Relaxed);
        self.0.count.fetch_add(count, Relaxed);
    }
}

impl TypedMetric for Total {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Total {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), std::fmt::Error> {
        let sum = Duration::from_micros(self.0.micros.load(Relaxed)).as_secs_f64();
        let count = self.0.count.load(Relaxed);
        encoder.encode_histogram::<NoLabelSet>(sum, count, &[(f64::INFINITY, count)], None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_never_fall_and_gauges_go_with_their_client() {
        let kafka = Kafka::register(&mut Registry::default());
        let labels = ClientLabels { client: "reader" };
        let requests = || kafka.counters.requests.get_or_create(&labels).get();
        let standing = || {
            let of = |family: &Family<ClientLabels, Gauge>| family.get_or_create(&labels).get();
            (of(&kafka.clients), of(&kafka.queue_records), of(&kafka.connections))
        };
        let told = |requests, queue_records, connections| ClientStatistics {
            requests,
            queue_records,
            connections,
            round_trips: (Duration::from_millis(2), 4),
            ..ClientStatistics::default()
        };
        let first = kafka.client("reader");
        first.tells(told(10, 5, 1));
        let second = kafka.client("reader");
        second.tells(told(100, 1, 3));
        first.tells(told(15, 2, 1));
        assert_eq!((requests(), standing()), (115, (2, 3, 4)));
        // A broker that left the cluster takes its counts with it.
        first.tells(told(3, 2, 1));
        first.tells(told(4, 2, 1));
        drop(second);
        assert_eq!((requests(), standing()), (116, (1, 2, 1)));
        drop(first);
        assert_eq!((requests(), standing()), (116, (0, 0, 0)));
        let trips = kafka.round_trips.get_or_create_owned(&labels);
        assert_eq!((trips.0.micros.load(Relaxed), trips.0.count.load(Relaxed)), (10_000, 20));
    }
}
