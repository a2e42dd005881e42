//! Gateway and floor, and how a sample of each is taken.
//!
//! Each sample has viewers of its own, who have caught up before it begins. What the gateway was seen to write in a sample is
//! what the floor writes in the next.

use crate::crowd::{Crowd, Target};
use crate::feed::Feeder;
use crate::floor;
use crate::kafka::{Broker, Topic};
use crate::process::{self, Process};
use crate::sample::{self, Meter, Plan, Sample};
use crate::schedule::Schedule;
use crate::{Result, http, stamp};
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long is waited for the last deliveries.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long is waited for those of a replay.
const LONG_PATIENCE: Duration = Duration::from_secs(60);

/// From the order to replay to its beginning, and how much longer it is for a gigabyte.
const COUNTDOWN: Duration = Duration::from_millis(200);
const COUNTDOWN_GIGABYTE: Duration = Duration::from_secs(5);

/// Deliveries a second of which any floor is capable, more or less.
const GUESS: f64 = 300_000.0;

/// Long enough for a server to see that all its viewers have gone.
const SETTLE: Duration = Duration::from_millis(200);

/// A fresh gateway and a fresh floor, and the topic between producer and viewers.
pub struct Contest {
    pub topic: Topic,
    pub feeder: Feeder,
    pub gateway: Process,
    pub gateway_at: SocketAddr,
    pub floor: Process,
    floor_at: SocketAddr,
    /// The number of the schedule that the floor has.
    number: u64,
    /// The last that was recorded.
    pub schedule: Schedule,
    /// Deliveries a second of the floor's last replay without pauses; at first a guess.
    fastest: f64,
}

impl Contest {
    pub fn new(broker: &Broker, partitions: i32) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topic = runtime.block_on(broker.wide_topic("fan-out", partitions))?;
        let feeder = Feeder::new(broker, &topic)?;
        let (gateway, gateway_at) = process::serve(&broker.bootstrap)?;
        let (floor, floor_at) = process::bare()?;
        let schedule = Schedule::after_ready(&topic.name, &topic.ends()?);
        Ok(Self { topic, feeder, gateway, gateway_at, floor, floor_at, number: 0, schedule, fastest: GUESS })
    }

    /// Deletes the topic.
    pub fn end(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.topic.delete())
    }

    /// The event stream of the topic, from its end, with everything by default.
    pub fn target(&self) -> Target {
        Target {
            address: self.gateway_at,
            path: format!("/v1/topics/{}/stream", self.topic.name),
            topic: self.topic.name.clone(),
            partitions: self.topic.partitions as usize,
            slow_each: 0,
            returns: false,
            repeats: false,
        }
    }

    /// Viewers of the floor, who wait for the schedule to begin.
    pub fn gather_at_floor(&mut self, viewers: usize) -> Result<Crowd> {
        self.number += 1;
        self.schedule.send(self.number, self.floor.orders()?)?;
        let path = format!("{}{}", floor::PATH, self.number);
        let target = Target { address: self.floor_at, path, repeats: true, ..self.target() };
        Crowd::gather(&target, viewers)
    }

    /// Feeds the topic while a crowd watches the gateway, and writes down what the first viewer was sent.
    pub fn watch(&mut self, crowd: &mut Crowd, rate: f64, time: Duration) -> Result<Sample> {
        crowd.clear();
        crowd.record();
        let since = Meter::start(&self.gateway)?;
        let begun_us = stamp::now_us();
        let feed = self.feeder.start(rate, time);
        while !feed.is_over() {
            crowd.turn()?;
        }
        let over = Instant::now();
        let expected = feed.sent() * crowd.swift() as u64;
        while over.elapsed() < sample::GRACE && crowd.tally.delivered < expected {
            crowd.turn()?;
        }
        let in_time = crowd.tally.delivered;
        while crowd.tally.delivered < expected && crowd.tally.trouble.is_none() && over.elapsed() < PATIENCE {
            crowd.turn()?;
        }
        let fed = feed.sent() as f64 / (rate * time.as_secs_f64()).floor().max(1.0);
        feed.end()?;
        let plan = Plan { begun_us, time, expected, in_time, fed };
        let mut sample = Sample::take(&crowd.tally, &self.gateway, &since, &plan)?;
        if sample.failure().is_none() && !crowd.stands_at(&self.topic.ends()?) {
            sample.trouble = Some("a viewer does not stand at the end of the topic".to_owned());
        }
        let recorded = crowd.recorded().ok_or("nothing was recorded")?;
        if sample.is_whole() {
            // Only what is whole can be replayed.
            self.schedule = recorded;
        }
        Ok(sample)
    }

    /// The same with viewers who come for it and go.
    pub fn through(&mut self, viewers: usize, rate: f64, time: Duration) -> Result<Sample> {
        let mut crowd = Crowd::gather(&self.target(), viewers)?;
        let sample = self.watch(&mut crowd, rate, time)?;
        drop(crowd);
        http::pause(SETTLE);
        Ok(sample)
    }

    /// The floor writes what was recorded last, each chunk at the time at which it came.
    pub fn replay(&mut self, viewers: usize, time: Duration) -> Result<Sample> {
        self.play(viewers, |begun_us| format!("timed {begun_us}"), (time, 1))
    }

    /// The floor writes the same chunks as fast as it can, again and again for about that time.
    pub fn replay_fast(&mut self, viewers: usize, time: Duration) -> Result<Sample> {
        let once = (self.schedule.records * viewers as u64) as f64;
        let cycles = (self.fastest * time.as_secs_f64() / once).ceil().max(1.0) as u64;
        let order = |begun_us| format!("fast {begun_us} {cycles}");
        let sample = self.play(viewers, order, (Duration::ZERO, cycles))?;
        self.fastest = sample.rate();
        Ok(sample)
    }

    fn play(
        &mut self,
        viewers: usize,
        order: impl Fn(u64) -> String,
        (time, cycles): (Duration, u64),
    ) -> Result<Sample> {
        let mut crowd = self.gather_at_floor(viewers)?;
        let gigabytes = self.schedule.bytes.len() as f64 / 1e9;
        let countdown = COUNTDOWN + COUNTDOWN_GIGABYTE.mul_f64(gigabytes);
        let begun_us = stamp::now_us() + countdown.as_micros() as u64;
        writeln!(self.floor.orders()?, "{}", order(begun_us))?;
        // What it does to prepare is not measured.
        http::pause(countdown.mul_f64(0.9));
        let since = Meter::start(&self.floor)?;
        let expected = self.schedule.records * viewers as u64 * cycles;
        let until = Instant::now() + countdown + time + LONG_PATIENCE;
        while crowd.tally.delivered < expected && crowd.tally.trouble.is_none() && Instant::now() < until {
            crowd.turn()?;
        }
        let delivered = crowd.tally.delivered;
        let plan = Plan { begun_us, time, expected, in_time: delivered, fed: 1.0 };
        let sample = Sample::take(&crowd.tally, &self.floor, &since, &plan)?;
        drop(crowd);
        http::pause(SETTLE);
        match sample.failure() {
            Some(failure) if delivered < expected => Err(format!("the floor: {failure}").into()),
            _ => Ok(sample),
        }
    }

    /// How many readers of Kafka the gateway says that it has.
    pub fn readers(&self) -> Result<Option<u64>> {
        let text = http::body(self.gateway_at, "/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix("sluicegate_stream_readers "));
        Ok(line.and_then(|number| number.trim().parse().ok()))
    }
}
