//! The shared producer.
//!
//! One idempotent producer serves every request that waits for all replicas; the weaker acks have a producer each,
//! made when first asked for, so that they cost nothing to those who do not use them. No order holds between the
//! three. What happens to a record is told to a callback exactly once, whoever still listens, because a record that
//! was enqueued goes on when its request is gone.

use super::context::{Context, Role};
use super::error::{Error, Written};
use super::settings::Settings;
use super::{ffi, off_thread};
use crate::record::{Acks, Header, TopicName};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header as NativeHeader, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two producers of one kind.
const RENEWAL: Duration = Duration::from_secs(1);

/// How long there is no renewal before one is told again: what kills one may well kill the next, each second.
const RETOLD: Duration = Duration::from_secs(30);

/// How long the answers to what a dead producer had sent are waited for.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A record on its way to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub topic: TopicName,
    /// The partition; `None` lets the partitioner choose among those that have a leader.
    pub partition: Option<i32>,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; a name holds no NUL byte.
    pub headers: Vec<Header>,
    /// Epoch milliseconds, from 1 on; `None` is now.
    pub timestamp: Option<i64>,
}

impl Outgoing {
    /// The bytes that count against a limit: key, value, header names and values.
    pub fn bytes(&self) -> usize {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + length(value)).sum();
        length(&self.key) + length(&self.value) + headers
    }
}

/// Where a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The partition.
    pub partition: i32,
    /// The offset; `None` when no replica was asked to confirm.
    pub offset: Option<i64>,
    /// Epoch milliseconds as the log has them, where they are known.
    pub timestamp: Option<i64>,
}

/// Told once what became of a record. Runs on the client library's thread: it must not block.
pub type Report = Box<dyn FnOnce(Result<Receipt, Error>) + Send + Sync>;

/// The shared producer.
pub struct Producer {
    settings: Settings,
    all: Lane,
    leader: Lane,
    none: Lane,
}

type Native = ThreadedProducer<Context>;

/// The producer of one kind of acks. It is made on first use, and made anew when librdkafka declares it dead.
struct Lane {
    acks: Acks,
    native: ArcSwapOption<Native>,
    /// When one was last taken out of use; held while one is made or taken out of use.
    renewed: Mutex<Option<Instant>>,
}

impl Producer {
    /// Makes the idempotent producer; the others wait until they are asked for.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let lane = |acks| Lane { acks, native: ArcSwapOption::empty(), renewed: Mutex::default() };
        let producer =
            Self { all: lane(Acks::All), leader: lane(Acks::Leader), none: lane(Acks::None), settings };
        producer.all.native(&producer.settings)?;
        Ok(producer)
    }

    /// Enqueues a record; `report` hears what becomes of it, also when it is refused here.
    pub fn send(&self, record: &Outgoing, acks: Acks, report: Report) {
        let lane = self.lane(acks);
        let native = match lane.native(&self.settings) {
            Ok(native) => native,
            Err(error) => return report(Err(error)),
        };
        // A record is enqueued at most once: only a refusal here hands the report back.
        if let Err((error, report)) = enqueue(&native, record, report) {
            report(Err(match error.rdkafka_error_code() {
                Some(code) => Error::of_delivery(code, &record.topic, Written::No),
                None => Error::unavailable(error),
            }));
        }
    }

    /// Makes the producer of these acks ask the brokers anew for a topic's partitions: librdkafka remembers for minutes
    /// that a topic was missing.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn learn(&self, topic: &TopicName, acks: Acks) -> Result<(), Error> {
        let native = self.lane(acks).native(&self.settings)?;
        let (topic, timeout) = (topic.clone(), self.settings.request_timeout());
        let admittance = self.settings.admittance().clone();
        off_thread(move || {
            let told = native.client().fetch_metadata(Some(topic.as_str()), admittance.patience(timeout));
            admittance.judge(told.map(drop).map_err(Error::from_client))
        })
        .await
    }

    /// What an error of this producer really means: one that Kafka gives no producer id is forbidden to write, and dies of it
    /// again and again.
    pub fn explain(&self, error: Error, acks: Acks) -> Error {
        let native = self.lane(acks).native.load();
        match (&error, native.as_ref().and_then(|native| native.client().fatal_error())) {
            (Error::ProducerLost { .. }, Some((code @ RDKafkaErrorCode::ClusterAuthorizationFailed, _))) => {
                Error::Forbidden(code.to_string())
            }
            _ => error,
        }
    }

    fn lane(&self, acks: Acks) -> &Lane {
        match acks {
            Acks::All => &self.all,
            Acks::Leader => &self.leader,
            Acks::None => &self.none,
        }
    }

    /// Waits until everything enqueued was reported, for at most `deadline`. Blocks.
    pub fn flush(&self, deadline: Duration) {
        for lane in [&self.all, &self.leader, &self.none] {
            if let Some(native) = lane.native.load_full()
                && let Err(error) = native.flush(deadline)
            {
                tracing::warn!(acks = lane.acks.as_str(), %error, "records were still unconfirmed at the deadline");
            }
        }
    }
}

impl Lane {
    fn native(&self, settings: &Settings) -> Result<Arc<Native>, Error> {
        if let Some(native) = self.native.load_full().filter(|native| alive(native)) {
            return Ok(native);
        }
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(native) = self.native.load_full() {
            // What kills them all may make one a second, not one a record.
            if alive(&native) || renewed.is_some_and(|at| at.elapsed() < RENEWAL) {
                return Ok(native);
            }
            let (acks, fatal) = (self.acks.as_str(), native.client().fatal_error());
            if renewed.is_none_or(|at| at.elapsed() > RETOLD) {
                tracing::warn!(acks, ?fatal, "producer renewed");
            } else {
                tracing::debug!(acks, ?fatal, "producer renewed");
            }
            *renewed = Some(Instant::now());
            self.native.store(None);
            bury(native)?;
        }
        let native =
            Native::from_config_and_context(&settings.producer(self.acks), settings.context(Role::Producer))
                .map(Arc::new)
                .map_err(Error::from_client)?;
        self.native.store(Some(native.clone()));
        Ok(native)
    }
}

/// Whether librdkafka still takes records. It declares an idempotent producer dead when the brokers' view of what it has
/// written no longer fits its own.
fn alive(native: &Native) -> bool {
    native.client().fatal_error().is_none()
}

/// Ends a dead producer on a thread of its own: what it had not sent is reported as such at once, and what was under way
/// may still be answered.
fn bury(dead: Arc<Native>) -> Result<(), Error> {
    let buried = std::thread::Builder::new().name("kafka-producer-end".into()).spawn(move || {
        dead.purge(PurgeConfig::default().queue());
        if let Err(error) = dead.flush(LAST_ANSWERS) {
            tracing::warn!(%error, "records of a dead producer were not answered");
        }
    });
    buried.map(drop).map_err(Error::unavailable)
}

fn enqueue(native: &Native, record: &Outgoing, report: Report) -> Result<(), (KafkaError, Report)> {
    let mut outgoing: BaseRecord<'_, [u8], [u8], Box<Report>> =
        BaseRecord::with_opaque_to(record.topic.as_str(), Box::new(report));
    outgoing.partition = record.partition;
    outgoing.key = record.key.as_deref();
    outgoing.payload = record.value.as_deref();
    outgoing.timestamp = record.timestamp;
    if !record.headers.is_empty() {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(NativeHeader { key, value: value.as_deref() });
        }
        outgoing.headers = Some(headers);
    }
    native.send(outgoing).map_err(|(error, refused)| (error, *refused.delivery_opaque))
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, delivery: &DeliveryResult<'_>, report: Box<Report>) {
        if delivery.is_ok() {
            self.admittance().answered();
        }
        report(match delivery {
            Ok(message) => Ok(Receipt {
                partition: message.partition(),
                // Without acks librdkafka reports "no offset" as a negative number.
                offset: Some(message.offset()).filter(|offset| *offset >= 0),
                timestamp: message.timestamp().to_millis(),
            }),
            Err((error, message)) => {
                let written = ffi::written(message);
                match (error.rdkafka_error_code(), TopicName::parse(message.topic())) {
                    (Some(code), Ok(topic)) => Err(Error::of_delivery(code, &topic, written)),
                    _ => Err(Error::Unavailable { reason: error.to_string(), written }),
                }
            }
        });
    }
}
