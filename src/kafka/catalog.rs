//! What the cluster holds: topics, their ids and partitions, where logs begin and end.
//!
//! Existence is asked by a client that never creates topics by asking. Answers are kept for
//! `kafka.metadata_max_age`; an unknown name is asked for at most once a second, whoever asks, so that a client with
//! a wrong name costs the cluster nothing. A stale answer is better than none while no broker can be reached.

use super::admin::Client;
use super::error::{Error, Remedy, Written};
use super::ffi;
use super::settings::Settings;
use crate::record::TopicName;
use rdkafka::metadata::MetadataTopic;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a failure is answered from memory.
const FAILURE_AGE: Duration = Duration::from_secs(1);

/// How often a topic just made is looked for.
const PROPAGATION_STEP: Duration = Duration::from_millis(20);

/// How often a leader that does not know its partition is asked again.
const LEADER_STEP: Duration = Duration::from_millis(50);

/// Names remembered before old ones are forgotten: callers choose names, so the memory for them is bounded.
const MAX_NAMES: usize = 10_000;

/// Calls to the cluster under way at once; each holds a thread.
const MAX_CALLS: usize = 16;

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Rack, where one is set.
    pub rack: Option<String>,
}

/// The cluster as DescribeCluster tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub id: String,
    /// The controller's broker id, where it is known.
    pub controller: Option<i32>,
    /// The brokers, by id.
    pub nodes: Vec<Node>,
}

/// A partition as DescribeTopics tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// The leader's broker id; `None` while it has no leader.
    pub leader: Option<i32>,
    /// Broker ids of all replicas.
    pub replicas: Vec<i32>,
    /// Broker ids of the in-sync replicas.
    pub in_sync: Vec<i32>,
}

/// A topic as DescribeTopics tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// The topic id (KIP-516); `None` where the cluster has no ids.
    pub id: Option<[u8; 16]>,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionDescription>,
}

/// Which offset ListOffsets looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// Where the log begins.
    Earliest,
    /// The last stable offset: where a `read_committed` reader ends.
    LastStable,
    /// The high watermark.
    HighWatermark,
}

/// Where the logs of a topic's partitions begin and end, by partition number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset still held.
    pub earliest: Vec<i64>,
    /// One past the last record that no open transaction holds back (`read_committed`'s end).
    pub last_stable: Vec<i64>,
    /// One past the last record written.
    pub high: Vec<i64>,
}

/// A topic in a list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas its first partition has.
    pub replication_factor: usize,
}

impl Listed {
    fn from_metadata(topic: &MetadataTopic) -> Option<Self> {
        let replicas = topic.partitions().first().map_or(0, |partition| partition.replicas().len());
        let name = TopicName::parse(topic.name()).ok()?;
        Some(Self { name, partitions: topic.partitions().len(), replication_factor: replicas })
    }
}

/// What is known of the cluster.
#[derive(Clone)]
pub struct Catalog {
    shared: Arc<Shared>,
}

struct Shared {
    client: Arc<Client>,
    request_timeout: Duration,
    max_age: Duration,
    calls: Semaphore,
    topics: Mutex<HashMap<TopicName, Arc<Slot>>>,
}

/// What is known of one name. `turn` lets one caller ask while the others wait for the answer.
#[derive(Default)]
struct Slot {
    turn: tokio::sync::Mutex<()>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    asked: Instant,
    /// Until when it is given without asking again.
    until: Instant,
    answer: Result<Arc<Topic>, Error>,
}

impl Catalog {
    /// A catalog that asks through `client`.
    pub fn new(client: Arc<Client>, settings: &Settings) -> Self {
        let shared = Shared {
            client,
            request_timeout: settings.request_timeout(),
            max_age: settings.metadata_max_age(),
            calls: Semaphore::new(MAX_CALLS),
            topics: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The topic of that name, from memory where that is fresh enough.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`] at once when there is none; else what kept Kafka from answering.
    pub async fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        let slot = self.slot(name);
        if let Some(answer) = slot.fresh() {
            return answer;
        }
        let _turn = slot.turn.lock().await;
        if let Some(answer) = slot.fresh() {
            return answer;
        }
        let stale = slot.lock().clone().and_then(|known| known.answer.ok());
        match (self.ask(name, &slot).await, stale) {
            (Err(error), Some(stale)) if error.remedy() == Remedy::Retry => Ok(stale),
            (answer, _) => answer,
        }
    }

    /// The topic of that name as the cluster knows it now. Callers that ask at once share one question, and a failure
    /// is asked for again only after a second.
    ///
    /// # Errors
    /// As for [`Catalog::topic`].
    pub async fn refresh(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        let slot = self.slot(name);
        let called = Instant::now();
        let _turn = slot.turn.lock().await;
        let known = slot.lock().clone();
        match known {
            Some(Known { asked, answer: Ok(topic), .. }) if asked >= called => Ok(topic),
            Some(Known { until, answer: Err(error), .. }) if Instant::now() < until => Err(error),
            _ => self.ask(name, &slot).await,
        }
    }

    /// Drops what is remembered of a topic, so that the next question goes to the cluster.
    pub fn forget(&self, name: &TopicName) {
        self.topics().remove(name);
    }

    /// Waits until a topic that was just made is seen.
    ///
    /// # Errors
    /// As for [`Catalog::topic`], after the time-out of a request.
    pub async fn await_topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        let deadline = Instant::now() + self.shared.request_timeout;
        loop {
            self.forget(name);
            match self.topic(name).await {
                Err(Error::TopicNotFound(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(PROPAGATION_STEP).await;
                }
                answer => return answer,
            }
        }
    }

    /// Every topic, by name.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let timeout = self.shared.request_timeout;
        let metadata = self
            .call(move |client| client.inner().fetch_metadata(None, timeout).map_err(Error::from_client))
            .await?;
        let mut topics: Vec<_> = metadata.topics().iter().filter_map(Listed::from_metadata).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Where the topic's logs begin and end now.
    ///
    /// # Errors
    /// What kept a partition's leader from answering.
    pub async fn watermarks(&self, topic: &Topic) -> Result<Watermarks, Error> {
        let (earliest, last_stable, high) = tokio::try_join!(
            self.offsets(topic, OffsetSpec::Earliest),
            self.offsets(topic, OffsetSpec::LastStable),
            self.offsets(topic, OffsetSpec::HighWatermark),
        )?;
        Ok(Watermarks { earliest, last_stable, high })
    }

    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn cluster(&self) -> Result<ClusterDescription, Error> {
        let timeout = self.shared.request_timeout;
        self.call(move |client| ffi::describe_cluster(client, timeout)).await
    }

    /// A topic just made is described before its leaders know of it, and a leader may have moved just now: both are
    /// over in a moment, and are asked again as long as a request may take.
    async fn offsets(&self, topic: &Topic, spec: OffsetSpec) -> Result<Vec<i64>, Error> {
        let (partitions, timeout) = (topic.partitions.len(), self.shared.request_timeout);
        let deadline = Instant::now() + timeout;
        loop {
            let name = topic.name.clone();
            let listed =
                self.call(move |client| ffi::list_offsets(client, &name, partitions, spec, timeout)).await;
            match listed {
                Err(_) if Instant::now() >= deadline => return listed,
                Err(Error::Unavailable { .. }) => {}
                // Deleted since it was described, or not known to its leader yet.
                Err(Error::TopicNotFound(_)) => drop(self.refresh(&topic.name).await?),
                _ => return listed,
            }
            tokio::time::sleep(LEADER_STEP).await;
        }
    }

    async fn ask(&self, name: &TopicName, slot: &Slot) -> Result<Arc<Topic>, Error> {
        let asked = Instant::now();
        let (timeout, sought) = (self.shared.request_timeout, [name.clone()]);
        let described = self.call(move |client| ffi::describe_topics(client, &sought, timeout)).await;
        let answer = described
            .and_then(|mut topics| match topics.pop() {
                Some((_, topic)) => topic,
                None => Err(Error::TopicNotFound(name.clone())),
            })
            .map(Arc::new);
        let age = if answer.is_ok() { self.shared.max_age } else { FAILURE_AGE };
        let until = Instant::now() + age;
        let mut known = slot.lock();
        match (&mut *known, &answer) {
            // What was known outlives an outage, and is asked for again soon.
            (Some(known @ Known { answer: Ok(_), .. }), Err(error)) if error.remedy() == Remedy::Retry => {
                known.until = until;
            }
            _ => *known = Some(Known { asked, until, answer: answer.clone() }),
        }
        answer
    }

    /// Runs a blocking call of the client library off the async threads.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self.shared.calls.acquire().await.expect("the semaphore is never closed");
        let client = self.shared.client.clone();
        let ended = tokio::task::spawn_blocking(move || call(&client)).await;
        ended.unwrap_or_else(|error| {
            Err(Error::Unavailable { reason: error.to_string(), written: Written::No })
        })
    }

    fn slot(&self, name: &TopicName) -> Arc<Slot> {
        let mut topics = self.topics();
        if topics.len() >= MAX_NAMES && !topics.contains_key(name) {
            topics.retain(|_, slot| Arc::strong_count(slot) > 1 || matches!(slot.fresh(), Some(Ok(_))));
        }
        topics.entry(name.clone()).or_default().clone()
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<TopicName, Arc<Slot>>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remembered answer, if it is young enough to be given.
    fn fresh(&self) -> Option<Result<Arc<Topic>, Error>> {
        self.lock().as_ref().filter(|known| Instant::now() < known.until).map(|known| known.answer.clone())
    }
}
