//! A topic worked off by a consumer group: through polls and grouped streams, beside a native member with the same commits.
//!
//! Every run is a process of its own with a group of its own, and begins at the topic's beginning. All records must be seen
//! once each, and at the end the group's offsets must be the ends of the partitions. In each round the native member comes
//! twice: what its ratio to itself spreads is the noise. Then how soon a poll that waits is answered, and how soon a group
//! that nobody was in gives its first record.
//!
//! Absent: several gateways, and rebalances under load.

#[path = "consume/connection.rs"]
mod connection;
#[path = "consume/contest.rs"]
mod contest;
#[path = "bed/decoder.rs"]
mod decoder;
#[path = "consume/errand.rs"]
mod errand;
#[path = "bed/figures.rs"]
mod figures;
#[path = "bed/http.rs"]
mod http;
#[path = "bed/kafka.rs"]
mod kafka;
#[path = "consume/native.rs"]
mod native;
#[path = "bed/options.rs"]
mod options;
#[path = "consume/polls.rs"]
mod polls;
#[path = "bed/process.rs"]
mod process;
#[path = "consume/scanner.rs"]
mod scanner;
#[path = "consume/streams.rs"]
mod streams;
#[path = "consume/tally.rs"]
mod tally;
#[path = "bed/viewer.rs"]
mod viewer;
#[path = "consume/waits.rs"]
mod waits;

use clap::Parser;
use errand::{Contender, Errand, Manner};
use kafka::Broker;
use options::Options;

/// What went wrong, for whoever started the bench.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Debug, Parser)]
struct Consume {
    #[command(flatten)]
    options: Options,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["work", "empty", "join"])]
    part: Vec<Part>,
    /// Who works the topic off beside the native member
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["poll", "stream"])]
    through: Vec<Contender>,
    /// How many records the topic has
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How many partitions the topic has
    #[arg(long, default_value_t = 12)]
    partitions: i32,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    errand: Errand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Records a second, and what they cost
    Work,
    /// From the send of a record to the answer of the poll that waited for it
    Empty,
    /// From joining a group that nobody is in to its first record
    Join,
}

fn main() -> Result<()> {
    let asked = Consume::parse();
    if let Some(contender) = asked.errand.run {
        return asked.errand.perform(contender, &asked.manner);
    }
    let broker = Broker::of_this_run()?;
    let plan = format!(
        "{} rounds of {} records of {} bytes in {} partitions; {:?}",
        asked.options.rounds,
        asked.records,
        contest::RECORD_BYTES,
        asked.partitions,
        asked.manner
    );
    options::print_circumstances("consume", broker.name, &plan);
    for part in &asked.part {
        match part {
            Part::Work => contest::run(&broker, &asked)?,
            Part::Empty => waits::empty(&broker)?,
            Part::Join => waits::join(&broker)?,
        }
    }
    Ok(())
}

/// The protocol by which native members join: the one by which the gateway's do.
fn protocol(broker: &Broker) -> &'static str {
    if broker.is_embedded() { "classic" } else { "consumer" }
}

/// A group that nobody was in before.
fn new_group() -> String {
    format!("bench-consume-{}", uuid::Uuid::new_v4().simple())
}
