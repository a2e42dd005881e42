//! The gateway's own Kafka clients by their Rust interface: what no HTTP route shows, or shows only through much else.
//!
//! Where it matters what is asked of a broker and how often, the broker is one of the test's own.

mod catalog;
mod reader;
mod unreadable;

use crate::harness::{Kafka, Test};
use sluicegate::config;
use sluicegate::kafka::{Catalog, Settings, admin::connect};
use sluicegate::record::TopicName;
use std::time::Duration;

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
