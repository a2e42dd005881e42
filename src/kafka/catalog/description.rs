//! The cluster in the house's words: brokers, topics, partitions, as Kafka describes them.

use crate::record::TopicName;
use rdkafka::metadata::MetadataTopic;

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
    pub(super) fn from_metadata(topic: &MetadataTopic) -> Option<Self> {
        let replicas = topic.partitions().first().map_or(0, |partition| partition.replicas().len());
        let name = TopicName::parse(topic.name()).ok()?;
        Some(Self { name, partitions: topic.partitions().len(), replication_factor: replicas })
    }
}
