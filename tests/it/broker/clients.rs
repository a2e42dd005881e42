//! Clients as users have them: librdkafka's, each bound to one broker and a deadline.

use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::OwnedMessage,
    producer::{FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
    util::Timeout,
};
use sluicegate::dev::{Broker, BrokerSettings};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// No test waits longer for anything; what must be faster says so itself.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A broker on any free port.
pub fn broker() -> Broker {
    Broker::start(BrokerSettings::default()).expect("a broker on a free port")
}

/// Runs a future to its end.
pub fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.expect("in time") })
}

/// The settings of a client: the broker's, then these.
pub fn config(broker: &Broker, properties: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap());
    for (name, value) in properties {
        config.set(*name, *value);
    }
    config
}

/// An idempotent producer, with these properties on top.
pub fn producer(broker: &Broker, properties: &[(&str, &str)]) -> FutureProducer {
    let mut config = config(broker, &[("enable.idempotence", "true"), ("linger.ms", "0")]);
    for (name, value) in properties {
        config.set(*name, *value);
    }
    config.create().expect("a producer")
}

/// Makes a topic with these configs.
pub fn create_topic(broker: &Broker, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    topic.config = configs.to_vec();
    let made = wait(admin(broker).create_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert_eq!(made, [Ok(name.to_owned())]);
}

/// Deletes a topic.
pub fn delete_topic(broker: &Broker, name: &str) {
    let gone = wait(admin(broker).delete_topics(&[name], &AdminOptions::new())).expect("an answer");
    assert_eq!(gone, [Ok(name.to_owned())]);
}

/// An admin client.
pub fn admin(broker: &Broker) -> AdminClient<rdkafka::client::DefaultClientContext> {
    config(broker, &[]).create().expect("an admin client")
}

/// Sends one record to partition 0 and tells its offset.
pub fn send(producer: &FutureProducer, topic: &str, value: &[u8]) -> i64 {
    try_send(producer, topic, value).expect("delivered")
}

/// [`send`], with the error.
pub fn try_send(producer: &FutureProducer, topic: &str, value: &[u8]) -> Result<i64, RDKafkaErrorCode> {
    let record = FutureRecord::<(), [u8]>::to(topic).partition(0).payload(value);
    match wait(producer.send(record, Timeout::After(DEADLINE))) {
        Ok(delivery) => Ok(delivery.offset),
        Err((error, _)) => Err(error.rdkafka_error_code().expect("a delivery fails with a code")),
    }
}

/// A reader of partition 0 from `offset` on, with these properties on top.
pub fn reader(broker: &Broker, topic: &str, offset: i64, properties: &[(&str, &str)]) -> BaseConsumer {
    let mut config = config(
        broker,
        &[
            ("group.id", "reader"),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_uncommitted"),
            ("fetch.wait.max.ms", "5000"),
        ],
    );
    for (name, value) in properties {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    let offset = rdkafka::Offset::Offset(offset);
    assignment.add_partition_offset(topic, 0, offset).expect("an offset");
    consumer.assign(&assignment).expect("an assignment");
    consumer
}

/// The next record or the next error, within the deadline.
pub fn next(consumer: &BaseConsumer) -> Result<OwnedMessage, KafkaError> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        // A poll returns early, and with nothing, after a rebalance.
        if let Some(polled) = consumer.poll(deadline.saturating_duration_since(Instant::now())) {
            return polled.map(|message| message.detach());
        }
        assert!(Instant::now() < deadline, "no record in time");
    }
}

/// The values of the next `count` records.
pub fn values(consumer: &BaseConsumer, count: usize) -> Vec<String> {
    let value = |message: OwnedMessage| {
        String::from_utf8(message.payload().expect("a value").to_vec()).expect("text")
    };
    (0..count).map(|_| value(next(consumer).expect("a record"))).collect()
}

/// Asks again until it holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        pause(Duration::from_millis(10));
    }
}

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "a test's thread has nobody who could end it")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
