//! Which topics a producer was just denied, so that it asks again now and then, and not for every record.

use crate::record::{Acks, TopicName};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How soon it is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How many topics are remembered before old ones are forgotten.
const TOPICS: usize = 1000;

/// When producers last asked again for a topic that they were denied.
#[derive(Debug, Default)]
pub struct Denials {
    asked: Mutex<HashMap<(TopicName, Acks), Instant>>,
}

impl Denials {
    /// Whether the producer of these acks, denied a topic, may ask again now; it then counts as asked.
    pub fn may_ask(&self, topic: &TopicName, acks: Acks) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, now) = ((topic.clone(), acks), Instant::now());
        let young = |at: &Instant| now.duration_since(*at) < PAUSE;
        if asked.get(&key).is_some_and(young) {
            return false;
        }
        if asked.len() >= TOPICS {
            asked.retain(|_, at| young(at));
        }
        if asked.len() < TOPICS {
            asked.insert(key, now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_topic_is_asked_for_once_in_a_while() {
        let (denials, topic) =
            (Denials::default(), |n: usize| TopicName::parse(&format!("t{n}")).expect("legal"));
        assert!(denials.may_ask(&topic(0), Acks::All));
        assert!(!denials.may_ask(&topic(0), Acks::All));
        assert!(denials.may_ask(&topic(0), Acks::Leader), "another producer");
        assert!((1..2 * TOPICS).all(|n| denials.may_ask(&topic(n), Acks::All)));
        assert!(denials.asked.lock().expect("whole").len() <= TOPICS);
    }
}
