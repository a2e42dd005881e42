//! Part one: a number of viewers, the highest rate at which all of them keep up, and what that costs beside the floor.

use crate::contest::Contest;
use crate::crowd::Crowd;
use crate::figures::{Column, Table};
use crate::kafka::Broker;
use crate::sample::Sample;
use crate::{Result, http};
use std::time::Duration;

/// The records a second of the first sample, before the highest rate is looked for.
const GENTLE_RATE: f64 = 20.0;

/// Deliveries a second at which the search begins, whatever the viewers.
const FIRST_DELIVERIES: f64 = 20_000.0;

/// No higher rate is tried: more than this the producer does not send.
const HIGHEST_RATE: f64 = 200_000.0;

/// The search ends when the rate held and the rate not held are this close.
const CLOSE: f64 = 1.1;

/// How long viewers are idle before memory is read.
const IDLE: Duration = Duration::from_secs(1);

/// What a step is to be.
pub struct Step {
    pub viewers: usize,
    pub partitions: i32,
    /// Records a second; looked for when not given.
    pub rate: Option<f64>,
    pub rounds: usize,
    pub time: Duration,
}

#[derive(Clone, Copy)]
enum Contender {
    Gateway,
    Floor,
    Fastest,
}

/// Takes a step, and prints what it showed.
pub fn run(broker: &Broker, step: &Step) -> Result<()> {
    println!("## {} viewers, {} partitions\n", step.viewers, step.partitions);
    let mut contest = Contest::new(broker, step.partitions)?;
    let bases = memory(&mut contest, step)?;
    let rate = match step.rate {
        Some(rate) => {
            // The floor replays this rate, not the gentle one.
            let sample = contest.through(step.viewers, rate, step.time)?;
            match sample.failure() {
                Some(failure) if !sample.is_whole() => {
                    return Err(format!("{rate} records/s: {failure}").into());
                }
                _ => rate,
            }
        }
        None => highest(&mut contest, step.viewers, step.time)?,
    };
    against_itself(&mut contest, step)?;
    contest.gateway.forget_peak()?;
    contest.floor.forget_peak()?;
    compare(&mut contest, step, rate)?;
    let peaks = [contest.gateway.peak_bytes()?, contest.floor.peak_bytes()?];
    let [gateway, floor] = [0, 1].map(|at| kibibytes(peaks[at], bases[at], step.viewers));
    let schedule = contest.schedule.bytes.len() as f64 / 1024.0 / step.viewers as f64;
    println!(
        "Resident at the peak, KiB a viewer: gateway {gateway:.1}, floor {floor:.1}, with what it replays, which \
         takes {schedule:.1} each time that it is copied.\n"
    );
    contest.end()
}

/// What idle viewers take, and a first sample at a gentle rate. Says what each process took before anybody came.
fn memory(contest: &mut Contest, step: &Step) -> Result<[u64; 2]> {
    let bases = [contest.gateway.resident_bytes()?, contest.floor.resident_bytes()?];
    let at_floor = contest.gather_at_floor(step.viewers)?;
    http::pause(IDLE);
    let floor = kibibytes(contest.floor.resident_bytes()?, bases[1], step.viewers);
    drop(at_floor);
    let mut crowd = Crowd::gather(&contest.target(), step.viewers)?;
    http::pause(IDLE);
    let gateway = kibibytes(contest.gateway.resident_bytes()?, bases[0], step.viewers);
    println!("Resident when idle, KiB a viewer: gateway {gateway:.1}, floor {floor:.1}.");
    match contest.readers()? {
        Some(readers) => println!("Readers of Kafka in the gateway: {readers}."),
        None => println!("The gateway does not tell how many readers of Kafka it has."),
    }
    let sample = contest.watch(&mut crowd, GENTLE_RATE, step.time)?;
    println!(
        "At {GENTLE_RATE} records/s: {} of {} delivered, {} lost, {} repeated, {} gaps, drains and ends; \
         p50 {:.1} ms, p99 {:.1} ms, {:.1} µs a delivery; machine {:.0} % busy.\n",
        sample.delivered,
        sample.expected,
        sample.lost,
        sample.repeated,
        sample.events,
        sample.p50_ms,
        sample.p99_ms,
        sample.cpu_us(),
        100.0 * sample.busy
    );
    Ok(bases)
}

fn kibibytes(bytes: u64, base: u64, viewers: usize) -> f64 {
    bytes.saturating_sub(base) as f64 / 1024.0 / viewers as f64
}

/// The highest rate that is held, in records a second. Its schedule is the last that was recorded.
pub fn highest(contest: &mut Contest, viewers: usize, time: Duration) -> Result<f64> {
    println!("Looking for the highest rate:\n");
    let mut rate = (FIRST_DELIVERIES / viewers as f64).max(1.0);
    let (mut held, mut missed) = (None::<(f64, _)>, None::<f64>);
    let mut crowd = None;
    loop {
        let watching = match &mut crowd {
            Some(crowd) => crowd,
            none => none.insert(Crowd::gather(&contest.target(), viewers)?),
        };
        let sample = contest.watch(watching, rate, time)?;
        let failure = sample.failure();
        report(rate, &sample, failure.as_deref());
        if failure.is_none() {
            held = Some((rate, std::mem::take(&mut contest.schedule)));
        } else {
            missed = Some(rate);
            // Whoever fell behind does not begin the next sample.
            crowd = None;
        }
        rate = match (&held, missed) {
            (Some((held, _)), Some(missed)) if missed / held > CLOSE => (held * missed).sqrt(),
            (Some((held, _)), None) if held * 2.0 <= HIGHEST_RATE => held * 2.0,
            (None, Some(missed)) if missed > 1.0 => missed / 2.0,
            _ => break,
        };
    }
    let (rate, schedule) = held.ok_or("no rate was held")?;
    contest.schedule = schedule;
    println!("\nHeld: {rate:.0} records/s, {:.0} deliveries/s.\n", rate * viewers as f64);
    Ok(rate)
}

fn report(rate: f64, sample: &Sample, failure: Option<&str>) {
    println!(
        "- {rate:.0} records/s: {:.0} deliveries/s, p99 {:.1} ms, {:.2} µs a delivery, {}",
        sample.rate(),
        sample.p99_ms,
        sample.cpu_us(),
        failure.unwrap_or("held")
    );
}

/// The floor with itself: what its ratios spread is the noise of this machine.
fn against_itself(contest: &mut Contest, step: &Step) -> Result<()> {
    let mut table = Table::new(vec![
        Column("floor µs", 2),
        Column("again", 2),
        Column("ratio", 3),
        Column("p99 ms", 1),
        Column("again", 1),
        Column("ratio", 3),
        Column("fastest /s", 0),
        Column("again", 0),
        Column("ratio", 3),
    ]);
    for _ in 0..step.rounds {
        let [first, again] =
            [contest.replay(step.viewers, step.time)?, contest.replay(step.viewers, step.time)?];
        let [fast, fast_again] =
            [contest.replay_fast(step.viewers, step.time)?, contest.replay_fast(step.viewers, step.time)?];
        let mut row = Vec::new();
        for (one, other) in
            [(first.cpu_us(), again.cpu_us()), (first.p99_ms, again.p99_ms), (fast.rate(), fast_again.rate())]
        {
            row.extend([one, other, other / one]);
        }
        table.push(row);
    }
    println!("### The floor against itself (the noise)\n");
    table.print();
    Ok(())
}

fn compare(contest: &mut Contest, step: &Step, rate: f64) -> Result<()> {
    let mut table = Table::new(vec![
        Column("gateway /s", 0),
        Column("floor /s", 0),
        Column("fastest /s", 0),
        Column("/s ratio", 3),
        Column("gateway µs", 2),
        Column("floor µs", 2),
        Column("µs ratio", 3),
        Column("p50 ms", 1),
        Column("p99 ms", 1),
        Column("floor p50", 1),
        Column("floor p99", 1),
        Column("client µs", 2),
        Column("records a write", 1),
        Column("written down", 1),
        Column("busy %", 0),
    ]);
    let mut turn = [Contender::Gateway, Contender::Floor, Contender::Fastest];
    let mut failures = Vec::new();
    for round in 1..=step.rounds {
        let mut taken = [None, None, None];
        for contender in turn {
            taken[contender as usize] = Some(match contender {
                Contender::Gateway => contest.through(step.viewers, rate, step.time)?,
                Contender::Floor => contest.replay(step.viewers, step.time)?,
                Contender::Fastest => contest.replay_fast(step.viewers, step.time)?,
            });
        }
        // Whoever comes first, and after whom, changes from round to round.
        turn.rotate_left(1);
        let [gateway, floor, fastest] = taken.map(|sample| sample.expect("each had its turn"));
        table.push(vec![
            gateway.rate(),
            floor.rate(),
            fastest.rate(),
            gateway.rate() / fastest.rate(),
            gateway.cpu_us(),
            floor.cpu_us(),
            gateway.cpu_us() / floor.cpu_us(),
            gateway.p50_ms,
            gateway.p99_ms,
            floor.p50_ms,
            floor.p99_ms,
            gateway.client_us(),
            gateway.records_a_chunk(),
            contest.schedule.records_a_chunk(),
            100.0 * gateway.busy,
        ]);
        failures.extend(gateway.failure().map(|failure| (round, failure)));
    }
    println!("### {rate:.0} records/s to {} viewers: gateway and floor in turns\n", step.viewers);
    table.print();
    for (round, failure) in failures {
        println!("In round {round} the rate was not held: {failure}.\n");
    }
    Ok(())
}
