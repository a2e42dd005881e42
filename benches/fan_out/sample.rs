//! One sample: what a crowd saw, and what that cost whom.

use crate::Result;
use crate::process::{self, Process};
use crate::tally::Tally;
use std::time::Duration;

/// How much must have been delivered in time, and how much the producer must have sent.
const HELD: f64 = 0.98;

/// What comes this long after the producer's time is in time: with many viewers the round of one record takes a while.
pub const GRACE: Duration = Duration::from_millis(200);

/// How far the last delivery may lag behind the producer.
const LAG: Duration = Duration::from_secs(1);

/// What was used until now, to be compared with what is used later.
pub struct Meter {
    server: Duration,
    client: Duration,
    busy: (u64, u64),
}

impl Meter {
    pub fn start(server: &Process) -> Result<Self> {
        Ok(Self { server: server.cpu()?, client: process::cpu("thread-self")?, busy: busy()? })
    }
}

/// Processor time of the whole machine: what was used, and what there was.
fn busy() -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("an empty /proc/stat")?;
    // user nice system idle iowait irq softirq steal; what follows is in user already.
    let times = line.split_whitespace().skip(1).take(8).map(str::parse);
    let times = times.collect::<std::result::Result<Vec<u64>, _>>()?;
    let idle = times.get(3).zip(times.get(4)).map_or(0, |(idle, waiting)| idle + waiting);
    let all = times.iter().sum::<u64>();
    Ok((all - idle, all))
}

/// What was measured.
pub struct Sample {
    pub delivered: u64,
    /// Chunks in which they came.
    chunks: u64,
    /// Records sent, or replayed, for each viewer.
    pub expected: u64,
    pub elapsed: Duration,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Processor time of the server.
    pub cpu: Duration,
    /// Processor time of the load client.
    pub client: Duration,
    /// The part of the machine's processor time that somebody used.
    pub busy: f64,
    /// The part of what was expected that had come in time.
    pub in_time: f64,
    /// The part of what the producer was to send that it sent.
    pub fed: f64,
    /// From the end of the time to the last delivery.
    pub lag: Duration,
    /// The first thing that should not have been.
    pub trouble: Option<String>,
    pub lost: u64,
    pub repeated: u64,
    pub events: u64,
}

/// What a sample was to be.
pub struct Plan {
    /// When it began, in microseconds of the clock.
    pub begun_us: u64,
    /// How long records were sent; a replay without pauses has no time.
    pub time: Duration,
    /// Records that each viewer was to see, times viewers.
    pub expected: u64,
    /// How much of it had come in time.
    pub in_time: u64,
    pub fed: f64,
}

impl Sample {
    pub fn take(tally: &Tally, server: &Process, since: &Meter, plan: &Plan) -> Result<Self> {
        let took = Duration::from_micros(tally.last_us.saturating_sub(plan.begun_us));
        let (used, all) = busy()?;
        Ok(Self {
            delivered: tally.delivered,
            chunks: tally.chunks,
            expected: plan.expected,
            elapsed: took.max(plan.time),
            p50_ms: tally.latencies.millis(0.5),
            p99_ms: tally.latencies.millis(0.99),
            cpu: server.cpu()?.saturating_sub(since.server),
            client: process::cpu("thread-self")?.saturating_sub(since.client),
            busy: (used - since.busy.0) as f64 / (all - since.busy.1).max(1) as f64,
            in_time: plan.in_time as f64 / plan.expected.max(1) as f64,
            fed: plan.fed,
            lag: took.saturating_sub(plan.time),
            trouble: tally.trouble.clone(),
            lost: tally.lost,
            repeated: tally.repeated,
            events: tally.events,
        })
    }

    /// Whether every viewer saw every record once, however late.
    pub fn is_whole(&self) -> bool {
        self.trouble.is_none() && self.delivered == self.expected
    }

    /// Deliveries a second.
    pub fn rate(&self) -> f64 {
        self.delivered as f64 / self.elapsed.as_secs_f64()
    }

    /// How many records a chunk held on average.
    pub fn records_a_chunk(&self) -> f64 {
        self.delivered as f64 / self.chunks as f64
    }

    /// Microseconds of the server's processor time a delivery.
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.delivered as f64
    }

    /// Microseconds of the load client's.
    pub fn client_us(&self) -> f64 {
        self.client.as_secs_f64() * 1e6 / self.delivered as f64
    }

    /// Why the rate was not held; nothing when it was.
    pub fn failure(&self) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        if self.fed < HELD {
            return Some(format!("the producer sent {:.1} % of what it was to", 100.0 * self.fed));
        }
        if self.in_time < HELD || self.delivered < self.expected {
            let (now, last) = (100.0 * self.in_time, self.expected - self.delivered.min(self.expected));
            return Some(format!("{now:.1} % had come in time, and {last} never came"));
        }
        (self.lag > LAG).then(|| format!("the last delivery was {:?} late", self.lag))
    }
}
