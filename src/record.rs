//! The pure vocabulary of the gateway: what a record is, how topics are named, where a reader stands.
//!
//! Nothing here knows of HTTP, of Kafka's client library, or of time passing, so every type can be tested by a
//! table and used in every room. Parsing lives beside the type that keeps the invariant. A type whose words stand in
//! the HTTP API's document derives them from its names (`ToSchema`).

pub mod cursor;
pub mod duration;
pub mod filter;
pub mod group;
pub mod json;
pub mod partitions;
pub mod party;
pub mod selection;
pub mod start;
pub mod time;
pub mod topic;

use bytes::Bytes;
use std::sync::Arc;
use utoipa::ToSchema;

pub use cursor::Cursor;
pub use filter::{Filter, Subject};
pub use group::GroupId;
pub use partitions::PartitionSet;
pub use party::Party;
pub use selection::Selection;
pub use start::{Start, Until};
pub use topic::TopicName;

/// A number written in digits alone: `+1` and `-1` are numbers to the standard library and neither to us.
pub fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A record header: a name and a value that may be null. Kafka keeps order and repeats.
pub type Header = (Arc<str>, Option<Bytes>);

/// One record as it was read from Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic it was read from.
    pub topic: TopicName,
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Epoch milliseconds, as the topic's `message.timestamp.type` made them; `None` in logs older than Kafka 0.10.
    pub timestamp: Option<i64>,
    /// The key; `None` is Kafka's null, which is not the empty key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in the order they were written.
    pub headers: Vec<Header>,
}

/// How many replicas must hold a record before a produce is answered (Kafka's `acks`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Acks {
    /// All in-sync replicas.
    #[default]
    All,
    /// The partition's leader alone.
    Leader,
    /// Nobody: the record is sent and nothing is heard of it.
    None,
}

impl Acks {
    /// The word used in queries and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Acks::All => "all",
            Acks::Leader => "leader",
            Acks::None => "none",
        }
    }
}

/// Why a reader could not go on exactly where its cursor stood.
///
/// Ordered by which of several losses is named first: the least is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The cursor belongs to another cluster, or to none of the topics asked for.
    Foreign,
    /// A topic of the same name has another id: it was deleted and made anew.
    Recreated,
    /// The position lies beyond the end: the log was cut back.
    Truncated,
    /// Retention removed records that were not yet read.
    Expired,
    /// The topic was deleted. Told as a gap alone: whoever reads other topics besides goes on with those.
    Deleted,
    /// The reader was too slow, and had asked to skip what it missed rather than to be told of it late.
    Slow,
}

impl Loss {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Loss::Foreign => "foreign",
            Loss::Recreated => "recreated",
            Loss::Truncated => "truncated",
            Loss::Expired => "expired",
            Loss::Deleted => "deleted",
            Loss::Slow => "slow",
        }
    }
}

/// What to do when a position is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum OnLoss {
    /// Tell it and go on at the first record still held.
    #[default]
    Earliest,
    /// Tell it and go on at the end.
    Latest,
    /// Do not go on.
    Fail,
}

/// What becomes of a reader that is too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum OnSlow {
    /// It is given everything all the same, late.
    #[default]
    Replay,
    /// It is told what it missed, and goes on with what is new.
    Skip,
    /// Its stream ends.
    Close,
}

/// Which records of transactions a reader sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Isolation {
    /// Those of committed transactions, up to the last stable offset.
    #[default]
    Committed,
    /// All, aborted and open ones too, up to the high watermark.
    Uncommitted,
}

impl Isolation {
    /// Kafka's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        }
    }
}

/// How a value stands in an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ValueForm {
    /// JSON where it is JSON, else text where it is UTF-8, else base64.
    #[default]
    Auto,
    /// JSON; what is none cannot be told.
    Json,
    /// Always a string: its text, or base64 where it is not UTF-8.
    Text,
    /// Always base64: the exact bytes.
    Base64,
}
