//! The native consumer: a member of the group, with the gateway's settings of librdkafka where those make it faster than
//! the defaults do. It commits what it has seen every half second, as the gateway does, and once more at the end.

use crate::Result;
use crate::errand::{Errand, Times};
use crate::tally::Tally;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Between two commits.
const COMMITS: Duration = Duration::from_millis(500);

/// One wait for the next record.
const WAIT: Duration = Duration::from_millis(100);

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// After how many records the clock is looked at.
const LOOK: u64 = 256;

/// A member that begins where the group stands, else at the beginning.
pub fn join(errand: &Errand) -> Result<BaseConsumer> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &errand.at).set("client.id", "sluicegate-bench");
    client.set("group.id", &errand.group).set("group.protocol", &errand.protocol);
    client.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    // By default a full queue is left alone for a second.
    client.set("fetch.queue.backoff.ms", "10");
    let consumer: BaseConsumer = client.create()?;
    consumer.subscribe(&[&errand.topic])?;
    Ok(consumer)
}

/// Works the topic off.
pub fn run(errand: &Errand, tally: &Tally) -> Result<Times> {
    let consumer = join(errand)?;
    let mut next = vec![0; errand.ends.len()];
    let (mut heard, mut due) = (Instant::now(), Instant::now() + COMMITS);
    let (mut first, mut seen) = (None, 0);
    while seen < errand.ends.iter().sum() {
        let message = consumer.poll(WAIT).transpose()?;
        if message.is_none() || seen % LOOK == 0 {
            let now = Instant::now();
            if message.is_none() && now - heard > PATIENCE {
                return Err(format!("nothing came after {seen} records").into());
            }
            heard = if message.is_none() { heard } else { now };
            if seen > 0 && now >= due {
                consumer.commit(&positions(&errand.topic, &next)?, CommitMode::Async)?;
                due = now + COMMITS;
            }
        }
        let Some(message) = message else { continue };
        first.get_or_insert_with(Instant::now);
        let (partition, offset) = (u64::try_from(message.partition())?, u64::try_from(message.offset())?);
        tally.see(partition, offset)?;
        let expected = std::mem::replace(&mut next[partition as usize], offset + 1);
        if offset != expected {
            return Err(format!("{offset} of partition {partition} came in the place of {expected}").into());
        }
        std::hint::black_box((message.key(), message.payload()));
        seen += 1;
    }
    tally.count(seen);
    consumer.commit(&positions(&errand.topic, &next)?, CommitMode::Sync)?;
    Ok(Times { first, last: Instant::now(), answers: seen })
}

fn positions(topic: &str, next: &[u64]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, next) in next.iter().enumerate().filter(|(_, next)| **next > 0) {
        list.add_partition_offset(topic, i32::try_from(partition)?, Offset::Offset(i64::try_from(*next)?))?;
    }
    Ok(list)
}
