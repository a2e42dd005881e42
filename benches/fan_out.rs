//! One topic, many viewers: how many deliveries a second, at what cost, beside a bare server that writes the same.
//!
//! The broker, the gateway and the floor are processes of their own; this one is the load client, and the native producer
//! on a thread of its own. The floor is hyper that replays, to as many sockets, the chunks that the gateway was just seen to
//! write. A run of the floor against itself comes first: what differs there is noise.
//!
//! Absent: HTTP/2, TLS, filters, several topics in one stream.

#[path = "fan_out/contest.rs"]
mod contest;
#[path = "fan_out/crowd.rs"]
mod crowd;
#[path = "bed/decoder.rs"]
mod decoder;
#[path = "fan_out/feed.rs"]
mod feed;
#[path = "bed/figures.rs"]
mod figures;
#[path = "fan_out/floor.rs"]
mod floor;
#[path = "fan_out/frames.rs"]
mod frames;
#[path = "fan_out/histogram.rs"]
mod histogram;
#[path = "bed/http.rs"]
mod http;
#[path = "bed/kafka.rs"]
mod kafka;
#[path = "bed/options.rs"]
mod options;
#[path = "bed/process.rs"]
mod process;
#[path = "fan_out/restart.rs"]
mod restart;
#[path = "fan_out/sample.rs"]
mod sample;
#[path = "fan_out/schedule.rs"]
mod schedule;
#[path = "fan_out/selfcheck.rs"]
mod selfcheck;
#[path = "fan_out/sight.rs"]
mod sight;
#[path = "fan_out/slow.rs"]
mod slow;
#[path = "fan_out/stamp.rs"]
mod stamp;
#[path = "fan_out/steps.rs"]
mod steps;
#[path = "fan_out/tally.rs"]
mod tally;
#[path = "fan_out/viewer.rs"]
mod viewer;

use clap::Parser;
use kafka::Broker;
use options::Options;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;
use steps::Step;

/// What went wrong, for whoever started the bench.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Viewers and partitions of part one when none are given.
const STEPS: [(usize, i32); 5] = [(1, 3), (100, 3), (1000, 3), (10_000, 3), (1000, 64)];

const PARTITIONS: i32 = 3;

const DEFAULT_TIME: Duration = Duration::from_secs(2);

/// Slow viewers fill what the system holds for them first.
const SLOW_TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
struct FanOut {
    #[command(flatten)]
    options: Options,
    /// What to measure
    #[arg(long, value_enum, default_value_t = Part::FanOut)]
    part: Part,
    /// How many viewers; several numbers are several steps
    #[arg(long, value_delimiter = ',')]
    viewers: Vec<usize>,
    /// How many partitions the topic has
    #[arg(long)]
    partitions: Option<i32>,
    /// Records a second, instead of the highest rate that is held
    #[arg(long)]
    rate: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Deliveries a second and what they cost
    FanOut,
    /// What the others notice of slow viewers
    Slow,
    /// How long everybody is away when the gateway is restarted, and what they miss
    Restart,
}

impl FanOut {
    /// Viewers and partitions of each step.
    fn steps(&self) -> Vec<(usize, i32)> {
        let partitions = self.partitions.unwrap_or(PARTITIONS);
        match (&self.viewers[..], self.part) {
            ([], Part::FanOut) if self.partitions.is_none() => STEPS.to_vec(),
            ([], Part::FanOut | Part::Slow) => vec![(1000, partitions)],
            ([], Part::Restart) => vec![(5000, partitions)],
            (given, _) => given.iter().map(|viewers| (*viewers, partitions)).collect(),
        }
    }
}

fn main() -> Result<()> {
    raise_open_files()?;
    let asked = FanOut::parse();
    if asked.options.bare {
        return floor::serve();
    }
    selfcheck::run()?;
    let broker = Broker::of_this_run()?;
    let rounds = asked.options.rounds;
    let time = asked.options.time(if asked.part == Part::Slow { SLOW_TIME } else { DEFAULT_TIME });
    let plan = format!("{rounds} rounds of {time:?} a sample, records of {} bytes", stamp::RECORD_BYTES);
    options::print_circumstances("fan_out", broker.name, &plan);
    for (viewers, partitions) in asked.steps() {
        let step = Step { viewers, partitions, rate: asked.rate, rounds, time };
        match asked.part {
            Part::FanOut => steps::run(&broker, &step)?,
            Part::Slow => slow::run(&broker, &step)?,
            Part::Restart => restart::run(&broker, &step)?,
        }
    }
    Ok(())
}

/// Every viewer is an open file, here and in the processes that are started, which inherit the limit.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
