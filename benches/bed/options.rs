//! What may be typed behind `cargo bench --bench NAME --`, and what a report says of its circumstances.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use clap::Parser;
use std::time::Duration;

/// Rounds of a few seconds each; the report goes to standard output.
#[derive(Debug, Parser)]
pub struct Options {
    /// How long each contender is measured in a round
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// How many rounds
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Whose acknowledgement a produced record waits for, where a bench produces through the gateway
    #[arg(long, value_enum, default_value_t = Acks::All)]
    pub acks: Acks,
    /// Run as the bare server (what a bench starts by itself)
    #[arg(long, hide = true)]
    pub bare: bool,
    /// What cargo adds
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// Whose acknowledgement a record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Acks {
    /// Every in-sync replica's, by an idempotent producer.
    All,
    /// The leader's alone.
    Leader,
}

impl Options {
    /// How long each contender is measured in a round: what was typed, or the bench's own default.
    pub fn time(&self, default: Duration) -> Duration {
        self.seconds.map_or(default, Duration::from_secs_f64)
    }
}

/// Prints what a reader of the figures has to know first.
pub fn print_circumstances(bench: &str, broker: &str, plan: &str) {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    // Linux tells how busy the machine was; elsewhere nothing does in one line.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    println!("# {bench}, {}\n", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"));
    println!("Broker: {broker}. {plan}. Cores: {cores}, load average at the start: {load}.\n");
}
