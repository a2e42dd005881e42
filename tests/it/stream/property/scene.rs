//! The topics of the property: some from the beginning, some that join, some that grow, and partitions kept quiet.

use super::writers::{self, Places, Transactions};
use crate::harness::{Context, CursorReader, Draft, Entry, Gateway, Kafka};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Records by topic, partition and offset.
pub type Ledger = BTreeMap<(String, i32, i64), Entry>;

/// How many records stand in a quiet partition before anybody reads.
const OLD_RECORDS: i32 = 3;

pub struct Scene {
    kafka: Kafka,
    gateway: Gateway,
    prefix: String,
    places: watch::Sender<Vec<(String, i32)>>,
    /// Written to before anybody reads, and when nobody is cut off any more.
    quiet: Vec<(String, i32)>,
}

impl Scene {
    /// Two topics that are named and one that a pattern matches, each with a partition that is kept quiet.
    pub async fn set(context: &Context) -> Self {
        let (places, _) = watch::channel(Vec::new());
        let (kafka, gateway) = (context.kafka(), context.gateway().await);
        let mut scene =
            Self { kafka, gateway, prefix: context.prefix().to_owned(), places, quiet: Vec::new() };
        for name in ["a", "b", "g-1"] {
            let topic = scene.name(name);
            scene.make(name, 3).await;
            scene.places.send_modify(|places| places.retain(|place| *place != (topic.clone(), 0)));
            scene.quiet.push((topic, 0));
        }
        for _ in 0..OLD_RECORDS {
            scene.break_silence().await;
        }
        scene
    }

    /// What a client asks for, as it stands in a path.
    pub fn selection(&self) -> String {
        format!("{},{},{}", self.name("a"), self.name("b"), self.name("g-*"))
    }

    /// Reads cursors over all topics there are or will be.
    pub async fn cursors(&self) -> CursorReader {
        let cluster = self.gateway.get("/v1/cluster").await.json(200);
        let names = ["a", "b", "g-1", "g-2", "g-3"].map(|name| self.name(name));
        CursorReader::new(cluster["id"].as_str().expect("an id"), names.iter().map(String::as_str))
    }

    /// Sets the writers to work.
    pub fn write(&self, seed: u64) -> JoinSet<Transactions> {
        let random = |writer| StdRng::seed_from_u64(seed ^ writer);
        let (mut tasks, places): (_, Places) = (JoinSet::new(), self.places.subscribe());
        let id = self.name("transactions");
        tasks.spawn(writers::write_natively(self.kafka.clone(), places.clone(), random(1)));
        tasks.spawn(writers::write_by_http(self.gateway.clone(), places.clone(), random(2)));
        tasks.spawn(writers::write_in_transactions(self.kafka.clone(), id, places, random(3)));
        tasks
    }

    /// The `n`-th change: a topic grows, or one joins.
    pub async fn change(&self, n: usize) {
        match n {
            0 => self.grow("a", 4).await,
            1 => self.make("g-2", 2).await,
            2 => self.grow("g-1", 5).await,
            3 => self.make("g-3", 1).await,
            _ => self.grow("g-2", 3).await,
        }
    }

    /// Lets the writers end.
    pub fn end_writing(&self) {
        self.places.send_replace(Vec::new());
    }

    /// Writes a record to each quiet partition.
    pub async fn break_silence(&self) {
        let writer = self.kafka.writer();
        for (topic, partition) in &self.quiet {
            writer.write(topic, *partition, &Draft::value("seldom")).await;
        }
    }

    /// What an independent consumer reads.
    pub async fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new();
        for topic in ["a", "b", "g-1", "g-2", "g-3"].map(|name| self.name(name)) {
            for entry in self.kafka.consume_all(&topic).await {
                ledger.insert((topic.clone(), entry.partition, entry.offset), entry);
            }
        }
        ledger
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn make(&self, name: &str, partitions: i32) {
        let topic = self.name(name);
        self.kafka.create_topic(&topic, partitions, &[]).await;
        self.add(&topic, 0..partitions);
    }

    async fn grow(&self, name: &str, partitions: i32) {
        let topic = self.name(name);
        let before = self.kafka.partitions(&topic).await as i32;
        self.kafka.add_partitions(&topic, partitions as usize).await;
        self.add(&topic, before..partitions);
    }

    fn add(&self, topic: &str, partitions: std::ops::Range<i32>) {
        self.places.send_modify(|places| places.extend(partitions.map(|p| (topic.to_owned(), p))));
    }
}
