//! The settings of a group's delivery, whatever the form in which they are asked for: members of a poll's body, or parameters of
//! a stream's query.

use super::super::error::ApiError;
use super::super::state::Limits;
use crate::group::ledger::Terms;
use crate::group::{AckMode, Delivery, Ordering};
use crate::record::{Filter, Isolation, Start, TopicName};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The bounds of a window, in records.
pub const WINDOW: (usize, usize) = (1, 100_000);

/// The bounds of the time that an acknowledgement may take.
pub const ACK_TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(43_200));

/// The window of a group whose clients acknowledge by coming back, and how long after its end a stream's records are held for
/// it, unless the group asks for others.
const RECONNECT: (usize, Duration) = (5_000, Duration::from_secs(10));

/// Where a partition begins of which the group has no offset.
///
/// # Errors
/// When it is where no group begins, or nowhere.
pub fn start(text: &str) -> Result<Start, &'static str> {
    match Start::parse(text) {
        Ok(start @ (Start::Latest | Start::Earliest | Start::Time(_))) => Ok(start),
        _ => Err("a group begins at `latest`, `earliest` or a time"),
    }
}

/// What is asked for; `None` is the default.
pub struct Wishes {
    /// When a record counts as acknowledged.
    pub ack: AckMode,
    /// What records keep their order among.
    pub ordering: Ordering,
    /// Which records of transactions are seen.
    pub isolation: Isolation,
    /// Which records are wanted.
    pub filter: Option<Filter>,
    /// Records of a partition, within [`WINDOW`].
    pub window: Option<usize>,
    /// How long an acknowledgement may take, within [`ACK_TIMEOUT`].
    pub ack_timeout: Option<Duration>,
    /// How often a record is handed out.
    pub max_attempts: Option<NonZeroU32>,
    /// The topic of those that are given up.
    pub dead_letter: Option<String>,
}

impl Wishes {
    /// The settings that come of it; `refuse` makes a refusal of a name and what is wrong with it.
    ///
    /// # Errors
    /// When two contradict each other, or the topic can be none.
    pub fn settle(
        self,
        limits: Limits,
        refuse: impl Fn(&str, &str) -> ApiError,
    ) -> Result<Delivery, ApiError> {
        let dead_letter = self.dead_letter.as_deref().map(TopicName::parse).transpose();
        let dead_letter = dead_letter.map_err(|why| refuse("dead_letter", &why.to_string()))?;
        if dead_letter.is_some() && self.max_attempts.is_none() {
            let why = "it needs `max_attempts`: a record goes there when it is given up";
            return Err(refuse("dead_letter", why));
        }
        if self.max_attempts.is_some() && self.ack.is_at_once() {
            let why = "it needs `ack` to be `explicit` or `reconnect`: else a record is handed out once";
            return Err(refuse("max_attempts", why));
        }
        let (window, lease) = match self.ack {
            AckMode::Reconnect => RECONNECT,
            _ => (limits.window, limits.ack_timeout),
        };
        Ok(Delivery {
            filter: self.filter.map(Arc::new),
            isolation: self.isolation,
            ack: self.ack,
            ordering: self.ordering,
            terms: Terms {
                window: self.window.unwrap_or(window),
                lease: self.ack_timeout.unwrap_or(lease),
                max_attempts: self.max_attempts,
            },
            dead_letter,
        })
    }
}
