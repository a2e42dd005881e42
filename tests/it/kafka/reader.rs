//! One feed of several topics: what it tells of each partition, and that one's trouble is not the others'.

use super::{Reader, name, settings};
use crate::harness::{Context, Draft, Kafka, Test, within};
use crate::tests;
use sluicegate::kafka::Error;
use sluicegate::kafka::reader::{Event, Position};
use sluicegate::record::{Isolation, Record};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        one_feed_reads_several_topics_in_order_and_tells_the_end_of_each_partition,
        a_partition_ends_behind_markers_and_aborted_records needs [Transactions],
        an_open_transaction_ends_a_partition_only_for_readers_of_committed_records needs [Transactions],
        what_cannot_be_read_fails_alone,
        the_first_record_comes_at_once,
        a_feed_without_positions_is_silent_until_it_is_dropped,
    ]
}

fn at(topic: &str, partition: i32, next: i64) -> Position {
    Position { topic: name(topic), partition, next }
}

/// What a feed told of each partition.
#[derive(Default)]
struct Told {
    records: BTreeMap<(String, i32), Vec<Record>>,
    ends: BTreeMap<(String, i32), i64>,
    failed: BTreeMap<(String, i32), Error>,
}

impl Told {
    /// Reads on until it holds.
    async fn until(&mut self, reader: &mut Reader, mut holds: impl FnMut(&Self) -> bool) {
        while !holds(self) {
            let events = within("events", reader.next()).await.expect("the reader reads on");
            assert!(!events.is_empty());
            events.into_iter().for_each(|event| self.take(event));
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Record(record) => {
                let of = (record.topic.to_string(), record.partition);
                assert!(!self.failed.contains_key(&of), "nothing follows a failure");
                self.records.entry(of).or_default().push(record);
            }
            Event::End { topic, partition, next } => {
                self.ends.insert((topic.to_string(), partition), next);
            }
            Event::Failed { topic, partition, error } => {
                let before = self.failed.insert((topic.to_string(), partition), error);
                assert!(before.is_none(), "a failure is told once");
            }
        }
    }

    fn offsets(&self, topic: &str, partition: i32) -> Vec<i64> {
        let records = self.records.get(&(topic.to_owned(), partition));
        records.into_iter().flatten().map(|record| record.offset).collect()
    }

    fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        self.ends.get(&(topic.to_owned(), partition)).copied()
    }
}

async fn write(kafka: &Kafka, topic: &str, partition: i32, count: usize) {
    let writer = kafka.writer();
    writer.write_all(topic, partition, (0..count).map(|i| Draft::value(format!("{partition}-{i}")))).await;
}

async fn one_feed_reads_several_topics_in_order_and_tells_the_end_of_each_partition(context: Context) {
    let kafka = context.kafka();
    let mut positions = Vec::new();
    let mut topics = Vec::new();
    for i in 0..3 {
        let topic = context.topic(&format!("t{i}"), 3).await;
        // Partition 2 stays empty, and partition 1 is begun in its midst.
        write(&kafka, &topic, 0, 1500).await;
        write(&kafka, &topic, 1, 10).await;
        positions.extend([at(&topic, 0, 0), at(&topic, 1, 4), at(&topic, 2, 0)]);
        topics.push(topic);
    }
    let mut reader = Reader::start(&settings(&kafka), Isolation::Committed, positions).await;
    let mut told = Told::default();
    told.until(&mut reader, |told| told.ends.len() == 9).await;
    for topic in &topics {
        assert_eq!(told.offsets(topic, 0), (0..1500).collect::<Vec<_>>());
        assert_eq!(told.offsets(topic, 1), (4..10).collect::<Vec<_>>());
        assert_eq!([0, 1, 2].map(|p| told.end(topic, p)), [Some(1500), Some(10), Some(0)]);
    }
    assert!(told.failed.is_empty());
    // The tail follows, and ends anew.
    write(&kafka, &topics[1], 2, 2).await;
    told.until(&mut reader, |told| told.end(&topics[1], 2) == Some(2)).await;
    assert_eq!(told.offsets(&topics[1], 2), [0, 1]);
}

async fn a_partition_ends_behind_markers_and_aborted_records(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 1).await);
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("kept")).await;
    writer.commit().await;
    writer.begin().await;
    for value in ["aborted", "aborted too"] {
        writer.write(&topic, 0, &Draft::value(value)).await;
    }
    writer.abort().await;
    for (isolation, offsets) in [(Isolation::Committed, vec![0]), (Isolation::Uncommitted, vec![0, 2, 3])] {
        let mut reader = Reader::start(&settings(&kafka), isolation, vec![at(&topic, 0, 0)]).await;
        let mut told = Told::default();
        told.until(&mut reader, |told| told.end(&topic, 0) == Some(5)).await;
        assert_eq!(told.offsets(&topic, 0), offsets, "{isolation:?}");
    }
}

async fn an_open_transaction_ends_a_partition_only_for_readers_of_committed_records(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 1).await);
    write(&kafka, &topic, 0, 2).await;
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("open")).await;
    write(&kafka, &topic, 0, 1).await;
    let mut readers = Vec::new();
    for (isolation, end) in [(Isolation::Committed, 2), (Isolation::Uncommitted, 4)] {
        let mut reader = Reader::start(&settings(&kafka), isolation, vec![at(&topic, 0, 0)]).await;
        let mut told = Told::default();
        told.until(&mut reader, |told| told.end(&topic, 0).is_some()).await;
        assert_eq!((told.end(&topic, 0), told.offsets(&topic, 0)), (Some(end), (0..end).collect()));
        readers.push((reader, told));
    }
    writer.commit().await;
    for (mut reader, mut told) in readers {
        told.until(&mut reader, |told| told.end(&topic, 0) == Some(5)).await;
        assert_eq!(told.offsets(&topic, 0), [0, 1, 2, 3]);
    }
}

async fn what_cannot_be_read_fails_alone(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 2).await);
    write(&kafka, &topic, 0, 3).await;
    let missing = context.name("missing");
    let positions = vec![at(&topic, 0, 1), at(&topic, 1, 99), at(&topic, 7, 0)];
    let mut reader = Reader::start(&settings(&kafka), Isolation::Committed, positions).await;
    let mut told = Told::default();
    let began = Instant::now();
    let failed =
        reader.assign(&name(&missing), vec![at(&missing, 0, 0)]).await.expect_err("there is no such topic");
    assert!(matches!(failed, Error::TopicNotFound(_)), "{failed:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "not after librdkafka's half minute");
    told.until(&mut reader, |told| told.failed.len() == 2 && told.end(&topic, 0).is_some()).await;
    assert_eq!((told.offsets(&topic, 0), told.end(&topic, 0)), (vec![1, 2], Some(3)));
    let failed = |topic: &str, partition| &told.failed[&(topic.to_owned(), partition)];
    assert!(matches!(failed(&topic, 1), Error::OffsetOutOfRange), "{:?}", failed(&topic, 1));
    let error = failed(&topic, 7);
    assert!(matches!(error, Error::PartitionOutOfRange { .. }), "{error:?}");
    // The others read on.
    write(&kafka, &topic, 0, 1).await;
    told.until(&mut reader, |told| told.end(&topic, 0) == Some(4)).await;
    assert_eq!(told.offsets(&topic, 0), [1, 2, 3]);
}

async fn the_first_record_comes_at_once(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 1).await);
    write(&kafka, &topic, 0, 1).await;
    let settings = settings(&kafka);
    let mut best = Duration::MAX;
    // Half a second is what it takes when leaders are not known before the assignment. A busy machine is slow now and
    // then, but not each time.
    for _ in 0..10 {
        let began = Instant::now();
        let mut reader = Reader::start(&settings, Isolation::Committed, vec![at(&topic, 0, 0)]).await;
        let mut told = Told::default();
        told.until(&mut reader, |told| !told.records.is_empty()).await;
        best = best.min(began.elapsed());
        if best < Duration::from_millis(250) {
            return;
        }
    }
    panic!("the first record took {best:?} at best");
}

async fn a_feed_without_positions_is_silent_until_it_is_dropped(context: Context) {
    let mut reader = Reader::start(&settings(&context.kafka()), Isolation::Committed, Vec::new()).await;
    let silent = tokio::time::timeout(Duration::from_millis(200), reader.next()).await;
    assert!(silent.is_err(), "neither an event nor an end");
    let ended = reader.stop();
    within("the end of its thread", ended).await;
}
