//! What is told of a group both by its streams and by its description.

use crate::group::Stalled;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A partition that does not get on.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupStalled {
    /// The topic.
    topic: String,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset of its first record that is not acknowledged: nothing is committed behind it.
    #[schema(minimum = 0)]
    offset: i64,
    /// How often that was handed out.
    #[schema(minimum = 0)]
    attempts: u32,
    /// For how many milliseconds it has been the first, give or take a second.
    #[schema(minimum = 0)]
    stuck_ms: u64,
}

impl From<Stalled> for GroupStalled {
    fn from(stalled: Stalled) -> Self {
        let (topic, partition) = stalled.partition;
        Self {
            topic: topic.to_string(),
            partition,
            offset: stalled.offset,
            attempts: stalled.attempts,
            stuck_ms: millis(stalled.stuck),
        }
    }
}

/// A time as the API tells it.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
