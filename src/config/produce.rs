//! `[produce]`: what may be written, and how much may wait to be written.

use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `[produce]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Produce {
    /// The largest record taken: value, key and headers together, in bytes.
    pub max_record_bytes: usize,
    /// Whether a produce to a missing topic creates it.
    pub auto_create: bool,
    /// How long a record may take from the request to the brokers' answer, retries included.
    #[serde(with = "duration::text")]
    pub delivery_timeout: Duration,
    /// Bytes of records that may wait for the brokers, over all topics, for each producer.
    pub queue_bytes: usize,
    /// Records that may wait for the brokers, over all topics, for each producer.
    pub queue_records: usize,
    /// How batches are compressed on their way to the brokers.
    pub compression: Compression,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// DEFLATE with a gzip frame.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Its name in the configuration, which is also its name in Kafka.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl Default for Produce {
    fn default() -> Self {
        Self {
            max_record_bytes: 1_048_576,
            auto_create: false,
            delivery_timeout: Duration::from_secs(30),
            queue_bytes: 67_108_864,
            queue_records: 100_000,
            compression: Compression::None,
        }
    }
}
