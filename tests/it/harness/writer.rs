//! Records written by librdkafka's own producer: what HTTP cannot say (null header values, transactions), and much of
//! it in little time.

use super::kafka::{Kafka, off_thread};
use super::wait::{DEADLINE, within};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use std::sync::Arc;

/// A record to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Draft {
    /// A record with nothing but a value.
    pub fn value(value: impl AsRef<[u8]>) -> Self {
        Self { value: Some(value.as_ref().to_vec()), ..Self::default() }
    }

    /// The same with a key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    fn record<'a>(&'a self, topic: &'a str, partition: i32) -> FutureRecord<'a, [u8], [u8]> {
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut record = FutureRecord::to(topic).partition(partition).headers(headers);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record
    }
}

/// A native producer.
#[derive(Clone)]
pub struct Writer {
    producer: Arc<FutureProducer>,
}

impl Kafka {
    /// A producer that writes each record once and at once.
    pub fn writer(&self) -> Writer {
        let producer = self.client().set("enable.idempotence", "true").set("linger.ms", "0").create();
        Writer { producer: Arc::new(producer.expect("a producer")) }
    }

    /// A producer whose records belong to transactions.
    pub async fn transactional_writer(&self, id: &str) -> Writer {
        let producer = self.client().set("transactional.id", id).set("linger.ms", "0").create();
        let writer = Writer { producer: Arc::new(producer.expect("a producer")) };
        writer.with(|producer| producer.init_transactions(DEADLINE)).await;
        writer
    }
}

impl Writer {
    /// Writes a record, and gives its offset when all replicas have it.
    pub async fn write(&self, topic: &str, partition: i32, draft: &Draft) -> i64 {
        let sent = self.producer.send(draft.record(topic, partition), DEADLINE);
        within("a delivery", sent).await.map_err(|(error, _)| error).expect("the broker takes it").offset
    }

    /// Writes records to one partition in order, many at a time.
    pub async fn write_all(&self, topic: &str, partition: i32, drafts: impl IntoIterator<Item = Draft>) {
        let mut under_way = std::collections::VecDeque::new();
        for draft in drafts {
            let queued = self.producer.send_result(draft.record(topic, partition));
            under_way.push_back(queued.map_err(|(error, _)| error).expect("room in the queue"));
            if under_way.len() >= 100 {
                delivered(under_way.pop_front()).await;
            }
        }
        while !under_way.is_empty() {
            delivered(under_way.pop_front()).await;
        }
    }

    /// Writes the numbers of a range to one partition, each as a record.
    pub async fn write_numbers(&self, topic: &str, partition: i32, numbers: std::ops::Range<usize>) {
        self.write_all(topic, partition, numbers.map(|n| Draft::value(n.to_string()))).await;
    }

    /// Begins a transaction.
    pub async fn begin(&self) {
        self.with(Producer::begin_transaction).await;
    }

    /// Commits it.
    pub async fn commit(&self) {
        self.with(|producer| producer.commit_transaction(DEADLINE)).await;
    }

    /// Aborts it.
    pub async fn abort(&self) {
        self.with(|producer| producer.abort_transaction(DEADLINE)).await;
    }

    async fn with(
        &self,
        call: impl FnOnce(&FutureProducer) -> rdkafka::error::KafkaResult<()> + Send + 'static,
    ) {
        let producer = self.producer.clone();
        off_thread(move || call(&producer)).await.expect("the broker obeys");
    }
}

async fn delivered(delivery: Option<rdkafka::producer::DeliveryFuture>) {
    if let Some(delivery) = delivery {
        let outcome = within("a delivery", delivery).await.expect("the producer lives");
        outcome.map_err(|(error, _)| error).expect("the broker takes it");
    }
}
