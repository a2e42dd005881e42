//! A reader of explicit positions, of any number of topics: history from there, then the tail, until its handle is
//! dropped.
//!
//! It uses `assign` only, so no group is ever joined, and it decides nothing: a position that is gone, a topic that is
//! gone, an end that is reached are told as events, and whoever holds the reader judges them. Each partition has a queue
//! of its own, which is the only way to know whose end or error it is. A thread of its own drains those queues into
//! a bounded channel; when nobody takes from the channel the thread stands still, librdkafka's bounded prefetch
//! fills, and fetching stops.
//!
//! A [`Feed`] is its sister for the tail of many topics that come and go: nobody holds it up.

mod batch;
mod bell;
mod feed;

use super::context::{Context, Role};
use super::error::{Error, Remedy, Written};
use super::ffi;
use super::settings::Settings;
use crate::record::{Isolation, Record, TopicName};
use batch::{Batch, Source};
use bell::Bell;
pub use feed::{Feed, Sink};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Batches that may wait between the thread and the holder.
const BATCHES: usize = 4;

/// Where to begin in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: i32,
    /// The offset of the first record wanted.
    pub next: i64,
}

/// What a reader saw.
#[derive(Debug)]
pub enum Event {
    /// The next record of its partition.
    Record(Record),
    /// The partition was read to its end as it stood after the reader began.
    End {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: i32,
        /// Where the partition ended: the last stable offset of a reader of committed records, else the high
        /// watermark. All below it was considered, markers and aborted records too.
        next: i64,
    },
    /// The partition cannot be read on from where it stands. Nothing more of it follows.
    Failed {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: i32,
        /// Why.
        error: Error,
    },
}

impl Event {
    /// The topic it was seen in.
    pub fn topic(&self) -> &TopicName {
        match self {
            Self::Record(record) => &record.topic,
            Self::End { topic, .. } | Self::Failed { topic, .. } => topic,
        }
    }
}

/// A running reader. Dropping it ends its thread and its connections.
#[derive(Debug)]
pub struct Reader {
    events: mpsc::Receiver<Vec<Event>>,
    bell: Arc<Bell>,
}

impl Reader {
    /// Starts reading at `positions`, one for each partition; without any, nothing is ever seen. `held` is dropped
    /// when the reader's last connection is closed, which is some time after the reader itself was dropped.
    ///
    /// # Errors
    /// When no thread can be had. What keeps Kafka from answering is told by events, for every partition.
    pub fn start(
        settings: &Settings,
        isolation: Isolation,
        positions: Vec<Position>,
        held: impl Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, events) = mpsc::channel(BATCHES);
        let bell = Arc::new(Bell::new(positions.len()));
        let task = Task { settings: settings.clone(), isolation, positions, bell: bell.clone() };
        std::thread::Builder::new().name("kafka-reader".into()).spawn(move || {
            task.run(&sender);
            drop(held);
        })?;
        Ok(Self { events, bell })
    }

    /// The next events, in each partition's order; `None` when the reader could not start and said why.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        self.events.recv().await
    }

    /// The same for who polls.
    pub fn poll_next(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Vec<Event>>> {
        self.events.poll_recv(cx)
    }

    /// Events that are there already, if any.
    pub fn try_next(&mut self) -> Option<Vec<Event>> {
        self.events.try_recv().ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.events.close();
        self.bell.stop();
    }
}

struct Task {
    settings: Settings,
    isolation: Isolation,
    positions: Vec<Position>,
    bell: Arc<Bell>,
}

/// What reads: the consumer goes last, after the queues taken out of it.
struct Reading {
    sources: Vec<Source<Context>>,
    consumer: Arc<BaseConsumer<Context>>,
}

impl Task {
    /// Ends with the consumer closed.
    fn run(self, events: &mpsc::Sender<Vec<Event>>) {
        if self.positions.is_empty() {
            // There is nothing a client could be connected for.
            let mut ready = Vec::new();
            while self.bell.wait(&mut ready, None).is_some() {}
            return;
        }
        match self.assign(events) {
            Ok(reading) => self.drain(reading, events),
            Err(error) => {
                // The holder may be gone already; then nobody wants to know.
                let _ = events.blocking_send(batch::failures(&self.positions, |_| Some(error.clone())));
            }
        }
    }

    fn assign(&self, events: &mpsc::Sender<Vec<Event>>) -> Result<Reading, Error> {
        let recipe = self.settings.reader(self.positions.len(), self.isolation);
        let context = self.settings.context(Role::Reader);
        let consumer = BaseConsumer::from_config_and_context(&recipe, context).map_err(Error::from_client)?;
        let consumer = Arc::new(consumer);
        // Before anything is fetched: whose an error in the main queue is, nobody could say.
        let mut sources = self.split(&consumer)?;
        // With the leaders known beforehand the first fetch leaves at once instead of half a second later. One request
        // asks for all topics: those that have queues are those the client knows of.
        let patience = self.settings.admittance().patience(self.settings.request_timeout());
        let missing = ffi::learn_topics(&consumer, patience)?;
        let missing = missing.into_iter().filter_map(|(name, code)| {
            let topic = TopicName::parse(&name).ok()?;
            let error = Error::from_code(code, Some(&topic), Written::No);
            // librdkafka would wait half a minute for a topic that it has never seen before it says so.
            (error.remedy() != Remedy::Retry).then_some((topic, error))
        });
        let missing: Vec<_> = missing.collect();
        let of = |topic: &TopicName| missing.iter().find(|(name, _)| name == topic);
        let told = batch::failures(&self.positions, |at| of(&at.topic).map(|(_, error)| error.clone()));
        if !told.is_empty() {
            for source in &mut sources {
                source.failed = of(&source.topic).is_some();
            }
            // A holder that has gone is noticed at the next batch, or by the bell.
            let _ = events.blocking_send(told);
        }
        let mut list = TopicPartitionList::with_capacity(self.positions.len());
        for at in self.positions.iter().filter(|at| of(&at.topic).is_none()) {
            list.add_partition_offset(at.topic.as_str(), at.partition, Offset::Offset(at.next))
                .map_err(Error::from_client)?;
        }
        consumer.assign(&list).map_err(Error::from_client)?;
        Ok(Reading { sources, consumer })
    }

    fn split(&self, consumer: &Arc<BaseConsumer<Context>>) -> Result<Vec<Source<Context>>, Error> {
        let split = |(index, at): (usize, &Position)| {
            let bell = self.bell.clone();
            let (topic, partition) = (at.topic.clone(), at.partition);
            let queue = ffi::PartitionQueue::split(consumer, &topic, partition, move || bell.ring(index))?;
            Ok(Source { topic, partition, queue, failed: false })
        };
        self.positions.iter().enumerate().map(split).collect()
    }

    fn drain(&self, mut reading: Reading, events: &mpsc::Sender<Vec<Event>>) {
        let (mut ready, mut first) = (Vec::new(), 0);
        let sources = &mut reading.sources;
        while self.bell.wait(&mut ready, None).is_some() {
            // Nothing of a partition comes here, and errors that concern the whole client are logged by the context and mended
            // by librdkafka; it wants its queue served all the same.
            while reading.consumer.poll(Duration::ZERO).is_some() {}
            let mut batch = Batch::default();
            // A batch may be full before every partition had its turn: the next begins with another one.
            first = (first + 1) % sources.len().max(1);
            for index in (first..sources.len()).chain(0..first).filter(|index| ready[*index]) {
                if !batch.take(&mut sources[index]) {
                    self.bell.ring(index);
                }
            }
            if !batch.events.is_empty() && events.blocking_send(batch.events).is_err() {
                return;
            }
        }
    }
}
