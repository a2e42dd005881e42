//! What librdkafka says again and again is said now and then: an outage must not fill a disk.
//!
//! Every client tries every broker again about once a second and says each time why it failed, and there may be many
//! clients. So all clients of a gateway share one memory of what was said. Lines are alike when they differ only in
//! numbers behind the name of the thread, which has the broker's. The first is said at once; for a while
//! those like it are only counted, and the next one said tells the count. The memory is bounded: beyond it all lines
//! count as alike, so that there is a most that can be said in any time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long after a line those like it are only counted.
pub const PAUSE: Duration = Duration::from_secs(30);

/// How many kinds of lines are told apart.
const KINDS: usize = 256;

/// How many bytes of a line tell its kind.
const KIND_BYTES: usize = 256;

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Quiet {
    said: Mutex<HashMap<String, Said>>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

impl Quiet {
    /// Whether to say a line `now`: then how many like it were not said before.
    pub fn hear(&self, facility: &str, message: &str, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind = kind(facility, message);
        if said.len() >= KINDS && !said.contains_key(&kind) {
            said.retain(|_, said| now.duration_since(said.at) < PAUSE);
            if said.len() >= KINDS {
                // Of all that is new, one line a while. It has a place of its own, so the bound is KINDS and one.
                kind.clear();
            }
        }
        let Some(before) = said.get_mut(&kind) else {
            said.insert(kind, Said { at: now, unsaid: 0 });
            return Some(0);
        };
        if now.duration_since(before.at) < PAUSE {
            before.unsaid += 1;
            return None;
        }
        let unsaid = before.unsaid;
        *before = Said { at: now, unsaid: 0 };
        Some(unsaid)
    }
}

/// What lines that are alike have in common.
fn kind(facility: &str, message: &str) -> String {
    let (thread, text) = match message.find("]: ") {
        Some(end) if message.starts_with("[thrd:") => message.split_at(end),
        _ => ("", message),
    };
    // What follows is how long it took, and how many like it librdkafka itself has left out.
    let text = text.split(" (after ").next().unwrap_or(text);
    let mut kind = format!("{facility}|{thread}");
    kind.extend(text.chars().filter(|char| !char.is_ascii_digit()));
    kind.truncate(kind.floor_char_boundary(KIND_BYTES));
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(broker: &str, after: u32) -> String {
        format!(
            "[thrd:{broker}/bootstrap]: {broker}/bootstrap: Connect to ipv4#10.0.0.{after}:9092 failed: Connection \
             refused (after {after}ms in state CONNECT, {after} identical error(s) suppressed)"
        )
    }

    #[test]
    fn the_first_line_is_said_and_those_like_it_are_counted() {
        let (quiet, begun) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", 0), begun), Some(0));
        for second in 1..30 {
            let now = begun + Duration::from_secs(second);
            assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", second as u32), now), None);
        }
        assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", 30), begun + PAUSE), Some(29));
        assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", 31), begun + PAUSE), None);
        assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", 61), begun + 2 * PAUSE), Some(1));
    }

    #[test]
    fn what_differs_in_more_than_numbers_is_said() {
        let (quiet, now) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.hear("FAIL", &refused("kafka-1:9092", 1), now), Some(0));
        assert_eq!(quiet.hear("FAIL", &refused("kafka-2:9092", 1), now), Some(0), "another broker");
        assert_eq!(quiet.hear("ERROR", &refused("kafka-1:9092", 1), now), Some(0), "another facility");
        let other =
            "[thrd:kafka-1:9092/bootstrap]: kafka-1:9092/bootstrap: Disconnected (after 5ms in state UP)";
        assert_eq!(quiet.hear("FAIL", other, now), Some(0), "another reason");
        assert_eq!(quiet.hear("FAIL", "", now), Some(0));
        assert_eq!(quiet.hear("FAIL", "1", now), None);
    }

    #[test]
    fn however_much_differs_what_is_said_and_remembered_is_bounded() {
        let (quiet, now) = (Quiet::default(), Instant::now());
        let lines = |now| {
            // Told apart by letters: digits would make them alike.
            let name = |n: u32| char::from_u32(0x4e00 + n).expect("an ideograph");
            (0..10_000).filter(|n| quiet.hear("FAIL", &name(*n).to_string(), now).is_some()).count()
        };
        assert_eq!(lines(now), KINDS + 1);
        assert_eq!(quiet.said.lock().expect("whole").len(), KINDS + 1);
        assert!(lines(now + PAUSE) <= KINDS + 1);
        assert!(quiet.said.lock().expect("whole").len() <= KINDS + 1);
        let long = "é".repeat(10_000);
        quiet.hear("FAIL", &long, now + 3 * PAUSE);
        assert!(quiet.said.lock().expect("whole").keys().all(|kind| kind.len() <= KIND_BYTES));
    }
}
