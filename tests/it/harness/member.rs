//! Consumer groups seen without the gateway: native members, and what groups have committed.

use super::kafka::{Kafka, off_thread};
use super::wait::DEADLINE;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a member waits for a record before it looks whether it is to leave.
const POLL: Duration = Duration::from_millis(50);

/// A member of a group, polled by a thread of its own. It leaves when it is dropped.
pub struct Member {
    stop: Arc<AtomicBool>,
    read: Arc<Mutex<Vec<(i32, i64)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    /// Partition and offset of all that it has read.
    pub fn read(&self) -> Vec<(i32, i64)> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves the group, and waits until it has said so.
    pub async fn leave(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it has not left");
        off_thread(move || thread.join().expect("it does not panic")).await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Kafka {
    /// A member of a group of the classic protocol, which reads `topic` and commits nothing; with further properties.
    pub fn join(&self, group: &str, topic: &str, properties: &[(&str, &str)]) -> Member {
        let classic = [("partition.assignment.strategy", "range"), ("session.timeout.ms", "6000")];
        self.member(group, topic, &[&classic[..], properties].concat())
    }

    /// The same by KIP-848's protocol.
    pub fn join_new(&self, group: &str, topic: &str, properties: &[(&str, &str)]) -> Member {
        self.member(group, topic, &[&[("group.protocol", "consumer")][..], properties].concat())
    }

    fn member(&self, group: &str, topic: &str, properties: &[(&str, &str)]) -> Member {
        let mut config = self.client();
        config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[topic]).expect("subscribed");
        let (stop, read) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, reads) = (stop.clone(), read.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Errors pass, or the test waits in vain.
                if let Some(Ok(record)) = consumer.poll(POLL) {
                    let place = (record.partition(), record.offset());
                    reads.lock().unwrap_or_else(PoisonError::into_inner).push(place);
                }
            }
        });
        Member { stop, read, thread: Some(thread) }
    }

    /// Commits these offsets by partition, as somebody who is no member of the group.
    pub async fn commit(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) {
        let consumer = self.of_group(group);
        let list = list(topic, offsets);
        off_thread(move || consumer.commit(&list, CommitMode::Sync)).await.expect("committed");
    }

    /// What a group has committed in these partitions.
    pub async fn committed(&self, group: &str, topic: &str, partitions: &[i32]) -> Vec<Option<i64>> {
        let consumer = self.of_group(group);
        let asked: Vec<_> = partitions.iter().map(|partition| (*partition, 0)).collect();
        let list = list(topic, &asked);
        let told = off_thread(move || consumer.committed_offsets(list, DEADLINE)).await.expect("an answer");
        let offset = |partition: &i32| match told.find_partition(topic, *partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        partitions.iter().map(offset).collect()
    }

    fn of_group(&self, group: &str) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", group).set("enable.auto.commit", "false").create().expect("a consumer")
    }
}

fn list(topic: &str, offsets: &[(i32, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).expect("an offset");
    }
    list
}
