//! The gateway's own Kafka clients by their Rust interface: what no HTTP route shows, or shows only through much else.
//!
//! Where it matters what is asked of a broker and how often, the broker is one of the test's own.

mod catalog;
mod reader;
mod unreadable;

use crate::harness::{Kafka, Test};
use sluicegate::config;
use sluicegate::kafka::reader::{Event, Feed, Pace, Position, Sink};
use sluicegate::kafka::{Catalog, Error, Settings, admin::connect};
use sluicegate::record::{Isolation, TopicName};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub fn tests() -> Vec<Test> {
    let files = [catalog::tests(), reader::tests(), unreadable::tests()];
    files.into_iter().flatten().collect()
}

fn settings(kafka: &Kafka) -> Settings {
    let section = config::Kafka {
        bootstrap_servers: kafka.bootstrap().to_owned(),
        request_timeout: Duration::from_secs(2),
        ..config::Kafka::default()
    };
    Settings::new(section, config::Produce::default(), config::Streams::default())
}

fn catalog(kafka: &Kafka) -> Catalog {
    let settings = settings(kafka);
    Catalog::new(connect(&settings).expect("a client"), &settings)
}

fn name(text: &str) -> TopicName {
    TopicName::parse(text).expect("a legal name")
}

/// A feed whose events wait to be looked at.
struct Reader {
    feed: Feed<()>,
    events: mpsc::Receiver<Vec<Event>>,
}

struct Told(mpsc::Sender<Vec<Event>>);

impl Sink<()> for Told {
    fn take(&mut self, (): &(), events: Vec<Event>) {
        // Whoever dropped the reader wants none of them.
        let _ = self.0.blocking_send(events);
    }

    fn wants(&self, (): &()) -> bool {
        true
    }

    fn settle(&mut self) -> Option<Instant> {
        None
    }
}

impl Reader {
    async fn start(settings: &Settings, isolation: Isolation, positions: Vec<Position>) -> Self {
        let (sender, events) = mpsc::channel(10_000);
        let feed = Feed::start(settings, (isolation, Pace::History), Told(sender)).expect("a feed");
        let reader = Self { feed, events };
        let mut topics: Vec<_> = positions.iter().map(|at| at.topic.clone()).collect();
        topics.dedup();
        for topic in topics {
            let of = positions.iter().filter(|at| at.topic == topic).cloned().collect();
            reader.assign(&topic, of).await.expect("a topic");
        }
        reader
    }

    async fn assign(&self, topic: &TopicName, positions: Vec<Position>) -> Result<(), Error> {
        self.feed.assign(topic.clone(), positions, ()).await
    }

    async fn next(&mut self) -> Option<Vec<Event>> {
        self.events.recv().await
    }

    /// Ends it; ready when its thread has let go of all it had.
    async fn stop(self) {
        let Self { feed, mut events } = self;
        drop(feed);
        while events.recv().await.is_some() {}
    }
}
