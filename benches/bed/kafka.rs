//! The broker of a run, topics of its own on it, and native clients beside which the gateway is measured.
//!
//! The reference is Apache Kafka at `KAFKA_BOOTSTRAP`. Without it the embedded broker runs in a process of its own and
//! the run says so: that broker is made for development, and figures on it are not those of a deployment.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use crate::Result;
use crate::options::Acks;
use crate::process::{self, Process};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::FutureProducer;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// The deadline of one question to the broker.
const PATIENCE: Duration = Duration::from_secs(10);

/// The broker of a run.
pub struct Broker {
    /// Where it is.
    pub bootstrap: String,
    /// How the report calls it.
    pub name: &'static str,
    process: Option<Process>,
}

impl Broker {
    /// The one that `KAFKA_BOOTSTRAP` names, else an embedded one that ends with this handle.
    pub fn of_this_run() -> Result<Self> {
        if let Ok(bootstrap) = std::env::var("KAFKA_BOOTSTRAP") {
            return Ok(Self { bootstrap, name: "the broker at KAFKA_BOOTSTRAP", process: None });
        }
        eprintln!(
            "\n*** KAFKA_BOOTSTRAP is not set: on the EMBEDDED broker, which is not the reference. ***\n"
        );
        let (process, bootstrap) = process::embedded_broker()?;
        Ok(Self { bootstrap, name: "the EMBEDDED broker, not Apache Kafka", process: Some(process) })
    }

    /// Whether it is the embedded one.
    pub fn is_embedded(&self) -> bool {
        self.process.is_some()
    }

    /// The processor time that it has used, all nodes together; not known of one that `tests/kafka/up` did not start.
    pub fn cpu(&self) -> Option<Duration> {
        if let Some(process) = &self.process {
            return process.cpu().ok();
        }
        let folder = std::env::var("KAFKA_WORK");
        let folder =
            folder.unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/kafka").to_owned());
        let control = std::fs::read(format!("{folder}/control.json")).ok()?;
        let control: serde_json::Value = serde_json::from_slice(&control).ok()?;
        if control["bootstrap"] != self.bootstrap.as_str() {
            return None;
        }
        let ids = control["nodes"].as_array()?.iter().map(|node| node["pid"].as_u64());
        ids.map(|id| process::cpu(&id?.to_string()).ok()).sum()
    }

    /// Makes a topic of one partition, with a name of its own.
    pub async fn topic(&self, prefix: &str) -> Result<Topic> {
        self.wide_topic(prefix, 1).await
    }

    /// Makes a topic of several partitions.
    pub async fn wide_topic(&self, prefix: &str, partitions: i32) -> Result<Topic> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("bench-{prefix}-{}", &random[..8]);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let spec = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for made in admin.create_topics([&spec], &options).await? {
            made.map_err(|(name, error)| format!("{name}: {error}"))?;
        }
        let topic = Topic { name, partitions, admin, asking: self.client().create()? };
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = topic.ends() {
            if Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(topic)
    }

    /// A producer that promises what the gateway's does, and waits for nothing.
    pub fn producer(&self, acks: Acks) -> Result<FutureProducer> {
        let mut client = self.client();
        match acks {
            Acks::All => client.set("acks", "all").set("enable.idempotence", "true"),
            Acks::Leader => client.set("acks", "1"),
        };
        client.set("linger.ms", "0");
        Ok(client.set("partitioner", "murmur2_random").create()?)
    }

    /// A consumer that stands at `offset` of the topic's partition. Its leader is known before it is assigned: otherwise
    /// the first fetch would wait half a second for the next look at the metadata.
    pub fn consumer(&self, topic: &str, offset: i64) -> Result<BaseConsumer> {
        let mut client = self.client();
        client.set("group.id", "bench").set("enable.auto.commit", "false").set("auto.offset.reset", "error");
        let consumer: BaseConsumer = client.create()?;
        consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let mut positions = TopicPartitionList::new();
        positions.add_partition_offset(topic, 0, Offset::Offset(offset))?;
        consumer.assign(&positions)?;
        Ok(consumer)
    }

    /// What every client of a bench is made from.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap).set("client.id", "sluicegate-bench");
        client
    }
}

/// A topic of this run.
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many it has.
    pub partitions: i32,
    admin: AdminClient<DefaultClientContext>,
    asking: BaseConsumer,
}

impl Topic {
    /// The high watermark of its first partition: how many records were ever written, as no transaction wrote any.
    pub fn end(&self) -> Result<i64> {
        self.end_of(0)
    }

    /// The high watermarks of all its partitions.
    pub fn ends(&self) -> Result<Vec<i64>> {
        (0..self.partitions).map(|partition| self.end_of(partition)).collect()
    }

    fn end_of(&self, partition: i32) -> Result<i64> {
        Ok(self.asking.fetch_watermarks(&self.name, partition, PATIENCE)?.1)
    }

    /// Deletes it.
    pub async fn delete(self) -> Result<()> {
        for gone in self.admin.delete_topics(&[&self.name], &AdminOptions::new()).await? {
            gone.map_err(|(name, error)| format!("{name}: {error}"))?;
        }
        Ok(())
    }
}
