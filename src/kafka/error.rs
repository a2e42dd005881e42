//! What can go wrong with Kafka, classified by what helps: retry, tell the caller, or call the operator.
//!
//! Broker codes and librdkafka's own codes are folded into a few meanings here, once; no other room sees a code.

use crate::record::{GroupId, TopicName};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// A failed dealing with Kafka.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The cluster has no such topic.
    #[error("topic `{0}` does not exist")]
    TopicNotFound(TopicName),
    /// The topic has no such partition.
    #[error("topic `{topic}` has {partitions} partitions, numbered from 0")]
    PartitionOutOfRange {
        /// The topic asked for.
        topic: TopicName,
        /// How many partitions it has.
        partitions: usize,
    },
    /// The broker takes no record of that size.
    #[error("the broker takes no record of this size")]
    RecordTooLarge,
    /// Kafka's own rules forbid it (ACLs).
    #[error("Kafka forbids it: {0}")]
    Forbidden(String),
    /// The cluster refuses the request as it stands.
    #[error("Kafka refuses it: {0}")]
    Refused(String),
    /// A topic of that name exists.
    #[error("a topic of that name exists")]
    TopicExists,
    /// The position lies outside the log.
    #[error("the offset is outside the log")]
    OffsetOutOfRange,
    /// An offset that a group was to stand at lies outside the log.
    #[error(
        "offset {offset} is outside the log of topic `{topic}`, partition {partition}: it goes from {earliest} to {end}"
    )]
    OffsetOutsideLog {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: i32,
        /// The offset asked for.
        offset: i64,
        /// Where the log begins.
        earliest: i64,
        /// Where it ends (the high watermark).
        end: i64,
    },
    /// The cluster has no such consumer group.
    #[error("there is no consumer group `{0}`")]
    GroupNotFound(GroupId),
    /// The group has members, which Kafka lets nobody change anything under.
    #[error("group `{0}` has members: stop them first")]
    GroupActive(GroupId),
    /// What a partition holds at an offset cannot be read: its checksum is wrong, it does not decompress, or its format
    /// is unknown. Another replica may have it whole.
    #[error("the records at offset {offset} cannot be read: {reason}")]
    Unreadable {
        /// Where the unreadable batch begins.
        offset: i64,
        /// What librdkafka or the broker said.
        reason: String,
    },
    /// Our own queue is full: too much is under way.
    #[error("the produce queue is full")]
    QueueFull,
    /// No broker, no leader, or too few replicas just now.
    #[error("Kafka is unavailable: {reason}")]
    Unavailable {
        /// What librdkafka or the broker said.
        reason: String,
        /// Whether the record may have been written all the same.
        written: Written,
    },
    /// A record was not confirmed within the delivery time-out.
    #[error("Kafka did not confirm in time")]
    TimedOut {
        /// Whether the record may have been written all the same.
        written: Written,
    },
    /// librdkafka ended the producer, because it no longer knew what the brokers had of it; the next record makes a new one.
    #[error("the producer was renewed: {reason}")]
    ProducerLost {
        /// What librdkafka said.
        reason: String,
        /// Whether the record may have been written all the same.
        written: Written,
    },
    /// Credentials, certificates or settings are wrong: only an operator can mend it.
    #[error("Kafka cannot be used as configured: {reason}")]
    Misconfigured {
        /// What is wrong, and which setting to look at where that is known. It holds no secret.
        reason: String,
        /// Whether the record may have been written all the same.
        written: Written,
    },
}

/// What is known of a record whose delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was not written, so sending it again repeats nothing.
    No,
    /// It may have been written.
    Unknown,
}

impl Written {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Written::No => "no",
            Written::Unknown => "unknown",
        }
    }
}

/// Who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same again, later.
    Retry,
    /// The caller asked for something that cannot be.
    Caller,
    /// An operator.
    Operator,
}

impl Error {
    /// Kafka cannot be had just now, and nothing was written.
    pub(crate) fn unavailable(reason: impl std::fmt::Display) -> Self {
        Error::Unavailable { reason: reason.to_string(), written: Written::No }
    }

    /// Kafka cannot be used with these settings, and nothing was written.
    pub(super) fn misconfigured(reason: String) -> Self {
        Error::Misconfigured { reason, written: Written::No }
    }

    /// Whether the record it is about, if it is about one, may have been written.
    pub fn written(&self) -> Written {
        match self {
            Error::Unavailable { written, .. }
            | Error::TimedOut { written }
            | Error::ProducerLost { written, .. }
            | Error::Misconfigured { written, .. } => *written,
            _ => Written::No,
        }
    }

    /// Who can help.
    pub fn remedy(&self) -> Remedy {
        match self {
            Error::QueueFull
            | Error::Unavailable { .. }
            | Error::TimedOut { .. }
            | Error::ProducerLost { .. } => Remedy::Retry,
            Error::Misconfigured { .. } | Error::Unreadable { .. } => Remedy::Operator,
            _ => Remedy::Caller,
        }
    }

    /// Folds the code of a record that was not delivered to `topic`.
    pub(super) fn of_delivery(code: Code, topic: &TopicName, written: Written) -> Self {
        use Code::*;
        match code {
            MessageTimedOut | RequestTimedOut | TimedOutQueue => Error::TimedOut { written },
            Fatal
            | PurgeQueue
            | PurgeInflight
            | Inconsistent
            | OutOfOrderSequenceNumber
            | UnknownProducerId
            | InvalidProducerEpoch
            | InvalidProducerIdMapping => Error::ProducerLost { reason: code.to_string(), written },
            _ => Self::from_code(code, Some(topic), written),
        }
    }

    /// Folds a code met while dealing with `topic`; `written` is what is known of the record, if one was sent.
    pub(super) fn from_code(code: Code, topic: Option<&TopicName>, written: Written) -> Self {
        use Code::*;
        match (code, topic) {
            (UnknownTopic | UnknownTopicOrPartition | UnknownTopicId, Some(topic)) => {
                Error::TopicNotFound(topic.clone())
            }
            (UnknownPartition, Some(topic)) => {
                Error::PartitionOutOfRange { topic: topic.clone(), partitions: 0 }
            }
            (MessageSizeTooLarge | InvalidMessageSize | MessageBatchTooLarge, _) => Error::RecordTooLarge,
            (TopicAlreadyExists, _) => Error::TopicExists,
            (OffsetOutOfRange | AutoOffsetReset, _) => Error::OffsetOutOfRange,
            (QueueFull, _) => Error::QueueFull,
            (
                TopicAuthorizationFailed
                | GroupAuthorizationFailed
                | ClusterAuthorizationFailed
                | TransactionalIdAuthorizationFailed,
                _,
            ) => Error::Forbidden(code.to_string()),
            (
                InvalidTopic
                | InvalidPartitions
                | InvalidReplicationFactor
                | InvalidReplicaAssignment
                | InvalidConfig
                | InvalidRequest
                | PolicyViolation
                | InvalidTimestamp
                | InvalidRecord
                | InvalidRequiredAcks
                | InvalidArgument,
                _,
            ) => Error::Refused(code.to_string()),
            (
                Authentication
                | SaslAuthenticationFailed
                | UnsupportedSASLMechanism
                | IllegalSASLState
                | SSL
                | UnsupportedVersion
                | UnsupportedFeature
                | UnsupportedCompressionType
                | SecurityDisabled,
                _,
            ) => Error::Misconfigured { reason: code.to_string(), written },
            _ => Error::Unavailable { reason: code.to_string(), written },
        }
    }

    /// Folds a code met while dealing with `group`.
    pub(super) fn of_group(code: Code, group: &GroupId) -> Self {
        use Code::*;
        match code {
            GroupIdNotFound => Error::GroupNotFound(group.clone()),
            // What somebody who is no member is told by a group that has some.
            NonEmptyGroup | UnknownMemberId | IllegalGeneration | RebalanceInProgress | StaleMemberEpoch
            | FencedMemberEpoch => Error::GroupActive(group.clone()),
            InvalidGroupId => Error::Refused(code.to_string()),
            _ => Self::from_code(code, None, Written::No),
        }
    }

    /// The same, where a change was asked for and may have been made although it was not confirmed.
    pub(super) fn unconfirmed(self) -> Self {
        match self {
            Error::Unavailable { reason, .. } => Error::Unavailable { reason, written: Written::Unknown },
            error => error,
        }
    }

    /// Folds an error of the client library that concerns no record.
    pub(super) fn from_client(error: KafkaError) -> Self {
        match (error.rdkafka_error_code(), error) {
            (Some(code), _) => Self::from_code(code, None, Written::No),
            (None, KafkaError::ClientConfig(_, reason, key, _)) => {
                Error::misconfigured(format!("{key}: {reason}"))
            }
            (None, KafkaError::ClientCreation(reason)) => Error::misconfigured(reason),
            (None, other) => Error::unavailable(other),
        }
    }
}
