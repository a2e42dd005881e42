//! The native producer that feeds the topic, at a steady rate, on a thread of its own.
//!
//! An open loop: what is due is sent, however long the last record took. `linger.ms` is 0 up to a thousand records a second,
//! and 5 above, which is what Kafka's own producer has: otherwise most of the two processors would go into requests of one record.

use crate::kafka::{Broker, Topic};
use crate::{Result, http, stamp};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The rate above which records wait for each other.
const LINGERS_ABOVE: f64 = 1000.0;

/// The shortest pause between two looks at what is due.
const PAUSE: Duration = Duration::from_millis(1);

/// How long the last acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts the records that were not written.
#[derive(Default)]
struct Failures(AtomicU64);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Producers of a topic.
pub struct Feeder {
    topic: String,
    partitions: i32,
    at_once: Arc<BaseProducer<Failures>>,
    lingering: Arc<BaseProducer<Failures>>,
}

/// What a feed tells while it runs.
#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    over: AtomicBool,
    stop: AtomicBool,
}

/// A running feed; it ends with this.
pub struct Feed {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Feeder {
    /// Writes a record to each partition, so that the first of a feed finds all connected.
    pub fn new(broker: &Broker, topic: &Topic) -> Result<Self> {
        let (topic, partitions) = (topic.name.clone(), topic.partitions);
        let (at_once, lingering) = (producer(broker.client(), "0")?, producer(broker.client(), "5")?);
        for producer in [&at_once, &lingering] {
            for partition in 0..partitions {
                send(producer, &topic, partition, &mut stamp::value())?;
            }
            acknowledged(producer)?;
        }
        Ok(Self { topic, partitions, at_once: at_once.into(), lingering: lingering.into() })
    }

    /// Sends `rate` records a second for `time`.
    pub fn start(&self, rate: f64, time: Duration) -> Feed {
        let progress = Arc::new(Progress::default());
        let producer = if rate > LINGERS_ABOVE { &self.lingering } else { &self.at_once };
        let (producer, topic, partitions) = (producer.clone(), self.topic.clone(), self.partitions);
        let told = progress.clone();
        let thread = std::thread::spawn(move || {
            let fed = feed(&producer, (&topic, partitions), (rate, time), &told);
            told.over.store(true, Ordering::Release);
            fed?;
            acknowledged(&producer)
        });
        Feed { progress, thread: Some(thread) }
    }
}

impl Feed {
    /// How many records were sent.
    pub fn sent(&self) -> u64 {
        self.progress.sent.load(Ordering::Acquire)
    }

    /// Whether its time is over and all are sent.
    pub fn is_over(&self) -> bool {
        self.progress.over.load(Ordering::Acquire)
    }

    /// Lets it send no more.
    pub fn stop(&self) {
        self.progress.stop.store(true, Ordering::Release);
    }

    /// Waits until all are acknowledged.
    pub fn end(mut self) -> Result<()> {
        let thread = self.thread.take().ok_or("it was ended before")?;
        thread.join().map_err(|_| "the producer panicked")?
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // Whoever drops it has an error of its own to tell.
            let _ = thread.join();
        }
    }
}

fn producer(mut client: ClientConfig, linger: &str) -> Result<BaseProducer<Failures>> {
    client.set("acks", "all").set("enable.idempotence", "true").set("linger.ms", linger);
    Ok(client.create_with_context(Failures::default())?)
}

fn feed(
    producer: &BaseProducer<Failures>,
    (topic, partitions): (&str, i32),
    (rate, time): (f64, Duration),
    progress: &Progress,
) -> Result<()> {
    let (begun, mut value, mut sent) = (Instant::now(), stamp::value(), 0);
    let whole = (rate * time.as_secs_f64()) as u64;
    let mut partition = 0;
    while begun.elapsed() < time && !progress.stop.load(Ordering::Acquire) {
        let due = ((begun.elapsed().as_secs_f64() * rate) as u64 + 1).min(whole);
        while sent < due && begun.elapsed() < time {
            send(producer, topic, partition, &mut value)?;
            partition = (partition + 1) % partitions;
            sent += 1;
        }
        progress.sent.store(sent, Ordering::Release);
        producer.poll(Duration::ZERO);
        let next = Duration::from_secs_f64(sent as f64 / rate).min(time);
        http::pause(next.saturating_sub(begun.elapsed()).max(PAUSE));
    }
    Ok(())
}

fn send(producer: &BaseProducer<Failures>, topic: &str, partition: i32, value: &mut [u8]) -> Result<()> {
    stamp::put(value, stamp::now_us());
    loop {
        let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value);
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(PAUSE);
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn acknowledged(producer: &BaseProducer<Failures>) -> Result<()> {
    producer.flush(PATIENCE)?;
    match producer.context().0.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => Err(format!("{failed} records were not written").into()),
    }
}
