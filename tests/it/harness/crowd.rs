//! Groups at work on one topic while anything may die: a feed, workers that are killed now and then and otherwise come back,
//! and somebody who asks the brokers all the while what is committed.

use super::context::Context;
use super::gateway::Gateway;
use super::handed::{Figures, Handed};
use super::kafka::{Kafka, off_thread};
use super::wait::until;
use super::worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Workers of each group.
const WORKERS: usize = 3;

/// How often records are written, and how many to a partition at once.
const FEED: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 4;

/// How often it is asked what is committed.
const READ: Duration = Duration::from_millis(100);

/// How long the brokers may take to say so; one that is gone does not.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the groups may take to come to the end: the session of a member that was killed is a part of it.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a group's workers take records and acknowledge them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Polls that acknowledge each record of the last one.
    Explicit,
    /// Streams that come back with their last id.
    Reconnect,
    /// Streams whose records are committed before they are sent.
    Written,
}

/// The groups, their workers, and the feed.
pub struct Crowd {
    kafka: Kafka,
    topic: String,
    groups: Vec<(Mode, Arc<Handed>)>,
    workers: JoinSet<()>,
    readers: JoinSet<()>,
    feed: JoinHandle<()>,
    fed: CancellationToken,
    over: CancellationToken,
}

impl Crowd {
    /// Has a group for each of these modes work off a topic of so many partitions.
    pub fn start(
        context: &Context,
        gateway: &Gateway,
        (topic, partitions): (&str, i32),
        modes: &[Mode],
        seed: u64,
    ) -> Self {
        let (kafka, fed, over) = (context.kafka(), CancellationToken::new(), CancellationToken::new());
        let (mut groups, mut workers, mut readers) = (Vec::new(), JoinSet::new(), JoinSet::new());
        for (at, mode) in modes.iter().enumerate() {
            let group = context.name(&format!("{mode:?}"));
            let handed = Arc::new(Handed::new(partitions));
            for number in 0..WORKERS {
                let random = StdRng::seed_from_u64(seed ^ (at * WORKERS + number + 1) as u64);
                let (gateway, topic, group) = (gateway.clone(), topic.to_owned(), group.clone());
                let worker =
                    Worker { gateway, topic, group, handed: handed.clone(), random, over: over.clone() };
                workers.spawn(worker.work(*mode));
            }
            readers.spawn(read(kafka.clone(), group, (topic.to_owned(), partitions), handed.clone()));
            groups.push((*mode, handed));
        }
        let feed = tokio::spawn(write(kafka.clone(), (topic.to_owned(), partitions), fed.clone()));
        Self { kafka, topic: topic.to_owned(), groups, workers, readers, feed, fed, over }
    }

    /// Waits until every group was handed so many records more.
    pub async fn work_off(&self, more: usize) {
        for (mode, handed) in &self.groups {
            let wanted = handed.count() + more;
            until(&format!("{mode:?}: {more} more are handed out"), || async {
                assert!(!self.feed.is_finished(), "the feed has failed");
                (handed.count() >= wanted).then_some(())
            })
            .await;
        }
    }

    /// The gateway is about to be killed.
    pub fn hear_kill(&self) {
        self.groups.iter().for_each(|(_, handed)| handed.hear_kill());
    }

    /// Writes no more, waits until every group has committed all there is, and judges. The figures are printed as well.
    pub async fn finish(mut self, what: &str) -> Vec<(Mode, Figures)> {
        self.fed.cancel();
        self.feed.await.expect("the brokers take what is written");
        let ledger = self.kafka.consume_all(&self.topic).await;
        let begun = Instant::now();
        for (mode, handed) in &self.groups {
            let count = |p: usize| ledger.iter().filter(|entry| entry.partition == p as i32).count() as i64;
            let ends: Vec<_> = (0..handed.committed().len()).map(count).collect();
            while handed.committed() != ends {
                let committed = handed.committed();
                assert!(begun.elapsed() < PATIENCE, "{what}: {mode:?} stands at {committed:?} of {ends:?}");
                tokio::time::sleep(READ).await;
            }
        }
        self.over.cancel();
        while let Some(ended) = self.workers.join_next().await {
            ended.expect("a worker is content");
        }
        // They only end by a panic: what is committed went back.
        while let Some(ended) = self.readers.try_join_next() {
            ended.expect("what is committed stays so");
        }
        let judge = |(mode, handed): &(Mode, Arc<Handed>)| {
            let what = format!("{what}: {mode:?}");
            let figures = match mode {
                Mode::Explicit | Mode::Reconnect => handed.holds_at_least_once(&ledger, &what),
                Mode::Written => handed.holds_at_most_once(&ledger, &what),
            };
            println!("    {what}: {figures}");
            (*mode, figures)
        };
        self.groups.iter().map(judge).collect()
    }
}

/// Writes to all partitions until told that it is enough.
async fn write(kafka: Kafka, (topic, partitions): (String, i32), enough: CancellationToken) {
    let (writer, mut written) = (kafka.writer(), 0);
    while !enough.is_cancelled() {
        for partition in 0..partitions {
            writer.write_numbers(&topic, partition, written..written + AT_ONCE).await;
        }
        written += AT_ONCE;
        tokio::time::sleep(FEED).await;
    }
}

/// Asks the brokers what a group has committed, for ever.
async fn read(kafka: Kafka, group: String, (topic, partitions): (String, i32), handed: Arc<Handed>) {
    let consumer: BaseConsumer = kafka.client().set("group.id", &group).create().expect("a consumer");
    let consumer = Arc::new(consumer);
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions {
        asked.add_partition(&topic, partition);
    }
    loop {
        let (asking, asked) = (consumer.clone(), asked.clone());
        let told = off_thread(move || asking.committed_offsets(asked, ANSWER)).await;
        // A broker that is gone does not answer, and one that takes over has to begin first.
        if let Some(told) = told.ok().filter(|told| told.elements().iter().all(|one| one.error().is_ok())) {
            let next = |partition| match told.find_partition(&topic, partition).expect("asked").offset() {
                Offset::Offset(offset) => offset,
                _ => 0,
            };
            handed.hear_committed(&(0..partitions).map(next).collect::<Vec<_>>());
        }
        tokio::time::sleep(READ).await;
    }
}
