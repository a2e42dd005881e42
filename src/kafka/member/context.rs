//! What librdkafka tells a member of rebalances: it is written down for the member's thread, which acts on it in its time.

use super::Partition;
use crate::kafka::context::Context;
use crate::record::TopicName;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What librdkafka says among its details of groups (`debug=cgrp`) when a broker does not have KIP-848.
const LACKING: &str = "ConsumerGroupHeartbeatRequest not supported";

/// What a rebalance asks for. librdkafka waits until the client has assigned or unassigned, and goes on meanwhile.
#[derive(Debug)]
pub enum News {
    /// These come, beside those that are there, or in the eager protocol in their place.
    Assigned(Vec<Partition>),
    /// These go. Where they are lost somebody else has them already.
    Revoked {
        /// Which.
        partitions: Vec<Partition>,
        /// Whether nothing of them can be committed any more.
        lost: bool,
    },
}

/// The context of a member's client.
pub struct MemberContext {
    inner: Context,
    news: Mutex<Vec<News>>,
    over: AtomicBool,
    /// Whether librdkafka's details are listened to for whether the brokers have KIP-848.
    probing: bool,
    lacking: AtomicBool,
}

impl MemberContext {
    /// The context of a member that speaks and is counted by `inner`, and that finds out whether the brokers have KIP-848 if
    /// it is `probing`.
    pub fn new(inner: Context, probing: bool) -> Self {
        let [over, lacking] = [false, false].map(AtomicBool::new);
        Self { inner, news: Mutex::default(), over, probing, lacking }
    }

    /// Whether the brokers do not have KIP-848.
    pub fn is_lacking(&self) -> bool {
        self.lacking.load(Ordering::Relaxed)
    }

    /// What was told since the last time.
    pub fn news(&self) -> Vec<News> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Nobody acts on news any more: what is revoked from now on is let go at once, so that the client can end.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Whether rebalances move only what has to be moved, so that assignments are changed and not replaced.
pub fn is_incremental<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

/// Lets partitions go.
pub fn unassign<C: ConsumerContext>(consumer: &BaseConsumer<C>, partitions: &TopicPartitionList) {
    let gone = if is_incremental(consumer) {
        consumer.incremental_unassign(partitions)
    } else {
        consumer.unassign()
    };
    if let Err(error) = gone {
        tracing::debug!(%error, "a member let go of what it had not");
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.over.load(Ordering::Relaxed) {
            return unassign(consumer, list);
        }
        let partition = |topic: &str, partition| TopicName::parse(topic).ok().map(|topic| (topic, partition));
        let elements = list.elements();
        let partitions =
            elements.iter().filter_map(|element| partition(element.topic(), element.partition()));
        let partitions = partitions.collect();
        let news = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => News::Assigned(partitions),
            _ => News::Revoked { partitions, lost: consumer.assignment_lost() },
        };
        self.news.lock().unwrap_or_else(PoisonError::into_inner).push(news);
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if self.probing && matches!(level, RDKafkaLogLevel::Debug) {
            // librdkafka tells it nowhere else, and tries again for ever.
            if message.contains(LACKING) {
                self.lacking.store(true, Ordering::Relaxed);
            }
            return;
        }
        self.inner.log(level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        self.inner.stats_raw(json);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.inner.error(error, reason);
    }
}
