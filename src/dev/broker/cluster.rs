//! What the broker knows: the engine's state, and beside it what the engine lacks.
//!
//! The engine (noida-db) is used as a library of state and request handlers, without its own sockets and
//! threads: one lock, no hidden port, and an end that can be waited for. It has no topic ids, forgets where
//! an aborted transaction ended, and does not know which members wait inside a request; those are kept here.
//! Request handling is deliberately absent: each API's file does its own.

use super::{bell::Bell, orphans::Orphans};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use noida::kafka::engine::{EngineState, PartitionState};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The shared state and the bells that announce its changes.
#[derive(Debug)]
pub struct Cluster {
    state: Mutex<State>,
    /// Rung when a log or the set of topics has changed.
    pub logs: Bell,
    /// Rung when a group has changed.
    pub groups: Bell,
}

impl Cluster {
    /// An empty cluster of one node, known to clients as `host` and the port of `address`.
    pub fn new(host: String, address: SocketAddr, topic_bytes: u64) -> Self {
        let mut engine = EngineState::new(host, i32::from(address.port()));
        engine.cluster_id = BASE64_URL_SAFE_NO_PAD.encode(random_id());
        let mut state = State {
            engine,
            topics: HashMap::new(),
            waiting: HashMap::new(),
            orphans: Orphans::default(),
            topic_bytes,
        };
        state.settle_topics();
        Self { state: Mutex::new(state), logs: Bell::default(), groups: Bell::default() }
    }

    /// The state, alone. Never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside the engine costs one request, not the broker.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine's state and ours.
#[derive(Debug)]
pub struct State {
    /// Topics, logs, groups, producers.
    pub engine: EngineState,
    /// Group members inside a JoinGroup or SyncGroup, with how many requests each has open:
    /// they send no heartbeats and are not silent.
    pub waiting: HashMap<(String, String), u32>,
    /// Bytes kept of a topic without a limit of its own.
    pub topic_bytes: u64,
    /// Producers whose topic was deleted under them.
    pub orphans: Orphans,
    topics: HashMap<String, Topic>,
}

/// What we know of a topic beside the engine. Forgotten with the topic.
#[derive(Debug)]
pub struct Topic {
    /// Its id (KIP-516): a topic made again under the same name has another.
    pub id: Uuid,
    partitions: HashMap<i32, Partition>,
}

/// What we know of a partition beside the engine.
#[derive(Debug, Default)]
pub struct Partition {
    /// At least the bytes its log holds: what was appended since the log was last measured.
    pub bytes: u64,
    /// Its aborted transactions, in order of their ends.
    pub aborted: Vec<Aborted>,
}

/// One aborted transaction in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// Who produced it.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first: i64,
    /// The offset of its abort marker.
    pub last: i64,
}

impl State {
    /// Gives an id to every topic that has appeared, and forgets those that have gone. Called after each
    /// request that may make or delete topics; no such request does both.
    pub fn settle_topics(&mut self) {
        let Self { engine, topics, .. } = self;
        if engine.topics.len() == topics.len() {
            return;
        }
        topics.retain(|name, _| engine.topics.contains_key(name));
        for name in engine.topics.keys() {
            if !topics.contains_key(name) {
                topics.insert(name.clone(), Topic { id: random_id(), partitions: HashMap::new() });
            }
        }
        // Kafka drops the offsets of a deleted topic; a new one by its name must not inherit them.
        engine.committed_offsets.retain(|(_, topic, _), _| topics.contains_key(topic));
        engine.offset_metadata.retain(|(_, topic, _), _| topics.contains_key(topic));
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Option<Uuid> {
        self.topics.get(name).map(|topic| topic.id)
    }

    /// The name that belongs to an id.
    pub fn topic_name(&self, id: Uuid) -> Option<&str> {
        self.topics.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.as_str())
    }

    /// A partition's log.
    pub fn log(&self, topic: &str, partition: i32) -> Option<&PartitionState> {
        self.engine.topics.get(topic)?.partitions.get(&partition)
    }

    /// The aborted transactions of a partition, in order of their ends.
    pub fn aborted(&self, topic: &str, partition: i32) -> &[Aborted] {
        let partition = self.topics.get(topic).and_then(|topic| topic.partitions.get(&partition));
        partition.map_or(&[], |partition| &partition.aborted)
    }

    /// At least the bytes that a partition's log holds.
    pub fn appended_bytes(&self, topic: &str, partition: i32) -> u64 {
        let partition = self.topics.get(topic).and_then(|topic| topic.partitions.get(&partition));
        partition.map_or(0, |partition| partition.bytes)
    }

    /// Both halves of a partition, to change them.
    pub fn partition_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Option<(&mut PartitionState, &mut Partition)> {
        let log = self.engine.topics.get_mut(topic)?.partitions.get_mut(&partition)?;
        Some((log, self.topics.get_mut(topic)?.partitions.entry(partition).or_default()))
    }
}

/// A random id as Kafka makes them: never one that reads like a command line option when written down.
fn random_id() -> Uuid {
    loop {
        let id = Uuid::new_v4();
        if !BASE64_URL_SAFE_NO_PAD.encode(id).starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
pub fn sample() -> Cluster {
    Cluster::new("127.0.0.1".to_owned(), SocketAddr::from(([127, 0, 0, 1], 9092)), 1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noida::kafka::engine::TopicState;

    fn add(state: &mut State, name: &str) {
        let partitions = HashMap::from([(0, PartitionState::new(0, 1))]);
        let topic =
            TopicState { name: name.to_owned(), is_internal: false, partitions, configs: HashMap::new() };
        state.engine.topics.insert(name.to_owned(), topic);
        state.settle_topics();
    }

    #[test]
    fn ids_are_22_url_safe_characters_and_differ_per_start() {
        let ids: Vec<String> = (0..64).map(|_| sample().lock().engine.cluster_id.clone()).collect();
        for id in &ids {
            assert_eq!(id.len(), 22, "{id}");
            assert!(!id.starts_with('-'), "{id}");
        }
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn a_topic_made_again_has_another_id_and_none_of_the_old_offsets() {
        let cluster = sample();
        let mut state = cluster.lock();
        add(&mut state, "a");
        add(&mut state, "b");
        let (a, b) = (state.topic_id("a").expect("id"), state.topic_id("b").expect("id"));
        assert_eq!(state.topic_name(a), Some("a"));
        for topic in ["a", "b"] {
            state.engine.committed_offsets.insert(("g".to_owned(), topic.to_owned(), 0), 5);
        }
        let lost = Aborted { producer_id: 1, first: 0, last: 2 };
        state.partition_mut("a", 0).expect("partition").1.aborted.push(lost);
        assert_eq!(state.aborted("a", 0), [lost]);

        state.engine.topics.remove("a");
        state.settle_topics();
        assert_eq!((state.topic_id("a"), state.topic_name(a)), (None, None));
        add(&mut state, "a");
        assert_ne!(state.topic_id("a"), Some(a));
        assert_eq!(state.topic_id("b"), Some(b));
        assert_eq!(state.aborted("a", 0), []);
        let committed: Vec<_> = state.engine.committed_offsets.keys().map(|(_, topic, _)| topic).collect();
        assert_eq!(committed, ["b"]);
    }
}
