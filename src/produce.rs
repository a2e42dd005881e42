//! Putting records in: existence, partition, budget, send.
//!
//! Whoever waits for a record may leave: once its body was read the send goes on, which is why it runs in a task of
//! its own. Reading a stream of records (NDJSON) is absent until its issue.

mod budget;
mod denials;
mod gate;

use crate::config;
use crate::kafka::catalog::Topic;
use crate::kafka::producer::{Outgoing, Receipt, Report};
use crate::kafka::{Admin, Catalog, Error, Producer, admin::TopicSpec, error::Written};
use crate::record::{Acks, TopicName};
use crate::telemetry::Metrics;
use budget::Budget;
use denials::Denials;
use gate::Gate;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// How often a record is sent that certainly was not written: once more for a topic that has changed or was denied, once
/// more for a producer that died with the record in its queue.
const ATTEMPTS: usize = 3;

/// Puts records in.
#[derive(Clone)]
pub struct Produce {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Catalog,
    admin: Admin,
    producer: Arc<Producer>,
    budget: Arc<Budget>,
    /// In front of the idempotent producer.
    gate: Arc<Gate>,
    denials: Denials,
    auto_create: bool,
    metrics: Arc<Metrics>,
}

impl Produce {
    /// Puts records in through `producer`, as the configuration's section says.
    pub fn new(
        settings: &config::Produce,
        catalog: Catalog,
        admin: Admin,
        producer: Arc<Producer>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let budget = Budget::new(settings.queue_records, settings.queue_bytes, metrics.clone());
        let sink = producer.clone();
        let gate: gate::Send = Arc::new(move |record, report| sink.send(&record, Acks::All, report));
        let gate = Gate::new(gate, metrics.produce.held.clone());
        let auto_create = settings.auto_create;
        let denials = Denials::default();
        let shared = Shared { catalog, admin, producer, budget, gate, denials, auto_create, metrics };
        Self { shared: Arc::new(shared) }
    }

    /// Sends one record and waits for as many replicas as `acks` says. The send goes on when the caller stops waiting.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`] and [`Error::PartitionOutOfRange`] before anything is sent, [`Error::QueueFull`] when
    /// too much is under way, and whatever kept Kafka from confirming.
    pub async fn send(&self, record: Outgoing, acks: Acks) -> Result<Receipt, Error> {
        let shared = self.shared.clone();
        let sent = tokio::spawn(async move {
            let bytes = record.bytes();
            let outcome = shared.send(record, acks).await;
            shared.metrics.produce.produced(acks, bytes, outcome.is_ok());
            outcome
        });
        sent.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl Shared {
    async fn send(&self, mut record: Outgoing, acks: Acks) -> Result<Receipt, Error> {
        let asked = record.partition;
        let mut topic = self.topic(&record.topic).await?;
        let mut attempt = 1;
        loop {
            record.partition = self.partition(&record, asked, topic.clone()).await?;
            let error = match self.deliver(&record, acks).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => self.producer.explain(error, acks),
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            match error {
                // The producer's own metadata may be older than the catalog's; or the topic was deleted, or made again.
                Error::TopicNotFound(_) | Error::PartitionOutOfRange { .. } => {
                    self.catalog.forget(&record.topic);
                    topic = self.topic(&record.topic).await?;
                    self.producer.learn(&record.topic, acks).await?;
                }
                Error::ProducerLost { written: Written::No, .. } => {}
                // What librdkafka was once denied it does not ask for again by itself, and by now it may be allowed.
                Error::Forbidden(_) if self.denials.may_ask(&record.topic, acks) => {
                    self.producer.learn(&record.topic, acks).await?;
                }
                error => return Err(error),
            }
            attempt += 1;
        }
    }

    async fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        match self.catalog.topic(name).await {
            Err(Error::TopicNotFound(_)) if self.auto_create => self.create(name).await,
            answer => answer,
        }
    }

    async fn create(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        match self.admin.create(name, &TopicSpec::default(), false).await {
            Ok(()) => tracing::info!(topic = %name, "topic created by a produce"),
            Err(Error::TopicExists) => {}
            Err(error) => return Err(error),
        }
        self.catalog.await_topic(name).await
    }

    /// The partition to send to: the one asked for, the key's by Java's partitioner, or `None` for any with a leader.
    async fn partition(
        &self,
        record: &Outgoing,
        asked: Option<i32>,
        mut topic: Arc<Topic>,
    ) -> Result<Option<i32>, Error> {
        let exists = |topic: &Topic, wanted: i32| topic.partitions.iter().any(|p| p.partition == wanted);
        let Some(wanted) = asked else {
            let count = topic.partitions.len() as i32;
            return Ok(record.key.as_deref().map(|key| crate::kafka::partition_for(key, count)));
        };
        if !exists(&topic, wanted) {
            // It may have been added since the catalog last asked.
            topic = self.catalog.refresh(&record.topic).await?;
        }
        if !exists(&topic, wanted) {
            let partitions = topic.partitions.len();
            return Err(Error::PartitionOutOfRange { topic: record.topic.clone(), partitions });
        }
        Ok(Some(wanted))
    }

    async fn deliver(&self, record: &Outgoing, acks: Acks) -> Result<Receipt, Error> {
        let begun = Instant::now();
        let delivered = self.pass(record, acks).await;
        if delivered.is_ok() {
            self.metrics.produce.confirmed(acks, begun.elapsed());
        }
        delivered
    }

    async fn pass(&self, record: &Outgoing, acks: Acks) -> Result<Receipt, Error> {
        let account = (record.topic.clone(), record.partition);
        let share = self.budget.admit(&account, record.bytes())?;
        let (told, mut heard) = oneshot::channel();
        let report: Report = Box::new(move |outcome| {
            drop(share);
            // The task that waited may have been ended with the process.
            let _ = told.send(outcome);
        });
        if acks != Acks::All {
            self.producer.send(record, acks, report);
        } else {
            self.gate.pass(&account, record.clone(), report);
            match tokio::time::timeout(gate::HOLD, &mut heard).await {
                Ok(outcome) => return outcome.unwrap_or_else(|_| Err(lost())),
                Err(_) => self.gate.open(&account),
            }
        }
        heard.await.unwrap_or_else(|_| Err(lost()))
    }
}

fn lost() -> Error {
    Error::Unavailable { reason: "the delivery report was lost".into(), written: Written::Unknown }
}
