//! Faults on purpose: each happens as ordered, and what clients make of it is right.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::Test;
use kafka_protocol::ResponseError;
use rdkafka::types::RDKafkaErrorCode;
use sluicegate::dev::ApiKey;
use std::{
    io::ErrorKind,
    net::TcpStream,
    time::{Duration, Instant},
};

pub fn tests() -> Vec<Test> {
    blocking_tests![
        a_refused_produce_appends_nothing_and_only_as_often_as_ordered,
        a_lost_answer_makes_an_idempotent_producer_send_again_and_nothing_is_written_twice,
        answers_of_one_api_come_later_until_told_otherwise,
        dropped_clients_come_back_and_go_on,
        a_broker_that_was_away_is_back_on_the_same_port_with_its_records,
    ]
}

fn a_refused_produce_appends_nothing_and_only_as_often_as_ordered() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[]);
    broker.faults().refuse_produces(ResponseError::TopicAuthorizationFailed.code(), 1);
    assert_eq!(try_send(&producer, "t", b"refused"), Err(RDKafkaErrorCode::TopicAuthorizationFailed));
    assert_eq!(send(&self::producer(&broker, &[]), "t", b"taken"), 0);
    // One that clients retry is not seen by their users.
    let before = broker.requests(ApiKey::Produce);
    broker.faults().refuse_produces(ResponseError::NotEnoughReplicas.code(), 2);
    assert_eq!(send(&self::producer(&broker, &[]), "t", b"retried"), 1);
    assert_eq!(broker.requests(ApiKey::Produce) - before, 3);
}

fn a_lost_answer_makes_an_idempotent_producer_send_again_and_nothing_is_written_twice() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[("reconnect.backoff.ms", "10")]);
    assert_eq!(send(&producer, "t", b"a"), 0);
    broker.faults().lose_produce_answers(1);
    assert_eq!(send(&producer, "t", b"b"), 1, "the offset of the first writing");
    assert_eq!(send(&producer, "t", b"c"), 2);
    assert_eq!(values(&reader(&broker, "t", 0, &[]), 3), ["a", "b", "c"]);
}

fn answers_of_one_api_come_later_until_told_otherwise() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[]);
    send(&producer, "t", b"warm");
    let timed = || {
        let began = Instant::now();
        send(&producer, "t", b"timed");
        began.elapsed()
    };
    broker.faults().delay(ApiKey::Produce, Duration::from_millis(400));
    assert!(timed() >= Duration::from_millis(400));
    broker.faults().delay(ApiKey::Produce, Duration::ZERO);
    assert!(timed() < Duration::from_millis(400));
}

fn dropped_clients_come_back_and_go_on() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[("reconnect.backoff.ms", "10")]);
    let reader = reader(&broker, "t", 0, &[("reconnect.backoff.ms", "10")]);
    send(&producer, "t", b"before");
    assert_eq!(values(&reader, 1), ["before"]);
    let connections = broker.connections();
    assert!(connections.open >= 2, "{connections:?}");
    broker.faults().drop_connections().expect("done");
    send(&producer, "t", b"after");
    until("the reader reads on", || match reader.poll(Duration::from_millis(100)) {
        Some(Ok(message)) => rdkafka::Message::payload(&message) == Some(b"after"),
        // The loss is told as an event.
        Some(Err(_)) | None => false,
    });
    assert!(broker.connections().total > connections.total);
}

fn a_broker_that_was_away_is_back_on_the_same_port_with_its_records() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    send(&producer(&broker, &[]), "t", b"kept");
    let faults = broker.faults();
    for _ in 0..2 {
        faults.away().expect("away");
    }
    assert_eq!(broker.connections().open, 0);
    let refused = TcpStream::connect(broker.address()).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // A client that is there before its broker waits for it.
    let reader =
        reader(&broker, "t", 0, &[("reconnect.backoff.ms", "10"), ("reconnect.backoff.max.ms", "100")]);
    assert!(!matches!(reader.poll(Duration::from_millis(300)), Some(Ok(_))));
    for _ in 0..2 {
        faults.back().expect("back");
    }
    until("the record is read", || matches!(reader.poll(Duration::from_millis(100)), Some(Ok(_))));

    drop(broker);
    assert_eq!(faults.away().expect_err("stopped").kind(), ErrorKind::NotConnected);
}
