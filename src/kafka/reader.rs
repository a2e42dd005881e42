//! A reader of explicit positions: history from there, then the tail, until its handle is dropped.
//!
//! It uses `assign` only, so no group is ever joined, and it decides nothing: a position that is gone, a topic that is
//! gone, an end that is reached are told as events, and whoever holds the reader judges them. Each partition has a queue
//! of its own, which is the only way to know whose end or error it is. A thread of its own drains those queues into
//! a bounded channel; when nobody takes from the channel the thread stands still, librdkafka's bounded prefetch
//! fills, and fetching stops.

use super::error::{Error, Remedy, Written};
use super::ffi;
use super::settings::Settings;
use crate::record::{Record, TopicName};
use bytes::Bytes;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Batches that may wait between the thread and the holder.
const BATCHES: usize = 4;

/// What closes a batch: this many events, or this many bytes of records.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 128 * 1024;

/// How many events one partition may add before the next has its turn.
const TURN: usize = 100;

/// How long the thread sleeps at most: librdkafka wants its main queue served now and then.
const IDLE: Duration = Duration::from_secs(1);

/// What a reader saw.
#[derive(Debug)]
pub enum Event {
    /// The next record of its partition.
    Record(Record),
    /// The partition was read to its end as it stood after the reader began.
    End(i32),
    /// The partition cannot be read on from where it stands.
    Failed(i32, Error),
}

/// A running reader. Dropping it ends its thread and its connections.
#[derive(Debug)]
pub struct Reader {
    events: mpsc::Receiver<Vec<Event>>,
    bell: Arc<Bell>,
}

impl Reader {
    /// Starts reading `topic` at `positions` (partition, next offset). `held` is dropped when the reader's last
    /// connection is closed, which is some time after the reader itself was dropped.
    ///
    /// # Errors
    /// When no thread can be had. What keeps Kafka from answering is told by events, for every partition.
    pub fn start(
        settings: &Settings,
        topic: &TopicName,
        positions: Vec<(i32, i64)>,
        held: impl Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, events) = mpsc::channel(BATCHES);
        let bell = Arc::new(Bell::new(positions.len()));
        let task = Task { settings: settings.clone(), topic: topic.clone(), positions, bell: bell.clone() };
        std::thread::Builder::new().name("kafka-reader".into()).spawn(move || {
            task.run(sender);
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

/// Wakes the thread: librdkafka rings for a queue that has something, the holder rings to stop.
#[derive(Debug)]
struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Debug)]
struct Rung {
    /// By index into the positions: whether the partition's queue may have something.
    ready: Vec<bool>,
    stopped: bool,
}

impl Bell {
    /// All partitions count as ready at first: their queues may have filled before they could ring.
    fn new(partitions: usize) -> Self {
        Self {
            rung: Mutex::new(Rung { ready: vec![true; partitions], stopped: false }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, index: usize) {
        self.lock().ready[index] = true;
        self.changed.notify_one();
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Waits until something rings; `None` when it is time to stop.
    fn wait(&self, rung: &mut Vec<bool>) -> Option<()> {
        let guard = self.lock();
        let quiet = |state: &mut Rung| !state.stopped && !state.ready.contains(&true);
        let (mut guard, _) =
            self.changed.wait_timeout_while(guard, IDLE, quiet).unwrap_or_else(PoisonError::into_inner);
        if guard.stopped {
            return None;
        }
        rung.clone_from(&guard.ready);
        guard.ready.fill(false);
        Some(())
    }
}

/// Keeps quiet about what is told as an event, and about trouble that librdkafka mends by itself.
struct Context;

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "reader");
    }
}

impl ConsumerContext for Context {}

struct Task {
    settings: Settings,
    topic: TopicName,
    positions: Vec<(i32, i64)>,
    bell: Arc<Bell>,
}

type Queues = Vec<PartitionQueue<Context>>;

impl Task {
    /// Ends with the consumer closed.
    fn run(self, events: mpsc::Sender<Vec<Event>>) {
        match self.assign() {
            Ok((consumer, queues)) => self.drain(&consumer, &queues, &events),
            Err(error) => {
                let failed = self.positions.iter().map(|(p, _)| Event::Failed(*p, error.clone())).collect();
                // The holder may be gone already; then nobody wants to know.
                let _ = events.blocking_send(failed);
            }
        }
    }

    fn assign(&self) -> Result<(Arc<BaseConsumer<Context>>, Queues), Error> {
        let recipe = self.settings.reader(self.positions.len());
        let consumer = BaseConsumer::from_config_and_context(&recipe, Context).map_err(Error::from_client)?;
        let consumer = Arc::new(consumer);
        // With the leaders known beforehand the first fetch leaves at once instead of half a second later.
        consumer
            .fetch_metadata(Some(self.topic.as_str()), self.settings.request_timeout())
            .map_err(Error::from_client)?;
        // Before anything is fetched: whose an error in the main queue is, nobody could say.
        let mut queues = Vec::with_capacity(self.positions.len());
        for (index, (partition, _)) in self.positions.iter().enumerate() {
            let mut queue =
                consumer.split_partition_queue(self.topic.as_str(), *partition).ok_or_else(|| {
                    Error::Unavailable { reason: "no partition queue".into(), written: Written::No }
                })?;
            let bell = self.bell.clone();
            queue.set_nonempty_callback(move || bell.ring(index));
            queues.push(queue);
        }
        let mut list = TopicPartitionList::with_capacity(self.positions.len());
        for (partition, offset) in &self.positions {
            list.add_partition_offset(self.topic.as_str(), *partition, Offset::Offset(*offset))
                .map_err(Error::from_client)?;
        }
        consumer.assign(&list).map_err(Error::from_client)?;
        Ok((consumer, queues))
    }

    fn drain(&self, consumer: &BaseConsumer<Context>, queues: &Queues, events: &mpsc::Sender<Vec<Event>>) {
        let (mut ready, mut first) = (Vec::new(), 0);
        loop {
            if self.bell.wait(&mut ready).is_none() {
                return;
            }
            let mut batch = Batch::default();
            // Nothing of a partition comes here; librdkafka wants it served all the same.
            while let Some(polled) = consumer.poll(Duration::ZERO) {
                batch.push(&self.topic, None, polled);
            }
            // A batch may be full before every partition had its turn: the next begins with another one.
            first = (first + 1) % queues.len().max(1);
            for index in (first..queues.len()).chain(0..first).filter(|index| ready[*index]) {
                if !batch.take(&self.topic, self.positions[index].0, &queues[index]) {
                    self.bell.ring(index);
                }
            }
            if !batch.events.is_empty() && events.blocking_send(batch.events).is_err() {
                return;
            }
        }
    }
}

#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    bytes: usize,
}

impl Batch {
    /// Takes a partition's turn; `false` when its queue may hold more.
    fn take(&mut self, topic: &TopicName, partition: i32, queue: &PartitionQueue<Context>) -> bool {
        for _ in 0..TURN {
            if self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES {
                return false;
            }
            match queue.poll(Duration::ZERO) {
                Some(polled) => self.push(topic, Some(partition), polled),
                None => return true,
            }
        }
        false
    }

    /// `partition` is `None` for the main queue, whose errors concern the whole client: librdkafka mends those itself.
    fn push(
        &mut self,
        topic: &TopicName,
        partition: Option<i32>,
        polled: Result<BorrowedMessage<'_>, KafkaError>,
    ) {
        match (polled, partition) {
            (Ok(message), _) => {
                let record = record(topic, &message);
                self.bytes +=
                    record.key.as_ref().map_or(0, Bytes::len) + record.value.as_ref().map_or(0, Bytes::len);
                self.events.push(Event::Record(record));
            }
            (Err(KafkaError::PartitionEOF(partition)), _) => self.events.push(Event::End(partition)),
            // The context has logged it.
            (Err(_), None) => {}
            (Err(error), Some(partition)) => {
                let error = match error.rdkafka_error_code() {
                    Some(code) => Error::from_code(code, Some(topic), Written::No),
                    None => Error::from_client(error),
                };
                if error.remedy() == Remedy::Retry {
                    tracing::debug!(%topic, partition, %error, "reader");
                } else {
                    self.events.push(Event::Failed(partition, error));
                }
            }
        }
    }
}

fn record(topic: &TopicName, message: &BorrowedMessage<'_>) -> Record {
    Record {
        topic: topic.clone(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
        headers: ffi::headers(message),
    }
}
