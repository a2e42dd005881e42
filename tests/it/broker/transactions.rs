//! Transactions, as readers of both isolation levels see them.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::{BrokerWire, Test, wire_text as text};
use kafka_protocol::messages::{
    ListOffsetsRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};
use rdkafka::producer::{FutureProducer, Producer};
use sluicegate::dev::Broker;

pub fn tests() -> Vec<Test> {
    blocking_tests![
        readers_of_committed_records_see_what_was_committed_and_nothing_else,
        a_reader_of_committed_records_that_waits_is_woken_by_the_commit,
        an_abandoned_transaction_ends_by_its_timeout,
    ]
}

fn transactional(broker: &Broker, id: &str) -> FutureProducer {
    let producer = producer(broker, &[("transactional.id", id)]);
    producer.init_transactions(DEADLINE).expect("a transactional producer");
    producer
}

fn ends(broker: &Broker) -> [i64; 2] {
    let mut wire = BrokerWire::to(broker.address());
    [0, 1].map(|isolation| {
        let partition = ListOffsetsPartition::default().with_timestamp(-1).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(text("t").into()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_isolation_level(isolation).with_topics(vec![topic]);
        wire.ask(7, &request).topics[0].partitions[0].offset
    })
}

const COMMITTED: (&str, &str) = ("isolation.level", "read_committed");

fn readers_of_committed_records_see_what_was_committed_and_nothing_else() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let (first, second) = (transactional(&broker, "first"), transactional(&broker, "second"));
    let plain = producer(&broker, &[]);
    let commit = |producer: &FutureProducer| producer.commit_transaction(DEADLINE).expect("committed");
    let abort = |producer: &FutureProducer| producer.abort_transaction(DEADLINE).expect("aborted");

    first.begin_transaction().expect("begun");
    second.begin_transaction().expect("begun");
    for (producer, value) in
        [(&first, "aborted 1"), (&second, "kept 1"), (&first, "aborted 2"), (&plain, "plain")]
    {
        send(producer, "t", value.as_bytes());
    }
    assert_eq!(ends(&broker), [4, 0], "both transactions are open");
    commit(&second);
    assert_eq!(ends(&broker), [5, 0], "the first is still open");
    abort(&first);
    assert_eq!(ends(&broker), [6, 6]);
    // The same producer, now with a commit: whoever still takes it for aborted loses this.
    first.begin_transaction().expect("begun");
    send(&first, "t", b"kept 2");
    commit(&first);

    let all = ["aborted 1", "kept 1", "aborted 2", "plain", "kept 2"];
    assert_eq!(values(&reader(&broker, "t", 0, &[]), 5), all);
    assert_eq!(values(&reader(&broker, "t", 0, &[COMMITTED]), 3), ["kept 1", "plain", "kept 2"]);
    // One answer that begins after the abort's marker, and answers cut to single batches.
    assert_eq!(values(&reader(&broker, "t", 6, &[COMMITTED]), 1), ["kept 2"]);
    let one_by_one = [
        COMMITTED,
        ("max.partition.fetch.bytes", "1"),
        ("fetch.max.bytes", "1000"),
        ("message.max.bytes", "1000"),
    ];
    assert_eq!(values(&reader(&broker, "t", 0, &one_by_one), 3), ["kept 1", "plain", "kept 2"]);
}

fn a_reader_of_committed_records_that_waits_is_woken_by_the_commit() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = transactional(&broker, "p");
    let reader =
        reader(&broker, "t", 0, &[COMMITTED, ("fetch.wait.max.ms", "20000"), ("socket.timeout.ms", "60000")]);
    producer.begin_transaction().expect("begun");
    send(&producer, "t", b"value");
    assert!(reader.poll(std::time::Duration::from_millis(300)).is_none(), "it is not committed");
    let before = std::time::Instant::now();
    producer.commit_transaction(DEADLINE).expect("committed");
    assert_eq!(values(&reader, 1), ["value"]);
    assert!(before.elapsed() < std::time::Duration::from_secs(10), "not by the end of its wait");
}

fn an_abandoned_transaction_ends_by_its_timeout() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let plain = producer(&broker, &[]);
    let producer = producer(
        &broker,
        &[("transactional.id", "p"), ("transaction.timeout.ms", "1000"), ("message.timeout.ms", "1000")],
    );
    producer.init_transactions(DEADLINE).expect("a transactional producer");
    producer.begin_transaction().expect("begun");
    send(&producer, "t", b"abandoned");
    assert_eq!(ends(&broker), [1, 0]);
    until("the transaction is aborted", || ends(&broker) == [2, 2]);
    send(&plain, "t", b"after");
    assert_eq!(values(&reader(&broker, "t", 0, &[COMMITTED]), 1), ["after"]);
    producer.commit_transaction(DEADLINE).expect_err("it was fenced");
}
