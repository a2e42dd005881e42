//! `[streams]`: what a stream may cost.

use super::field::{Field, Rule, Section};
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the keys of `[streams]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "streams",
    about: "What a stream may cost.",
    fields: &[
        Field {
            key: "max_readers",
            meaning: "How many readers of the log may run at once, for streams that begin in the past or were left \
                      behind, and for pages. Those who stand near each other share one, and one reads many topics. A stream that \
                      needs one and finds none free ends with a `fault` that says so. The ends of the logs are read \
                      once for all.",
            rule: Rule::Integer(1, 10_000),
        },
        Field {
            key: "max_streams",
            meaning: "How many streams may be open in all. One more is 503 `overloaded` (an EventSource: a `fault` with a \
                      `retry`).",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_streams_per_topic",
            meaning: "How many of them may read one topic; one more is 503 `overloaded` too.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_streams_per_address",
            meaning: "How many of them one IPv4 address, or one /64 of IPv6, may have; one more is 429 \
                      `too_many_streams`. All that come through a proxy count as the proxy's.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_streams_per_principal",
            meaning: "How many of them one caller may have; one more is 429 `too_many_streams`. Callers without \
                      credentials count as one.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "heartbeat",
            meaning: "How long a stream may be silent before a heartbeat shows that it lives. Proxies cut silent \
                      connections, many after 60 s.",
            rule: Rule::Time(Duration::from_secs(5), Duration::from_secs(60)),
        },
        Field {
            key: "max_age",
            meaning: "About how long a stream of events lives before its client is asked to come back, when it does \
                      not ask for another time itself. Streams end between 0.8 and 1.0 of it, so that they do \
                      not end together. Streams of JSON lines live on.",
            rule: Rule::Time(Duration::from_secs(10), Duration::from_secs(86_400)),
        },
        Field {
            key: "checkpoint",
            meaning: "How often a stream tells its position where no record does.",
            rule: Rule::Time(Duration::from_secs(1), Duration::from_secs(60)),
        },
        Field {
            key: "max_cursor_bytes",
            meaning: "The longest cursor that is made or taken, in bytes. It grows by about 8 bytes for each \
                      partition; a selection whose cursor would be longer is 400 `selection_too_wide`.",
            rule: Rule::Integer(256, 65_536),
        },
        Field {
            key: "flush",
            meaning: "How long records may wait to share a write with others, on a stream that does not ask for \
                      another time. What comes after a silence never waits.",
            rule: Rule::Time(Duration::ZERO, Duration::from_millis(100)),
        },
        Field {
            key: "ring_bytes",
            meaning: "About how many bytes of a topic's last records are kept in memory for those who watch it. Who is \
                      further behind reads the log.",
            rule: Rule::Integer(65_536, 17_179_869_184),
        },
        Field {
            key: "ring_age",
            meaning: "How long they are kept at most.",
            rule: Rule::Time(Duration::from_secs(1), Duration::from_secs(3_600)),
        },
        Field {
            key: "max_lag_bytes",
            meaning: "How far behind the end of a topic a stream may be that could not keep up, in bytes that were written \
                      meanwhile, before it is asked to come back (`drain`, reason `slow`). One that began in the past may \
                      take its time.",
            rule: Rule::Integer(65_536, 17_179_869_184),
        },
        Field {
            key: "max_lag",
            meaning: "The same in time.",
            rule: Rule::Time(Duration::from_secs(1), Duration::from_secs(600)),
        },
        Field {
            key: "linger",
            meaning: "How long a topic is still read after the last viewer has left.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3_600)),
        },
        Field {
            key: "history_bytes",
            meaning: "About how many bytes are kept in memory, in all, of what is read of the logs for those who are behind: who \
                      comes back to the same place soon reads it from there.",
            rule: Rule::Integer(1_048_576, 17_179_869_184),
        },
        Field {
            key: "max_pinned_bytes",
            meaning: "How many bytes of what was sent to all slow connections may hold that is in no ring any more. Above it \
                      those are cut whose clients have taken nothing for the longest time, and at least a second.",
            rule: Rule::Integer(1_048_576, 17_179_869_184),
        },
        Field {
            key: "reader_queue_bytes",
            meaning: "About how many bytes one reader of the log fetches ahead of what was taken, of sixteen partitions; of \
                      each a sixteenth. A larger record is still read.",
            rule: Rule::Integer(1_024, 1_073_741_824),
        },
    ],
};

/// The `[streams]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streams {
    /// Kafka readers that may run at once; a stream beyond them is refused.
    pub max_readers: usize,
    /// Streams in all.
    pub max_streams: usize,
    /// Streams of one topic.
    pub max_streams_per_topic: usize,
    /// Streams of one address.
    pub max_streams_per_address: usize,
    /// Streams of one caller.
    pub max_streams_per_principal: usize,
    /// How often a silent stream shows that it lives.
    #[serde(with = "duration::text")]
    pub heartbeat: Duration,
    /// About how long a stream of events lives.
    #[serde(with = "duration::text")]
    pub max_age: Duration,
    /// How often a stream tells its position where no record does.
    #[serde(with = "duration::text")]
    pub checkpoint: Duration,
    /// The longest cursor made or taken, in bytes.
    pub max_cursor_bytes: usize,
    /// How long records may wait to share a write.
    #[serde(with = "duration::text")]
    pub flush: Duration,
    /// How many bytes of a topic's last records are kept.
    pub ring_bytes: usize,
    /// How long they are kept.
    #[serde(with = "duration::text")]
    pub ring_age: Duration,
    /// How many bytes a stream that could not keep up may be behind.
    pub max_lag_bytes: usize,
    /// How long it may be behind.
    #[serde(with = "duration::text")]
    pub max_lag: Duration,
    /// How long a topic is read that nobody watches any more.
    #[serde(with = "duration::text")]
    pub linger: Duration,
    /// How many bytes are kept of what is read for those who are behind.
    pub history_bytes: usize,
    /// How many bytes slow connections may hold that are in no ring.
    pub max_pinned_bytes: usize,
    /// How many bytes one reader fetches ahead of its viewers.
    pub reader_queue_bytes: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            max_readers: 64,
            max_streams: 20_000,
            max_streams_per_topic: 20_000,
            max_streams_per_address: 15_000,
            max_streams_per_principal: 20_000,
            heartbeat: Duration::from_secs(15),
            max_age: Duration::from_secs(900),
            checkpoint: Duration::from_secs(55),
            max_cursor_bytes: 4096,
            flush: Duration::from_millis(5),
            ring_bytes: 33_554_432,
            ring_age: Duration::from_secs(120),
            max_lag_bytes: 67_108_864,
            max_lag: Duration::from_secs(300),
            linger: Duration::from_secs(60),
            history_bytes: 67_108_864,
            max_pinned_bytes: 67_108_864,
            reader_queue_bytes: 1_048_576,
        }
    }
}
