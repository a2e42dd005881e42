//! What the cluster holds: topics, their ids and partitions, where logs begin and end.
//!
//! Existence is asked by a client that never creates topics by asking. Answers are kept for
//! `kafka.metadata_max_age`; an unknown name is asked for at most once a second, whoever asks, so that a client with
//! a wrong name costs the cluster nothing. A stale answer is better than none while no broker can be reached, but for
//! those who ask for the truth.

mod description;
mod memory;
mod offsets;

use super::admin::Client;
use super::error::{Error, Remedy};
use super::settings::Settings;
use super::{ffi, off_thread};
use crate::record::TopicName;
pub use description::{ClusterDescription, Listed, Node, PartitionDescription, Topic};
use memory::{Bound, Memory};
pub use offsets::{OffsetSpec, Watermarks};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How often a topic just made is looked for.
const PROPAGATION_STEP: Duration = Duration::from_millis(20);

/// How long after a topic was seen a broker may not have heard of it yet: they learn of a new one each in its time.
const PROPAGATION: Duration = Duration::from_secs(2);

/// Names remembered before old ones are forgotten: callers choose names, so the memory for them is bounded.
const MAX_NAMES: usize = 10_000;

/// Calls to the cluster under way at once; each holds a thread.
const MAX_CALLS: usize = 16;

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
    cluster: Memory<Arc<str>>,
    names: Memory<Arc<Vec<TopicName>>>,
}

/// What is known of one name.
#[derive(Default)]
struct Slot {
    topic: Memory<Arc<Topic>>,
    log: Memory<Arc<Watermarks>>,
}

/// What is known of some names.
type Answers = BTreeMap<TopicName, Result<Arc<Topic>, Error>>;

impl Catalog {
    /// A catalog that asks through `client`.
    pub fn new(client: Arc<Client>, settings: &Settings) -> Self {
        let shared = Shared {
            client,
            request_timeout: settings.request_timeout(),
            max_age: settings.metadata_max_age(),
            calls: Semaphore::new(MAX_CALLS),
            topics: Mutex::default(),
            cluster: Memory::default(),
            names: Memory::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The topic of that name, from memory where that is fresh enough.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`] at once when there is none; else what kept Kafka from answering.
    pub async fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        // Who is not let in may have been told so of another connection than the one that this was learnt by.
        let refused = self.shared.client.context().admittance().why().is_some();
        let max_age = if refused { Duration::ZERO } else { self.shared.max_age };
        let slot = self.slot(name);
        let answer = match slot.topic.answer(Bound::now(max_age)) {
            Some(answer) => answer,
            None => self.describe_one(name, max_age).await,
        };
        match (answer, slot.topic.stale()) {
            (Err(error), Some(stale)) if error.remedy() == Remedy::Retry => Ok(stale),
            (answer, _) => answer,
        }
    }

    /// The topics of these names, in the order of `names`, each as the cluster knew it at most `max_age` ago; zero means
    /// as it is now. All that memory does not tell is asked for at once, callers that ask at the same time share one
    /// question, and a failure is asked for again only after a second.
    ///
    /// # Errors
    /// Each name has its own: as for [`Catalog::topic`], but what is older than `max_age` is never given instead.
    pub async fn describe(&self, names: &[TopicName], max_age: Duration) -> Vec<Result<Arc<Topic>, Error>> {
        let bound = Bound::now(max_age);
        let slots: BTreeMap<_, _> = names.iter().map(|name| (name, self.slot(name))).collect();
        let (mut answers, mut sought, mut turns) = (Answers::new(), Vec::new(), Vec::new());
        for (name, slot) in &slots {
            let mut answer = slot.topic.answer(bound);
            if answer.is_none() {
                // In the order of names, so that nobody waits in a circle.
                let turn = slot.topic.turn.lock().await;
                answer = slot.topic.answer(bound);
                if answer.is_none() {
                    turns.push(turn);
                    sought.push((*name).clone());
                }
            }
            answers.extend(answer.map(|answer| ((*name).clone(), answer)));
        }
        if !sought.is_empty() {
            let asked = Instant::now();
            let told = self.ask_all(sought, &slots).await;
            for (name, answer) in &told {
                slots[name].topic.remember(asked, answer);
            }
            answers.extend(told);
        }
        drop(turns);
        names.iter().map(|name| answers[name].clone()).collect()
    }

    /// The topic of that name as the cluster knows it now.
    ///
    /// # Errors
    /// As for [`Catalog::describe`].
    pub async fn refresh(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        self.describe_one(name, Duration::ZERO).await
    }

    async fn describe_one(&self, name: &TopicName, max_age: Duration) -> Result<Arc<Topic>, Error> {
        let described = self.describe(std::slice::from_ref(name), max_age).await;
        described.into_iter().next().expect("one answer for one name")
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
        let ask = move |client: &Client| {
            let admittance = client.context().admittance();
            let told = client.fetch_metadata(None, admittance.patience(timeout));
            admittance.judge(told.map_err(Error::from_client))
        };
        let metadata = self.call(ask).await?;
        let mut topics: Vec<_> = metadata.topics().iter().filter_map(Listed::from_metadata).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The names of all topics, Kafka's own among them, sorted, as they were at most `max_age` ago; zero means now.
    /// Callers that ask at the same time share one question, and a failure is asked for again only after a second.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn names(&self, max_age: Duration) -> Result<Arc<Vec<TopicName>>, Error> {
        let ask = async || {
            let listed = self.list().await?;
            Ok(Arc::new(listed.into_iter().map(|topic| topic.name).collect()))
        };
        self.shared.names.ask(max_age, ask).await
    }

    /// Whether any broker answers.
    ///
    /// # Errors
    /// What keeps all of them from it.
    pub async fn answers(&self) -> Result<(), Error> {
        let timeout = self.shared.request_timeout;
        self.call(move |client| ffi::find_brokers(client, timeout)).await
    }

    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn cluster(&self) -> Result<ClusterDescription, Error> {
        let timeout = self.shared.request_timeout;
        self.call(move |client| ffi::describe_cluster(client, timeout)).await
    }

    /// The cluster's id, as it was at most `max_age` ago. Callers that ask at the same time share one question.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub async fn cluster_id(&self, max_age: Duration) -> Result<Arc<str>, Error> {
        let ask = async || self.cluster().await.map(|cluster| cluster.id.into());
        self.shared.cluster.ask(max_age, ask).await
    }

    /// Describes these topics, with an answer for each. One that was seen a moment ago and is not found now is asked for
    /// again: it may be gone, or this broker may be the last to hear of it.
    async fn ask_all(&self, names: Vec<TopicName>, slots: &BTreeMap<&TopicName, Arc<Slot>>) -> Answers {
        let mut told = self.ask(names).await;
        loop {
            let doubted = |(name, answer): (&TopicName, &Result<_, Error>)| {
                let doubted =
                    matches!(answer, Err(Error::TopicNotFound(_))) && slots[name].topic.knew(PROPAGATION);
                doubted.then(|| name.clone())
            };
            let doubted: Vec<_> = told.iter().filter_map(doubted).collect();
            if doubted.is_empty() {
                return told;
            }
            tokio::time::sleep(PROPAGATION_STEP).await;
            told.extend(self.ask(doubted).await);
        }
    }

    /// Describes these topics, with an answer for each.
    async fn ask(&self, names: Vec<TopicName>) -> Answers {
        let (timeout, sought) = (self.shared.request_timeout, names.clone());
        let described = self.call(move |client| ffi::describe_topics(client, &sought, timeout)).await;
        let mut told = match described {
            Ok(told) => told,
            Err(error) => return names.into_iter().map(|name| (name, Err(error.clone()))).collect(),
        };
        let answer = |name: TopicName| {
            let answer = told.remove(&name).unwrap_or_else(|| Err(Error::TopicNotFound(name.clone())));
            (name, answer.map(Arc::new))
        };
        names.into_iter().map(answer).collect()
    }

    /// Runs a blocking call of the client library off the async threads.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self.shared.calls.acquire().await.expect("the semaphore is never closed");
        let client = self.shared.client.clone();
        off_thread(move || call(&client)).await
    }

    fn slot(&self, name: &TopicName) -> Arc<Slot> {
        let mut topics = self.topics();
        if topics.len() >= MAX_NAMES && !topics.contains_key(name) {
            let bound = Bound::now(self.shared.max_age);
            topics.retain(|_, slot| {
                Arc::strong_count(slot) > 1 || matches!(slot.topic.answer(bound), Some(Ok(_)))
            });
        }
        topics.entry(name.clone()).or_default().clone()
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<TopicName, Arc<Slot>>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
