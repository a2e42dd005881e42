//! `[streams]`: what a stream may cost.

use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `[streams]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streams {
    /// Kafka readers that may run at once; a stream beyond them is refused.
    pub max_readers: usize,
    /// How often a silent stream shows that it lives.
    #[serde(with = "duration::text")]
    pub heartbeat: Duration,
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
            max_cursor_bytes: 4096,
            reader_queue_bytes: 1_048_576,
        }
    }
}
