//! One run of one contender, in a process of its own: what it is told, and what it tells when all is done.
//!
//! The process is this program again. It works the topic off from its beginning to its end, fails on a record that
//! comes twice, and prints its figures as one line.

use crate::tally::Tally;
use crate::{Result, native, polls, process, streams};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Who works a topic off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contender {
    /// A member of the group that librdkafka makes
    Native,
    /// Workers that poll
    Poll,
    /// A grouped stream of NDJSON, or several
    Stream,
}

/// How those who go through the gateway go about it.
#[derive(Clone, Debug, Args)]
pub struct Manner {
    /// Workers that poll, each on a connection of its own
    #[arg(long, default_value_t = 4)]
    pub workers: usize,
    /// The most records of a poll
    #[arg(long, default_value_t = 10_000)]
    pub max: u32,
    /// Streams
    #[arg(long, default_value_t = 1)]
    pub streams: usize,
    /// How many records of a stream are acknowledged at once
    #[arg(long, default_value_t = 1000)]
    pub ack_every: u64,
    /// Records of a partition that may be unacknowledged; the gateway's default if not given
    #[arg(long)]
    pub window: Option<u32>,
}

/// What a run is told.
#[derive(Clone, Debug, Args)]
pub struct Errand {
    /// Run as this contender (what the bench starts by itself)
    #[arg(long, hide = true)]
    pub run: Option<Contender>,
    /// The gateway, or Kafka's bootstrap address
    #[arg(long, hide = true, default_value_t)]
    pub at: String,
    #[arg(long, hide = true, default_value_t)]
    pub topic: String,
    #[arg(long, hide = true, default_value_t)]
    pub group: String,
    /// The protocol by which the native member joins
    #[arg(long, hide = true, default_value_t)]
    pub protocol: String,
    /// Where the partitions end
    #[arg(long, hide = true, value_delimiter = ',')]
    pub ends: Vec<u64>,
}

/// What a run tells.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// From the first request to the last record that was seen and acknowledged.
    pub took: Duration,
    /// From the first request to the first record.
    pub first: Duration,
    /// How many answers, or pieces of streams, brought records; natively each record is one.
    pub answers: u64,
    /// Processor time of the process.
    pub cpu: Duration,
}

/// When things happened in a run, of one worker or of all.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the first record was seen; none may have been by this worker.
    pub first: Option<Instant>,
    /// When the last acknowledgement was sent that was taken.
    pub last: Instant,
    /// As in [`Told`].
    pub answers: u64,
}

impl Times {
    /// Of all workers together.
    pub fn together(all: &[Self]) -> Option<Self> {
        let last = all.iter().map(|times| times.last).max()?;
        let first = all.iter().filter_map(|times| times.first).min();
        Some(Self { first, last, answers: all.iter().map(|times| times.answers).sum() })
    }
}

impl Errand {
    /// Where the gateway is.
    pub fn gateway(&self) -> Result<SocketAddr> {
        Ok(self.at.parse()?)
    }

    /// In the process of the run: does it, and prints the figures.
    pub fn perform(&self, contender: Contender, manner: &Manner) -> Result<()> {
        let tally = Tally::new(&self.ends);
        let begun = Instant::now();
        let times = match contender {
            Contender::Native => native::run(self, &tally)?,
            Contender::Poll => polls::run(self, manner, &tally)?,
            Contender::Stream => streams::run(self, manner, &tally)?,
        };
        if tally.left() > 0 {
            return Err(format!("{} records were never seen", tally.left()).into());
        }
        let first = times.first.ok_or("no record at all")?;
        let [took, first] = [times.last, first].map(|at| at.duration_since(begun).as_micros());
        println!("{took} {first} {} {}", times.answers, process::cpu("self")?.as_micros());
        Ok(())
    }

    /// In the bench: starts the process, and waits until it has ended.
    pub fn send(&self, contender: Contender, manner: &Manner) -> Result<Told> {
        let name = contender.to_possible_value().ok_or("no such contender")?;
        let ends: Vec<_> = self.ends.iter().map(u64::to_string).collect();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--run", name.get_name(), "--at", &self.at, "--topic", &self.topic]);
        command.args(["--group", &self.group, "--ends", &ends.join(","), "--protocol", &self.protocol]);
        command.args(["--workers", &manner.workers.to_string(), "--max", &manner.max.to_string()]);
        command.args(["--streams", &manner.streams.to_string()]);
        command.args(["--ack-every", &manner.ack_every.to_string()]);
        if let Some(window) = manner.window {
            command.args(["--window", &window.to_string()]);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
        match numbers[..] {
            [took, first, answers, cpu] if output.status.success() => {
                let [took, first, cpu] = [took, first, cpu].map(Duration::from_micros);
                Ok(Told { took, first, answers, cpu })
            }
            _ => Err(format!("{}: {} {text}", name.get_name(), output.status).into()),
        }
    }
}
