//! How long a client waits where time is not the work's: for the record that an empty poll is answered with, and for the
//! first record of a group that nobody is in yet.
//!
//! Client, producer and the native member are threads of this process: it has the only clock that all read.

use crate::connection::Connection;
use crate::errand::Errand;
use crate::figures::{Column, Sample, Table};
use crate::kafka::{Broker, Topic};
use crate::options::Acks;
use crate::scanner::last_id;
use crate::viewer::{Seen, Viewer, first_after, stamp};
use crate::{Result, http, native, new_group, process, protocol};
use rand::RngExt;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// How many records are waited for, one at a time, after the first, by which all have woken up.
const POLLS: u64 = 200;

/// Between the arrival of one record and the send of the next, in milliseconds; drawn anew each time.
const PACE: std::ops::Range<u64> = 30..80;

/// How many groups are joined.
const NEWCOMERS: usize = 11;

/// The records that newcomers find.
const HISTORY: u64 = 100;

/// How long a native member may take to join, and one wait of it.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// A client that polls a group, and acknowledges with each poll what the last one brought.
struct Poll {
    connection: Connection,
    target: String,
    topic: String,
    from: &'static str,
    held: String,
}

impl Poll {
    fn open(at: SocketAddr, topic: &str, from: &'static str) -> Result<Self> {
        let (connection, target) = (Connection::open(at)?, format!("/v1/groups/{}/poll", new_group()));
        Ok(Self { connection, target, topic: topic.to_owned(), from, held: String::new() })
    }

    /// The text of an answer that brought something.
    fn poll(&mut self) -> Result<String> {
        let (topic, from, held) = (&self.topic, self.from, &self.held);
        let body = format!(r#"{{"topics":["{topic}"],"from":"{from}","wait_ms":20000,"up_to":[{held}]}}"#);
        self.connection.post(&self.target, &body)?;
        let text = std::str::from_utf8(self.connection.answer()?)?.to_owned();
        self.held = format!(r#""{}""#, last_id(text.as_bytes())?.0);
        Ok(text)
    }
}

impl Viewer for Poll {
    fn next(&mut self) -> Result<Vec<Seen>> {
        Seen::read_all(&self.poll()?)
    }
}

/// What sends the records, and where to.
struct Source {
    runtime: Runtime,
    producer: FutureProducer,
    topic: Topic,
}

impl Source {
    fn new(broker: &Broker) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let topic = runtime.block_on(broker.topic("consume-waits"))?;
        Ok(Self { runtime, producer: broker.producer(Acks::All)?, topic })
    }

    fn send(&self, n: u64) -> Result<()> {
        let value = stamp(n);
        let record = FutureRecord::<(), str>::to(&self.topic.name).payload(&value);
        let delivery = self.producer.send_result(record).map_err(|(error, _)| error)?;
        self.runtime.block_on(delivery)?.map_err(|(error, _)| error)?;
        Ok(())
    }

    fn end(self) -> Result<()> {
        self.runtime.block_on(self.topic.delete())
    }
}

/// From the send of a record to the whole answer of the poll that waited for it, beside a native consumer that waits.
pub fn empty(broker: &Broker) -> Result<()> {
    let source = Source::new(broker)?;
    let (_gateway, at) = process::serve(&broker.bootstrap)?;
    let poll = wait_for(&source, Box::new(Poll::open(at, &source.topic.name, "earliest")?))?;
    let native = wait_for(&source, Box::new(broker.consumer(&source.topic.name, source.topic.end()?)?))?;
    println!("## From the send to the answer of the poll that waited for it, {POLLS} records\n");
    println!("|        | p50 ms | p99 ms | max ms |");
    println!("| ------ | -----: | -----: | -----: |");
    for (name, sample) in [("poll", poll), ("native", native)] {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| sample.micros(q) / 1e3);
        println!("| {name:<6} | {p50:>6.2} | {p99:>6.2} | {max:>6.2} |");
    }
    println!();
    source.end()
}

fn wait_for(source: &Source, mut viewer: Box<dyn Viewer>) -> Result<Sample> {
    let (tell, told) = sync_channel(1);
    let watching = std::thread::spawn(move || -> Result<()> {
        for n in 0..=POLLS {
            match viewer.next()?[..] {
                [seen] if seen.n == n => tell.send(seen.after)?,
                ref seen => return Err(format!("{seen:?} came for record {n}").into()),
            }
        }
        Ok(())
    });
    let (begun, mut latencies) = (Instant::now(), Vec::new());
    for n in 0..=POLLS {
        http::pause(Duration::from_millis(rand::rng().random_range(PACE)));
        source.send(n)?;
        // Closed when the viewer failed, which then tells why.
        let Ok(after) = told.recv() else { break };
        latencies.push(after);
    }
    watching.join().map_err(|_| "the viewer panicked")??;
    Ok(Sample::new(latencies.split_off(1), begun.elapsed()))
}

/// From the connect to the first record of a group that nobody is in, beside a native member of another one.
pub fn join(broker: &Broker) -> Result<()> {
    let source = Source::new(broker)?;
    (0..HISTORY).try_for_each(|n| source.send(n))?;
    let (_gateway, at) = process::serve(&broker.bootstrap)?;
    let mut table =
        Table::new(vec![Column("poll ms", 1), Column("native ms", 1), Column("poll / native", 3)]);
    for _ in 0..NEWCOMERS {
        let poll = first_after(|| Poll::open(at, &source.topic.name, "earliest")?.next())?;
        let native = first_after(|| first_of(&native::join(&errand(broker, &source.topic))?))?;
        table.push(vec![poll, native, poll / native]);
    }
    println!("## From the connect to the first record of a group that nobody is in, {NEWCOMERS} groups\n");
    table.print();
    source.end()
}

/// A native member of a group of its own.
fn errand(broker: &Broker, topic: &Topic) -> Errand {
    let (at, topic, group) = (broker.bootstrap.clone(), topic.name.clone(), new_group());
    Errand { run: None, at, topic, group, protocol: protocol(broker).to_owned(), ends: Vec::new() }
}

/// What a member sees first. It is asked again and again: a rebalance ends a wait with nothing.
fn first_of(member: &BaseConsumer) -> Result<Vec<Seen>> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(message) = member.poll(LOOK) {
            let message = message?;
            return Seen::read_all(std::str::from_utf8(
                message.payload().ok_or("a record without a value")?,
            )?);
        }
    }
    Err("a native member was given nothing".into())
}
