//! Kafka seen without the gateway: topics made and deleted, records written and read by librdkafka's plain clients.
//!
//! What a test believes to be in a topic is what [`Kafka::consume_all`] reads: the ledger. Its calls block, and run
//! off the async threads.

use super::broker_wire::{BrokerWire, wire_text as text};
use super::wait::{DEADLINE, until};
use bytes::Bytes;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One record as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub partition: i32,
    pub offset: i64,
    /// Epoch milliseconds.
    pub timestamp: Option<i64>,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Clients of one broker, made when used.
#[derive(Clone, Debug)]
pub struct Kafka {
    bootstrap: String,
}

impl Kafka {
    /// Clients of the broker at this address.
    pub fn at(bootstrap: &str) -> Self {
        Self { bootstrap: bootstrap.to_owned() }
    }

    /// The value for a client's `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A native client's configuration, to be completed.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("allow.auto.create.topics", "false");
        config
    }

    /// Makes a topic and waits until it can be seen. Records stay however old their timestamps are.
    pub async fn create_topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        self.create_replicated_topic(name, partitions, 1, configs).await;
    }

    /// The same with more than one replica of each partition.
    pub async fn create_replicated_topic(
        &self,
        name: &str,
        partitions: i32,
        replicas: i32,
        configs: &[(&str, &str)],
    ) {
        let (admin, replicas) = (self.admin(), TopicReplication::Fixed(replicas));
        let mut topic = NewTopic::new(name, partitions, replicas).set("retention.ms", "-1");
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let made = admin.create_topics([&topic], &options()).await.expect("the broker answers");
        made[0].as_ref().expect("the topic is made");
        self.until_all_see(name, partitions as usize).await;
    }

    /// Deletes a topic and waits until it is gone.
    pub async fn delete_topic(&self, name: &str) {
        let deleted = self.admin().delete_topics(&[name], &options()).await.expect("the broker answers");
        deleted[0].as_ref().expect("the topic is deleted");
        self.until_all_see(name, 0).await;
    }

    /// Raises a topic's partitions to `count` and waits until they can be seen.
    pub async fn add_partitions(&self, name: &str, count: usize) {
        let wanted = NewPartitions::new(name, count);
        let added = self.admin().create_partitions([&wanted], &options()).await.expect("the broker answers");
        added[0].as_ref().expect("the partitions are added");
        self.until_all_see(name, count).await;
    }

    /// Deletes a partition's records before `offset` (KIP-107).
    pub async fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("a position");
        let deleted = self.admin().delete_records(&list, &options()).await.expect("the broker answers");
        deleted.elements()[0].error().expect("the records are deleted");
    }

    /// How many partitions the topic has; 0 when there is no such topic.
    pub async fn partitions(&self, name: &str) -> usize {
        self.seen(name).await.into_iter().max().expect("a node answers")
    }

    /// Waits until every node that runs knows the topic with so many partitions: one may have heard of it before
    /// another, and any may be asked next.
    async fn until_all_see(&self, name: &str, partitions: usize) {
        let all = || async { self.seen(name).await.iter().all(|seen| *seen == partitions).then_some(()) };
        until("every node sees the change", all).await;
    }

    /// How many partitions with a leader each node that runs knows of a topic.
    async fn seen(&self, name: &str) -> Vec<usize> {
        let (bootstrap, name) = (self.bootstrap.clone(), name.to_owned());
        off_thread(move || bootstrap.split(',').filter_map(|address| leaders(address, &name)).collect()).await
    }

    /// The ledger: every committed record of a topic from its beginning to its end, by partition and offset.
    pub async fn consume_all(&self, topic: &str) -> Vec<Entry> {
        let (mut config, topic) = (self.client(), topic.to_owned());
        config.set("group.id", "ledger").set("enable.auto.commit", "false").set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
        off_thread(move || read(&config.create().expect("a consumer"), &topic)).await
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(DEADLINE)).operation_timeout(Some(DEADLINE))
}

/// Runs a blocking call where it may block.
pub async fn off_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(call).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How many partitions of a topic have a leader, by what the node at `address` knows; `None` when it does not run.
fn leaders(address: &str, topic: &str) -> Option<usize> {
    TcpStream::connect(address).ok()?;
    let named = MetadataRequestTopic::default().with_name(Some(text(topic).into()));
    let request =
        MetadataRequest::default().with_topics(Some(vec![named])).with_allow_auto_topic_creation(false);
    let told = BrokerWire::to(address).ask(9, &request).topics.remove(0);
    Some(told.partitions.iter().filter(|partition| partition.leader_id.0 >= 0).count())
}

fn read(consumer: &BaseConsumer, topic: &str) -> Vec<Entry> {
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).expect("the broker answers");
    let mut open: BTreeMap<i32, i64> = BTreeMap::new();
    let mut positions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), DEADLINE).expect("watermarks");
        if low < high {
            open.insert(partition.id(), high);
            positions.add_partition_offset(topic, partition.id(), Offset::Offset(low)).expect("a position");
        }
    }
    consumer.assign(&positions).expect("the positions are assigned");
    let (mut entries, begun) = (Vec::new(), Instant::now());
    while !open.is_empty() {
        assert!(begun.elapsed() < DEADLINE, "the ledger of {topic} was not read; open: {open:?}");
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => {
                let entry = entry(&message);
                if open.get(&entry.partition).is_some_and(|end| entry.offset + 1 >= *end) {
                    open.remove(&entry.partition);
                }
                entries.push(entry);
            }
            // Its last offsets may be no records: control batches, or what was aborted.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => panic!("the ledger of {topic}: {error}"),
        }
    }
    entries.sort_by_key(|entry| (entry.partition, entry.offset));
    entries
}

fn entry(message: &BorrowedMessage<'_>) -> Entry {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let owned = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    Entry {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(owned),
        value: message.payload().map(owned),
        headers: headers.map(|header| (header.key.to_owned(), header.value.map(owned))).collect(),
    }
}
