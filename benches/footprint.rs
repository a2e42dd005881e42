//! What the gateway costs before anybody uses it: time to ready, idle memory, size of the binary.
//!
//! The floor is a bare axum server in the same run, started and asked in the same way. Memory is told by Linux's
//! `/proc`; elsewhere the bench fails there and says so.

#[path = "bed/bare.rs"]
mod bare;
#[path = "bed/figures.rs"]
mod figures;
#[path = "bed/http.rs"]
mod http;
#[path = "bed/kafka.rs"]
mod kafka;
#[path = "bed/options.rs"]
mod options;
#[path = "bed/process.rs"]
mod process;

use clap::Parser;
use figures::{Column, Table};
use kafka::Broker;
use options::Options;
use std::time::Duration;

/// What went wrong, for whoever started the bench.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MEBIBYTE: f64 = (1 << 20) as f64;

const DEFAULT_TIME: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let options = Options::parse();
    if options.bare {
        return bare::serve();
    }
    let broker = Broker::of_this_run()?;
    let idle = options.time(DEFAULT_TIME);
    let plan = format!("{} rounds, {idle:?} idle before memory is read", options.rounds);
    options::print_circumstances("footprint", broker.name, &plan);
    let mut ready = Table::new(vec![
        Column("dev ms", 1),
        Column("serve ms", 1),
        Column("bare ms", 1),
        Column("dev / bare", 1),
        Column("serve / bare", 1),
    ]);
    let mut memory = Table::new(vec![
        Column("dev MiB", 1),
        Column("serve MiB", 1),
        Column("bare MiB", 1),
        Column("dev / bare", 1),
        Column("serve / bare", 1),
    ]);
    for _ in 0..options.rounds {
        let (dev, _) = process::dev()?;
        let (serve, _) = process::serve(&broker.bootstrap)?;
        let (bare, _) = process::bare()?;
        http::pause(idle);
        let processes = [&dev, &serve, &bare];
        ready.push(with_ratios(processes.map(|process| process.started_in.as_secs_f64() * 1e3)));
        let mut resident = [0.0; 3];
        for (bytes, process) in resident.iter_mut().zip(processes) {
            *bytes = process.resident_bytes()? as f64 / MEBIBYTE;
        }
        memory.push(with_ratios(resident));
    }
    println!("## From the start of the process to the first 200 of /readyz\n");
    ready.print();
    println!("## Resident memory, idle\n");
    memory.print();
    let bytes = std::fs::metadata(process::binary())?.len();
    println!("Size of the binary: {bytes} bytes, {:.1} MiB", bytes as f64 / MEBIBYTE);
    Ok(())
}

fn with_ratios([dev, serve, bare]: [f64; 3]) -> Vec<f64> {
    vec![dev, serve, bare, dev / bare, serve / bare]
}
