//! `sluicegate dev --demo`: four topics with something going on in them, for whoever wants to read before they write.
//!
//! A [`Feed`] is pure: given the time and a source of chance it tells its next record, so what makes it believable is
//! tested without a broker. A task for each sends its records through the shared producer, one after the other. A feed's
//! clock starts a little before the present; what lies between is sent at once and stamped with its own time, so a
//! page that asks for the last minutes finds them. Keeping what was fed is absent: the embedded broker forgets too.

mod orders;
mod posts;
mod prices;
mod sensors;

use crate::kafka::admin::TopicSpec;
use crate::kafka::producer::Outgoing;
use crate::kafka::{Admin, Error, Producer};
use crate::record::{Acks, TopicName};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How far before the present a feed starts, and the most that it makes up for when the machine has slept.
const HISTORY: Duration = Duration::from_secs(300);

/// How long a feed rests when a record was not taken.
const REST: Duration = Duration::from_secs(1);

/// The running feeds. They end when it is dropped.
pub struct Demo {
    _feeds: JoinSet<()>,
}

/// Something that goes on in a topic.
trait Feed: Send + 'static {
    /// The topic.
    const TOPIC: &'static str;
    /// How many partitions it is made with.
    const PARTITIONS: i32;
    /// The mean time between two records.
    const PAUSE: Duration;

    /// The record of the time `at`, in epoch milliseconds. Times never go back.
    fn next(&mut self, random: &mut StdRng, at: i64) -> Entry;
}

/// A record of a feed.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: String,
    /// `None` is a tombstone.
    value: Option<Value>,
    /// The trace that it belongs to (W3C Trace Context, `trace-id`).
    trace: u128,
}

impl Demo {
    /// Makes the topics that are missing, and feeds them from now on.
    pub fn start(producer: &Arc<Producer>, admin: &Admin) -> Self {
        let mut feeds = JoinSet::new();
        feeds.spawn(run(orders::Orders::default(), producer.clone(), admin.clone()));
        feeds.spawn(run(prices::Prices::new(), producer.clone(), admin.clone()));
        feeds.spawn(run(sensors::Sensors::default(), producer.clone(), admin.clone()));
        feeds.spawn(run(posts::Posts::default(), producer.clone(), admin.clone()));
        Self { _feeds: feeds }
    }
}

async fn run<F: Feed>(mut feed: F, producer: Arc<Producer>, admin: Admin) {
    let topic = TopicName::parse(F::TOPIC).expect("our own names are legal");
    let mut random = StdRng::seed_from_u64(rand::rng().random());
    while let Err(error) = make(&admin, &topic, F::PARTITIONS).await {
        tracing::warn!(%topic, %error, "the demo's topic was not made");
        tokio::time::sleep(REST).await;
    }
    let history = millis(HISTORY);
    let mut at = now() - history;
    loop {
        at = (at + millis(F::PAUSE.mul_f64(random.random_range(0.5..1.5)))).max(now() - history);
        let ahead = u64::try_from(at - now()).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(ahead)).await;
        let record = outgoing(&topic, feed.next(&mut random, at), at, random.random());
        if let Err(error) = send(&producer, &record).await {
            tracing::warn!(%topic, %error, "a record of the demo was not taken");
            tokio::time::sleep(REST).await;
        }
    }
}

async fn make(admin: &Admin, topic: &TopicName, partitions: i32) -> Result<(), Error> {
    let spec = TopicSpec { partitions: Some(partitions), ..TopicSpec::default() };
    match admin.create(topic, &spec, false).await {
        Ok(()) | Err(Error::TopicExists) => Ok(()),
        Err(error) => Err(error),
    }
}

fn outgoing(topic: &TopicName, entry: Entry, at: i64, span: u64) -> Outgoing {
    let text = |name: &str, text: String| (Arc::from(name), Some(Bytes::from(text)));
    let mut headers = vec![text("traceparent", format!("00-{:032x}-{span:016x}-01", entry.trace))];
    if entry.value.is_some() {
        headers.push(text("content-type", "application/json".to_owned()));
    }
    Outgoing {
        topic: topic.clone(),
        partition: None,
        key: Some(Bytes::from(entry.key)),
        value: entry.value.map(|value| Bytes::from(value.to_string())),
        headers,
        timestamp: Some(at),
    }
}

/// Sends a record and waits for its confirmation, so that a feed never has more than one under way.
async fn send(producer: &Producer, record: &Outgoing) -> Result<(), Error> {
    let (told, heard) = oneshot::channel();
    let report = Box::new(move |outcome| {
        // The feed may have been ended meanwhile.
        let _ = told.send(outcome);
    });
    producer.send(record, Acks::All, report);
    heard.await.unwrap_or_else(|error| Err(Error::unavailable(error))).map(drop)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// One of a few.
fn pick<T: Copy>(random: &mut StdRng, among: &[T]) -> T {
    among[random.random_range(0..among.len())]
}

/// A number of the normal distribution with mean 0 and deviation 1 (Box and Muller's transform).
fn normal(random: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (random.random_range(f64::MIN_POSITIVE..1.0), random.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A number with this many decimals, as a person would write it down.
fn round(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// What a feed tells over so many records, from one seed.
    pub fn told<F: Feed>(mut feed: F, seed: u64, records: usize) -> Vec<Entry> {
        let mut random = StdRng::seed_from_u64(seed);
        let step = millis(F::PAUSE);
        (0..records as i64).map(|n| feed.next(&mut random, 1_763_795_871_123 + n * step)).collect()
    }

    #[test]
    fn one_seed_tells_one_story() {
        assert_eq!(told(orders::Orders::default(), 7, 500), told(orders::Orders::default(), 7, 500));
        assert_ne!(told(orders::Orders::default(), 7, 500), told(orders::Orders::default(), 8, 500));
    }

    #[test]
    fn a_record_carries_its_trace_and_says_what_its_value_is() {
        let topic = TopicName::parse("posts").expect("legal");
        let entry = Entry { key: "p-1".into(), value: Some(Value::from("a\nb")), trace: 0xab };
        let record = outgoing(&topic, entry.clone(), 5, 0xc);
        let trace = "00-000000000000000000000000000000ab-000000000000000c-01";
        let header = |name: &str, value: &'static str| (Arc::from(name), Some(Bytes::from(value)));
        assert_eq!(
            record.headers,
            [header("traceparent", trace), header("content-type", "application/json")]
        );
        assert_eq!(record.value.as_deref(), Some(&br#""a\nb""#[..]));
        assert_eq!((record.key.as_deref(), record.timestamp), (Some(&b"p-1"[..]), Some(5)));
        let tombstone = outgoing(&topic, Entry { value: None, ..entry }, 5, 0xc);
        assert_eq!((tombstone.value, tombstone.headers), (None, vec![header("traceparent", trace)]));
    }

    #[test]
    fn normal_numbers_have_the_mean_and_the_deviation() {
        let mut random = StdRng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..20_000).map(|_| normal(&mut random)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn every_feed_uses_several_keys_and_few_bytes() {
        let feeds = [
            told(orders::Orders::default(), 3, 2000),
            told(prices::Prices::new(), 3, 2000),
            told(sensors::Sensors::default(), 3, 2000),
            told(posts::Posts::default(), 3, 2000),
        ];
        for entries in feeds {
            let keys: HashSet<_> = entries.iter().map(|entry| &entry.key).collect();
            assert!(keys.len() >= 5, "{keys:?}");
            let longest = entries.iter().map(|entry| entry.value.as_ref().map_or(0, |v| v.to_string().len()));
            assert!(longest.max().is_some_and(|bytes| bytes < 2000));
        }
    }
}
