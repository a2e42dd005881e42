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
            meaning: "How many readers of Kafka may run at once. A stream that finds none free ends with a `fault` \
                      that says so.",
            rule: Rule::Integer(1, 10_000),
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
            key: "reader_queue_bytes",
            meaning: "About how many bytes one reader fetches ahead of what its viewer has taken. A larger record \
                      is still read. All readers together hold about `streams.max_readers` times this.",
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
    /// How many bytes one reader fetches ahead of its viewer.
    pub reader_queue_bytes: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            max_readers: 64,
            heartbeat: Duration::from_secs(15),
            max_age: Duration::from_secs(900),
            checkpoint: Duration::from_secs(55),
            max_cursor_bytes: 4096,
            reader_queue_bytes: 1_048_576,
        }
    }
}
