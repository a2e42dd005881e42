//! Fetch waits, and answers within bounds.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::{BrokerWire, Test, wire_text as text};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        ApiVersionsRequest, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
    },
};
use rdkafka::{Message, consumer::BaseConsumer};
use sluicegate::dev::{ApiKey, Broker};
use std::{
    collections::BTreeSet,
    io::Write,
    net::Shutdown,
    time::{Duration, Instant},
};

pub fn tests() -> Vec<Test> {
    blocking_tests![
        a_waiting_fetch_is_answered_within_50_ms_of_a_produce,
        an_idle_reader_asks_seldom,
        a_fetch_is_held_for_its_time_and_no_longer,
        a_fetch_waits_for_its_least_bytes,
        fetches_of_one_connection_are_answered_in_order,
        a_client_that_goes_away_while_its_fetch_is_held_is_forgotten,
        a_backlog_of_20_mb_arrives_whole_in_answers_of_bounded_size,
        what_is_no_kafka_frame_ends_the_connection_and_not_the_broker,
    ]
}

fn fetch(topic: &str, offset: i64, max_wait: Duration) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(text(topic).into()).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(max_wait.as_millis() as i32)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_topics(vec![topic])
}

fn records(response: &FetchResponse) -> &Bytes {
    response.responses[0].partitions[0].records.as_ref().expect("records, if none")
}

/// Waits until the broker has seen this many fetches.
fn fetches(broker: &Broker, count: u64) {
    until("the fetch has arrived", || broker.requests(ApiKey::Fetch) >= count);
}

fn a_waiting_fetch_is_answered_within_50_ms_of_a_produce() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let (producer, reader) = (producer(&broker, &[]), reader(&broker, "t", 0, &[]));
    let mut took = Vec::new();
    for i in 0..21 {
        let sent = send(&producer, "t", format!("{i}").as_bytes());
        let sent_at = Instant::now();
        let message = next(&reader).expect("a record");
        assert_eq!(message.offset(), sent);
        took.push(sent_at.elapsed());
        // The reader is in its next wait by then.
        pause(Duration::from_millis(20));
    }
    took.remove(0);
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_millis(50), "{took:?}");
}

fn an_idle_reader_asks_seldom() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let reader: BaseConsumer = reader(&broker, "t", 0, &[("fetch.wait.max.ms", "500")]);
    assert!(reader.poll(Duration::from_millis(1_500)).is_none(), "nothing was produced");
    let before = broker.requests(ApiKey::Fetch);
    assert!(before > 0, "the reader has begun");
    assert!(reader.poll(Duration::from_secs(1)).is_none());
    let asked = broker.requests(ApiKey::Fetch) - before;
    assert!((1..=4).contains(&asked), "{asked} fetches in a second, each held for half of one");
}

fn a_fetch_is_held_for_its_time_and_no_longer() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let mut wire = BrokerWire::to(broker.address());
    let began = Instant::now();
    let response = wire.ask(12, &fetch("t", 0, Duration::from_millis(300)));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!((records(&response).len(), response.responses[0].partitions[0].error_code), (0, 0));
    let began = Instant::now();
    let response = wire.ask(12, &fetch("nowhere", 0, Duration::from_secs(20)));
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ResponseError::UnknownTopicOrPartition.code());
    assert!(began.elapsed() < Duration::from_secs(10), "an error does not wait");
}

fn a_fetch_waits_for_its_least_bytes() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[]);
    let mut wire = BrokerWire::to(broker.address());
    wire.send(12, &fetch("t", 0, Duration::from_secs(20)).with_min_bytes(2_000));
    fetches(&broker, 1);
    send(&producer, "t", &[b'a'; 1_000]);
    send(&producer, "t", &[b'b'; 1_000]);
    let response = wire.receive::<FetchRequest>(12);
    assert!(records(&response).len() >= 2_000);
}

fn fetches_of_one_connection_are_answered_in_order() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let mut wire = BrokerWire::to(broker.address());
    wire.send(12, &fetch("t", 0, Duration::from_secs(20)));
    wire.send(12, &fetch("t", 1, Duration::from_millis(50)));
    wire.send(3, &ApiVersionsRequest::default());
    fetches(&broker, 1);
    send(&producer(&broker, &[]), "t", b"first");
    // The wire checks the order of the correlation ids.
    assert!(!records(&wire.receive::<FetchRequest>(12)).is_empty());
    assert!(records(&wire.receive::<FetchRequest>(12)).is_empty());
    assert!(!wire.receive::<ApiVersionsRequest>(3).api_keys.is_empty());
}

fn a_client_that_goes_away_while_its_fetch_is_held_is_forgotten() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    until("the admin client's connections have closed", || broker.connections().open == 0);
    let mut wire = BrokerWire::to(broker.address());
    wire.send(12, &fetch("t", 0, Duration::from_secs(60)));
    fetches(&broker, 1);
    assert_eq!(broker.connections().open, 1);
    wire.stream().shutdown(Shutdown::Both).expect("closed");
    until("the connection is forgotten", || broker.connections().open == 0);
}

fn a_backlog_of_20_mb_arrives_whole_in_answers_of_bounded_size() {
    const VALUE: usize = 16 << 10;
    const COUNT: usize = (20 << 20) / VALUE;
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[("linger.ms", "5"), ("batch.size", "65536")]);
    let sent = (0..COUNT).map(|i| {
        let mut value = vec![b'.'; VALUE];
        value[..8].copy_from_slice(&(i as u64).to_be_bytes());
        let record = rdkafka::producer::FutureRecord::<(), Vec<u8>>::to("t").partition(0).payload(&value);
        producer.send_result(record).map_err(|(error, _)| error).expect("queued")
    });
    for delivery in sent.collect::<Vec<_>>() {
        wait(delivery).expect("a report").expect("delivered");
    }
    let bounds = [("fetch.max.bytes", "1000000"), ("max.partition.fetch.bytes", "300000")];
    let reader = reader(&broker, "t", 0, &bounds);
    for i in 0..COUNT as u64 {
        let message = next(&reader).expect("a record");
        let value = message.payload().expect("a value");
        assert_eq!((value.len(), &value[..8]), (VALUE, &i.to_be_bytes()[..]));
    }
    let asked = broker.requests(ApiKey::Fetch);
    assert!(asked >= (20 << 20) / 300_000, "{asked} fetches cannot have kept to their bounds");

    let mut wire = BrokerWire::to(broker.address());
    let mut request = fetch("t", 0, Duration::ZERO).with_max_bytes(200_000);
    let size = records(&wire.ask(12, &request)).len();
    assert!((1..=200_000).contains(&size), "{size} bytes");
    request.topics[0].partitions[0].partition_max_bytes = 1;
    let size = records(&wire.ask(12, &request)).len();
    assert!((VALUE..100_000).contains(&size), "one batch comes however small the bound: {size} bytes");
}

fn what_is_no_kafka_frame_ends_the_connection_and_not_the_broker() {
    let broker = broker();
    let frames: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0xff; 16],
        &[0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        // A Fetch of a version that is not served.
        &[0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
    ];
    let mut seen = BTreeSet::new();
    for frame in frames {
        let mut wire = BrokerWire::to(broker.address());
        wire.stream().write_all(frame).expect("sent");
        let mut answer = Vec::new();
        // A reset counts as an end.
        seen.insert(std::io::Read::read_to_end(wire.stream(), &mut answer).unwrap_or(0));
    }
    assert_eq!(seen, BTreeSet::from([0]), "nothing is answered");
    assert!(!BrokerWire::to(broker.address()).ask(3, &ApiVersionsRequest::default()).api_keys.is_empty());
    let told = BrokerWire::to(broker.address()).ask(0, &ApiVersionsRequest::default());
    let fetch = told.api_keys.iter().find(|api| api.api_key == ApiKey::Fetch as i16).expect("served");
    assert_eq!((fetch.min_version, fetch.max_version), (4, 13));
}
