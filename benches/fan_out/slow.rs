//! Part two: a tenth of the viewers read a kibibyte a second; what do the others notice?
//!
//! In each round there is a sample without slow viewers, one with them, and one without again, in an order that changes.
//! The ratio of the two without is the noise.

use crate::contest::Contest;
use crate::crowd::{Crowd, Target};
use crate::figures::{Column, Table};
use crate::kafka::Broker;
use crate::sample::Sample;
use crate::steps::{self, Step};
use crate::{Result, http};
use std::time::Duration;

/// Of so many viewers one is slow.
const SLOW_EACH: usize = 10;

/// The part of the machine that may be busy: slow viewers must not be hidden by a processor that everybody waits for.
const BUSY: f64 = 0.5;

/// Between two samples.
const SETTLE: Duration = Duration::from_millis(200);

pub fn run(broker: &Broker, step: &Step) -> Result<()> {
    println!("## {} viewers, of whom a tenth read 1 KiB/s\n", step.viewers);
    let mut contest = Contest::new(broker, step.partitions)?;
    let rate = match step.rate {
        Some(rate) => rate,
        None => calm(&mut contest, step)?,
    };
    let mut table = Table::new(vec![
        Column("all swift p50 ms", 2),
        Column("p99 ms", 2),
        Column("with slow p50 ms", 2),
        Column("p99 ms", 2),
        Column("p99 ratio", 3),
        Column("again p99 ms", 2),
        Column("noise", 3),
        Column("busy %", 0),
    ]);
    let (mut slow_saw, mut slow_lost, mut cut) = (0, 0, 0);
    let mut failures = Vec::new();
    let mut turn = [0, SLOW_EACH, 0];
    for round in 1..=step.rounds {
        let (mut with, mut without) = (None, Vec::new());
        for slow_each in turn {
            let (sample, crowd) = watch(&mut contest, step, (rate, slow_each))?;
            failures.extend(sample.failure().map(|failure| (round, failure)));
            if slow_each == 0 {
                without.push(sample);
                continue;
            }
            slow_saw += crowd.slow.delivered;
            slow_lost += crowd.slow.lost + crowd.slow.repeated;
            cut += crowd.slow.events;
            with = Some(sample);
        }
        turn.rotate_left(1);
        let (with, [first, again]) = (with.expect("it had its turn"), &without[..]) else {
            return Err("a round without its samples".into());
        };
        table.push(vec![
            first.p50_ms,
            first.p99_ms,
            with.p50_ms,
            with.p99_ms,
            with.p99_ms / first.p99_ms,
            again.p99_ms,
            again.p99_ms / first.p99_ms,
            100.0 * with.busy,
        ]);
    }
    println!("### {rate:.0} records/s: latency of those who read at once\n");
    table.print();
    println!(
        "The slow ones were given {slow_saw} records in all; {slow_lost} were lost or repeated, and {cut} times a stream \
         was torn or ended.\n"
    );
    for (round, failure) in failures {
        println!("In round {round} a sample was not held: {failure}.\n");
    }
    contest.end()
}

/// A rate at which the machine is at most half busy: half of the highest, or less. On a machine that others keep busy there
/// is none, and an eighth it is.
fn calm(contest: &mut Contest, step: &Step) -> Result<f64> {
    let highest = steps::highest(contest, step.viewers, step.time)?;
    for part in [2.0, 3.0, 4.0, 6.0, 8.0] {
        let rate = highest / part;
        let busy = contest.through(step.viewers, rate, step.time)?.busy;
        println!("- {rate:.0} records/s: machine {:.0} % busy", 100.0 * busy);
        if busy <= BUSY {
            println!();
            return Ok(rate);
        }
    }
    println!("\nThe machine is never less than half busy; others may be at work on it.\n");
    Ok(highest / 8.0)
}

fn watch(contest: &mut Contest, step: &Step, (rate, slow_each): (f64, usize)) -> Result<(Sample, Crowd)> {
    let target = Target { slow_each, ..contest.target() };
    let mut crowd = Crowd::gather(&target, step.viewers)?;
    let sample = contest.watch(&mut crowd, rate, step.time)?;
    crowd.scatter();
    http::pause(SETTLE);
    Ok((sample, crowd))
}
