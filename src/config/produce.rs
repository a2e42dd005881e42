//! `[produce]`: what may be written, and how much may wait to be written.

use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One partition may fill at most one part in this many of a producer's queue, so that a partition without a
/// leader cannot make the produce requests of all others fail.
pub const PARTITION_SHARE: usize = 8;

/// What the keys of `[produce]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "produce",
    about: "What may be written, and how much may wait to be written. There is one producer for `acks=all`, and \
            one each for `acks=leader` and `acks=none` from their first use on.",
    fields: &[
        Field {
            key: "max_record_bytes",
            meaning: "The largest record taken, in bytes: value, key and headers together. A larger one is 413 \
                      `record_too_large`. The brokers and the topic (`max.message.bytes`) must allow as much.",
            rule: Rule::Integer(1, 104_857_600),
        },
        Field {
            key: "auto_create",
            meaning: "Whether producing to a missing topic creates it, with the brokers' defaults. `sluicegate dev` \
                      turns it on unless it is set.",
            rule: Rule::Flag,
        },
        Field {
            key: "delivery_timeout",
            meaning: "How long a record may take to be acknowledged by the brokers, retries included. Then the \
                      answer is 504 `delivery_timed_out`.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3600)),
        },
        Field {
            key: "queue_bytes",
            meaning: "The bytes of records that may wait in one producer for the brokers; beyond them the answer is \
                      503 `overloaded`. One partition may fill an eighth, which must hold the largest record: at \
                      least eight times `produce.max_record_bytes`.",
            rule: Rule::Integer(8_192, 68_719_476_736),
        },
        Field {
            key: "queue_records",
            meaning: "The number of records that may wait in one producer for the brokers; beyond it the answer is \
                      503 `overloaded`. One partition may fill an eighth.",
            rule: Rule::Integer(8, 10_000_000),
        },
        Field {
            key: "compression",
            meaning: "How batches are compressed on their way to the brokers.",
            rule: Rule::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]),
        },
    ],
};

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

impl Produce {
    /// The keys that do not go together, each with why.
    pub(super) fn conflicts(&self) -> Option<(&'static str, String)> {
        let needed = self.max_record_bytes.saturating_mul(PARTITION_SHARE);
        (self.queue_bytes < needed).then(|| {
            let found = format!("found {}, of which one partition may fill an eighth", self.queue_bytes);
            let record = format!("`produce.max_record_bytes` is {}", self.max_record_bytes);
            ("queue_bytes", format!("{found}, and {record}; allowed: at least {needed}, or smaller records"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_record_fits_into_a_partitions_share_of_the_queue() {
        let fits = Produce { max_record_bytes: 1_000, queue_bytes: 8_000, ..Produce::default() };
        assert_eq!(fits.conflicts(), None);
        let tight = Produce { queue_bytes: 7_999, ..fits };
        assert_eq!(
            tight.conflicts(),
            Some((
                "queue_bytes",
                "found 7999, of which one partition may fill an eighth, and `produce.max_record_bytes` is 1000; \
                 allowed: at least 8000, or smaller records"
                    .to_owned()
            ))
        );
    }

    #[test]
    fn a_compression_is_called_the_same_everywhere() {
        for compression in
            [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
        {
            let json = serde_json::to_string(&compression).expect("a word serialises");
            assert_eq!(json, format!("\"{}\"", compression.as_str()));
        }
    }
}
