//! Retention: what the broker keeps, and for how long.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::Test;
use rdkafka::consumer::Consumer;
use sluicegate::dev::{Broker, BrokerSettings};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    blocking_tests![
        a_topic_keeps_no_more_bytes_than_the_broker_gives_it,
        old_records_go_at_the_next_check_and_not_before,
    ]
}

fn start_of(broker: &Broker, topic: &str) -> i64 {
    let reader = reader(broker, topic, 0, &[]);
    reader.fetch_watermarks(topic, 0, DEADLINE).expect("watermarks").0
}

fn a_topic_keeps_no_more_bytes_than_the_broker_gives_it() {
    let settings = BrokerSettings { topic_bytes: 1 << 20, ..BrokerSettings::default() };
    let broker = Broker::start(settings).expect("a broker");
    create_topic(&broker, "given", 1, &[]);
    create_topic(&broker, "own", 1, &[("retention.bytes", "-1")]);
    let producer = producer(&broker, &[]);
    for topic in ["given", "own"] {
        for _ in 0..64 {
            send(&producer, topic, &[b'x'; 64 << 10]);
        }
    }
    let start = start_of(&broker, "given");
    assert!((48..64).contains(&start), "16 records of 64 KiB fit, the log starts at {start}");
    assert_eq!(start_of(&broker, "own"), 0);
}

fn old_records_go_at_the_next_check_and_not_before() {
    let settings = BrokerSettings { retention_check: Duration::from_secs(2), ..BrokerSettings::default() };
    let broker = Broker::start(settings).expect("a broker");
    create_topic(&broker, "t", 1, &[("retention.ms", "1000")]);
    create_topic(&broker, "kept", 1, &[("retention.ms", "-1")]);
    let producer = producer(&broker, &[]);
    for topic in ["t", "kept"] {
        let old =
            rdkafka::producer::FutureRecord::<(), str>::to(topic).partition(0).timestamp(1).payload("old");
        let sent = wait(producer.send(old, rdkafka::util::Timeout::After(DEADLINE)));
        assert_eq!(sent.expect("delivered").offset, 0);
    }
    assert_eq!(values(&reader(&broker, "t", 0, &[]), 1), ["old"], "readable until the next check");
    until("the old record is gone", || start_of(&broker, "t") == 1);
    assert_eq!(start_of(&broker, "kept"), 0);
}
