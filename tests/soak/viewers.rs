//! Thousands of viewers of one topic, through cuts and restarts: each sees every record once, in order, and is back in time.

use crate::harness::{Child, Context, Kafka, Test, seed, until};
use crate::memory::Memory;
use crate::viewer::{Sight, Sights, watch};
use crate::{SHORT, affordable, length, tests};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub fn tests() -> Vec<Test> {
    tests![viewers_see_every_record_once_through_cuts_and_restarts]
}

const PARTITIONS: usize = 4;

/// How many viewers there are in a short run and in a long one; `VIEWERS` says otherwise.
const FEW: usize = 200;
const MANY: usize = 5000;

/// How many records are written in a second at the most, and how many are delivered in all: the viewers share the machine.
const RECORDS_PER_SECOND: f64 = 50.0;
const DELIVERIES_PER_SECOND: f64 = 40_000.0;

/// How many connections may wait to be accepted, as service managers set it: there are some while nobody accepts.
const BACKLOG: u32 = 4096;

/// A restart's times: the window in which streams are told to go, and the deadline of the process.
const HURRIED: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];
const USUAL: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];

/// By how much a client that came while the gateway was ending is told to come after its deadline, at the most.
const AFTER: Duration = Duration::from_millis(2500);

/// What a busy machine may add to a restart.
const MARGIN: Duration = Duration::from_secs(15);

/// What there is to run.
struct Stage {
    context: Context,
    socket: TcpListener,
    sights: Arc<Sights>,
    times: [Duration; 2],
    child: Child,
    memory: Option<Memory>,
    /// What the gateway held before anybody watched.
    idle: usize,
}

async fn viewers_see_every_record_once_through_cuts_and_restarts(context: Context) {
    let wanted = std::env::var("VIEWERS").ok().and_then(|count| count.parse().ok());
    let short = length() <= SHORT;
    let count = affordable(wanted.unwrap_or(if short { FEW } else { MANY }));
    let topic = context.topic("watched", PARTITIONS as i32).await;
    let mut stage = Stage::begin(context, &topic, (count, if short { HURRIED } else { USUAL })).await;
    let sights = stage.sights.clone();
    let records_per_second = RECORDS_PER_SECOND.min(DELIVERIES_PER_SECOND / count as f64);
    println!("    {count} viewers, {records_per_second:.0} records/s");
    let feed = Feed::start(&stage.context.kafka(), topic.clone(), records_per_second);

    let (begun, seed, mut crowd) = (Instant::now(), seed("viewers"), JoinSet::new());
    for at in 0..count {
        let from = ["latest", "latest", "earliest", "-20"][at % 4];
        crowd.spawn(watch(sights.clone(), at, seed, from));
    }
    stage.all_caught_up("opened", begun, MARGIN + crowding(count)).await;
    let share = (length() / 5).min(Duration::from_secs(20));
    loop {
        let round = Instant::now();
        stage.cuts(share).await;
        stage.restart().await;
        if begun.elapsed() + round.elapsed() >= length() {
            break;
        }
    }
    stage.cuts(share).await;

    let written = feed.stop().await;
    until("every viewer comes to the end", || async {
        let there = |sight: &Sight| sight.stands.load(Relaxed) == written;
        sights.viewers.iter().all(there).then_some(())
    })
    .await;
    stage.tell("the end");
    let counts = &sights.counts;
    assert_eq!((counts.lost.load(Relaxed), counts.repeated.load(Relaxed)), (0, 0), "lost, repeated");
    assert_eq!(counts.broken.load(Relaxed), 0, "streams that ended without a word");
    drop(crowd);
    stage.child.terminate();
    assert_eq!(stage.child.ended().await.code(), Some(0), "{:#?}", stage.child.stderr());
}

/// What it takes many viewers to come, on a slow machine.
fn crowding(count: usize) -> Duration {
    Duration::from_millis(2) * count as u32
}

impl Stage {
    async fn begin(context: Context, topic: &str, (count, times): (usize, [Duration; 2])) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let socket = socket.listen(BACKLOG).expect("it listens").into_std().expect("it is nobody's yet");
        let address = socket.local_addr().expect("it is bound");
        let child = serve(&context, &socket, times);
        let sights = Arc::new(Sights::new(address, topic, PARTITIONS, count));
        let mut stage = Self { context, socket, sights, times, child, memory: None, idle: 0 };
        stage.look_at_memory().await;
        stage
    }

    async fn look_at_memory(&mut self) {
        self.child.line("listening").await;
        self.memory = Memory::watch(self.child.id());
        self.idle = self.memory.as_ref().map_or(0, Memory::now);
    }

    /// Waits until every viewer has caught up on a connection made since.
    async fn all_caught_up(&self, what: &str, since: Instant, patience: Duration) {
        let count = self.sights.viewers.len();
        let back = loop {
            let back = self.sights.caught_up_since(since);
            if back.len() == count {
                break back;
            }
            assert!(since.elapsed() < patience, "{what}: {} of {count} after {patience:?}", back.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        println!(
            "    {what:9} 99 % after {:6.2?}, all after {:6.2?}",
            back[(count * 99).div_ceil(100) - 1],
            back[count - 1]
        );
        self.tell(what);
    }

    /// Has connections cut for some time.
    async fn cuts(&self, time: Duration) {
        self.sights.cutting.store(true, Relaxed);
        tokio::time::sleep(time).await;
        self.sights.cutting.store(false, Relaxed);
        self.tell("cuts");
    }

    /// Ends the gateway as a service manager does, and starts another on the same socket.
    async fn restart(&mut self) {
        let (begun, [_, deadline]) = (Instant::now(), self.times);
        let counts = &self.sights.counts;
        let (before, count) = (counts.drained.load(Relaxed), self.sights.viewers.len());
        let watching = self.sights.caught_up_since(self.sights.began).len();
        self.child.terminate();
        assert_eq!(self.child.ended().await.code(), Some(0), "{:#?}", self.child.stderr());
        let gone = begun.elapsed();
        assert!(gone <= deadline + Duration::from_secs(1), "ended after {gone:?} of {deadline:?}");
        self.child = serve(&self.context, &self.socket, self.times);
        // The last of them may not have read it yet.
        let told = || async {
            let drained = counts.drained.load(Relaxed) - before;
            (drained >= watching).then_some(drained)
        };
        let drained = until("each who watched was asked to come back", told).await;
        println!(
            "    restart   gone after {gone:6.2?}; {watching} watched, {drained} were asked to come back"
        );
        self.look_at_memory().await;
        self.all_caught_up("back", begun, deadline + AFTER + MARGIN + crowding(count)).await;
    }

    fn tell(&self, what: &str) {
        println!("    {what:9} {}", self.sights.counts);
        if let Some(memory) = &self.memory {
            let (highest, count) = (memory.highest(), self.sights.viewers.len());
            let each = highest.saturating_sub(self.idle) / count;
            println!(
                "    {:9} {} MiB idle, {} MiB at most: {} KiB a viewer",
                "",
                self.idle >> 20,
                highest >> 20,
                each >> 10
            );
        }
    }
}

fn serve(context: &Context, socket: &TcpListener, [window, deadline]: [Duration; 2]) -> Child {
    let (window, deadline) = (format!("{}s", window.as_secs()), format!("{}s", deadline.as_secs()));
    context.serve_on(
        socket,
        &[
            ("SLUICEGATE_LISTEN__DRAIN_WINDOW", &window),
            ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", &deadline),
            ("SLUICEGATE_TELEMETRY__LOG", "warn,sluicegate::app=info"),
        ],
    )
}

/// Writes numbered records, to one partition after the other.
struct Feed {
    stop: CancellationToken,
    task: JoinHandle<u64>,
}

impl Feed {
    fn start(kafka: &Kafka, topic: String, per_second: f64) -> Self {
        let (writer, stop) = (kafka.writer(), CancellationToken::new());
        let told = stop.clone();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut written = 0;
            while !told.is_cancelled() {
                tick.tick().await;
                let (partition, n) = (written % PARTITIONS, written / PARTITIONS);
                writer.write_numbers(&topic, partition as i32, n..n + 1).await;
                written += 1;
            }
            written as u64
        });
        Self { stop, task }
    }

    /// How many were written in all.
    async fn stop(self) -> u64 {
        self.stop.cancel();
        self.task.await.expect("the broker takes what is written")
    }
}
