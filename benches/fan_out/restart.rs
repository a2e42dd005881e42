//! Part three: the gateway is restarted while everybody watches and records keep coming.
//!
//! It is ended with SIGTERM, as a service manager does, and started again at the same address as soon as it has gone.
//! The viewers do what an EventSource does: when their stream ends or their connection is refused they come back after
//! the `retry` that they were told last, with the last id that they saw.

use crate::contest::Contest;
use crate::crowd::{Crowd, Target};
use crate::figures::{Column, Table};
use crate::kafka::Broker;
use crate::process;
use crate::steps::Step;
use crate::{Result, stamp};
use std::time::{Duration, Instant};

/// From the first record to the restart.
const BEFORE: Duration = Duration::from_secs(2);

/// How long records go on after everybody is back.
const AFTER: Duration = Duration::from_secs(2);

/// How long coming back, and then catching up, may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Records a second.
const RATE: f64 = 20.0;

/// What one restart showed; times in seconds from SIGTERM.
struct Restart {
    gone: f64,
    ready: f64,
    most_back: f64,
    all_back: f64,
    delivered: u64,
    lost: u64,
    repeated: u64,
}

pub fn run(broker: &Broker, step: &Step) -> Result<()> {
    let rate = step.rate.unwrap_or(RATE);
    println!("## Restart with {} viewers, {rate} records/s\n", step.viewers);
    let mut table = Table::new(vec![
        Column("gone s", 2),
        Column("ready s", 2),
        Column("99 % back s", 2),
        Column("all back s", 2),
        Column("99 % after ready s", 2),
        Column("delivered", 0),
        Column("lost", 0),
        Column("repeated", 0),
    ]);
    let mut contest = Contest::new(broker, step.partitions)?;
    for _ in 0..step.rounds {
        let seen = restart(&mut contest, broker, (step.viewers, rate))?;
        table.push(vec![
            seen.gone,
            seen.ready,
            seen.most_back,
            seen.all_back,
            seen.most_back - seen.ready,
            seen.delivered as f64,
            seen.lost as f64,
            seen.repeated as f64,
        ]);
    }
    table.print();
    contest.end()
}

fn restart(contest: &mut Contest, broker: &Broker, (viewers, rate): (usize, f64)) -> Result<Restart> {
    let target = Target { returns: true, ..contest.target() };
    let mut crowd = Crowd::gather(&target, viewers)?;
    let feed = contest.feeder.start(rate, BEFORE + 2 * PATIENCE + AFTER);
    turn_for(&mut crowd, BEFORE)?;
    let began_us = stamp::now_us();
    let (gone_us, ready_us) = replace(contest, broker, &mut crowd)?;
    let deadline = Instant::now() + PATIENCE;
    while crowd.back_since(gone_us).len() < viewers {
        if Instant::now() > deadline {
            let back = crowd.back_since(gone_us).len();
            return Err(format!("after {PATIENCE:?} only {back} of {viewers} viewers were back").into());
        }
        crowd.turn()?;
    }
    let back = crowd.back_since(gone_us);
    turn_for(&mut crowd, AFTER)?;
    feed.stop();
    feed.end()?;
    let (ends, deadline) = (contest.topic.ends()?, Instant::now() + PATIENCE);
    while !crowd.stands_at(&ends) && Instant::now() < deadline {
        crowd.turn()?;
    }
    let seconds = |us: u64| us.saturating_sub(began_us) as f64 / 1e6;
    let most = back[(viewers * 99).div_ceil(100) - 1];
    Ok(Restart {
        gone: seconds(gone_us),
        ready: seconds(ready_us),
        most_back: seconds(most),
        all_back: seconds(back[viewers - 1]),
        delivered: crowd.tally.delivered,
        lost: crowd.tally.lost + crowd.missing(&ends),
        repeated: crowd.tally.repeated,
    })
}

/// Ends the gateway and starts another in its place, while the crowd goes on; says when the one was gone and the other ready.
fn replace(contest: &mut Contest, broker: &Broker, crowd: &mut Crowd) -> Result<(u64, u64)> {
    let (address, gateway) = (contest.gateway_at, &mut contest.gateway);
    std::thread::scope(|scope| {
        let change = scope.spawn(|| -> Result<_> {
            gateway.terminate()?;
            let gone_us = stamp::now_us();
            *gateway = process::serve_at(address, &broker.bootstrap)?;
            Ok((gone_us, stamp::now_us()))
        });
        while !change.is_finished() {
            crowd.turn()?;
        }
        change.join().map_err(|_| "the restart panicked")?
    })
}

fn turn_for(crowd: &mut Crowd, time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        crowd.turn()?;
    }
    Ok(())
}
