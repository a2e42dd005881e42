//! From the send of a record to its arrival at whoever watches: an event stream beside a native consumer.
//!
//! Both get the same records in turns, one viewer at a time on an otherwise idle topic, 100 records a second from one
//! native producer; its share is in both figures, so the difference is the gateway's. The same for a page that waits at
//! the end of the topic, with a record now and then. Then how long a newcomer waits for the first record of a topic's
//! history. Viewers and producer are in one process: it has the only clock that both read.
//!
//! Absent: many viewers of one topic (`fan_out`, with the broadcast engine).

#[path = "bed/bare.rs"]
mod bare;
#[path = "bed/figures.rs"]
mod figures;
#[path = "bed/http.rs"]
mod http;
#[path = "bed/kafka.rs"]
mod kafka;
#[path = "bed/options.rs"]
mod options;
#[path = "bed/poll.rs"]
mod poll;
#[path = "bed/process.rs"]
mod process;
#[path = "bed/viewer.rs"]
mod viewer;

use clap::Parser;
use figures::{Column, Sample, Table};
use kafka::{Broker, Topic};
use options::Options;
use poll::Poll;
use process::Process;
use rand::RngExt;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::MissedTickBehavior;
use viewer::{EventStream, Viewer, first_after};

/// What went wrong, for whoever started the bench.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Between two records.
const PACE: Duration = Duration::from_millis(10);

/// Between the arrival of one record and the send of the next, in milliseconds, where somebody polls: the page that waits
/// for it has long been asked for. Drawn anew each time, so that nothing that goes by the clock falls in with it.
const POLL_PACE: std::ops::Range<u64> = 150..250;

/// The pages of a sample.
const POLLS: u64 = 50;

/// The first records of a sample, which find everybody still waking up, are not counted.
const UNCOUNTED: u64 = 50;

/// The records that are added to what the newcomers find.
const HISTORY: u64 = 1000;

/// How many newcomers.
const NEWCOMERS: usize = 20;

const DEFAULT_TIME: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let options = Options::parse();
    if options.bare {
        return bare::serve();
    }
    let broker = Broker::of_this_run()?;
    let time = options.time(DEFAULT_TIME);
    let plan = format!("{} rounds of {time:?} a viewer, 100 records of 256 bytes a second", options.rounds);
    options::print_circumstances("latency", broker.name, &plan);
    let bed = Bed::new(&broker)?;
    bed.tail(options.rounds, time)?;
    bed.pages(options.rounds)?;
    bed.history()?;
    bed.runtime.block_on(bed.topic.delete())
}

/// What both viewers watch.
struct Bed<'a> {
    broker: &'a Broker,
    runtime: Runtime,
    producer: FutureProducer,
    _gateway: Process,
    address: SocketAddr,
    topic: Topic,
}

impl<'a> Bed<'a> {
    fn new(broker: &'a Broker) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topic = runtime.block_on(broker.topic("latency"))?;
        let producer = broker.producer(options::Acks::All)?;
        let (gateway, address) = process::serve(&broker.bootstrap)?;
        Ok(Self { broker, runtime, producer, _gateway: gateway, address, topic })
    }

    fn native(&self, offset: i64) -> Result<Box<dyn Viewer>> {
        Ok(Box::new(self.broker.consumer(&self.topic.name, offset)?))
    }

    fn stream(&self, from: &str) -> Result<EventStream> {
        EventStream::open(self.address, &self.topic.name, from)
    }

    fn tail(&self, rounds: usize, time: Duration) -> Result<()> {
        let mut table = Table::new(vec![
            Column("stream p50 µs", 0),
            Column("p99 µs", 0),
            Column("native p50 µs", 0),
            Column("p99 µs", 0),
            Column("p50 ratio", 3),
            Column("p99 ratio", 3),
            Column("p50 more µs", 0),
        ]);
        let count = (time.as_secs_f64() / PACE.as_secs_f64()).ceil() as u64;
        for round in 0..rounds {
            let through = || -> Result<Sample> {
                let mut stream = self.stream("latest")?;
                stream.catch_up()?;
                self.watch(Box::new(stream), count)
            };
            let direct = || self.watch(self.native(self.topic.end()?)?, count);
            let (stream, native) = in_turns(round, through, direct)?;
            let (p50, p99) =
                ((stream.micros(0.5), native.micros(0.5)), (stream.micros(0.99), native.micros(0.99)));
            table.push(vec![p50.0, p99.0, p50.1, p99.1, p50.0 / p50.1, p99.0 / p99.1, p50.0 - p50.1]);
        }
        println!("## From the send to the viewer, {count} records a sample\n");
        table.print();
        Ok(())
    }

    /// Produces at the pace of the bench while `viewer` watches; it must see each record once and in order.
    fn watch(&self, mut viewer: Box<dyn Viewer>, count: u64) -> Result<Sample> {
        let all = UNCOUNTED + count;
        let watching = std::thread::spawn(move || -> Result<Vec<Duration>> {
            let mut latencies = Vec::new();
            while (latencies.len() as u64) < all {
                for seen in viewer.next()? {
                    if seen.n != latencies.len() as u64 {
                        return Err(format!("record {} came as number {}", seen.n, latencies.len()).into());
                    }
                    latencies.push(seen.after);
                }
            }
            Ok(latencies)
        });
        let begun = Instant::now();
        self.runtime.block_on(self.produce(all, PACE))?;
        let latencies = watching.join().map_err(|_| "the viewer panicked")??;
        Ok(Sample::new(latencies[UNCOUNTED as usize..].to_vec(), begun.elapsed()))
    }

    /// A page that waits at the end, beside a consumer that does.
    fn pages(&self, rounds: usize) -> Result<()> {
        let mut table = Table::new(vec![
            Column("page p50 µs", 0),
            Column("max µs", 0),
            Column("native p50 µs", 0),
            Column("max µs", 0),
            Column("p50 ratio", 3),
            Column("p50 more µs", 0),
        ]);
        let (mut pages, mut natives) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let through = || self.wait_for(Box::new(Poll::at_end(self.address, &self.topic.name)?));
            let direct = || self.wait_for(self.native(self.topic.end()?)?);
            let (page, native) = in_turns(round, through, direct)?;
            let p50 = (page.micros(0.5), native.micros(0.5));
            table.push(vec![
                p50.0,
                page.micros(1.0),
                p50.1,
                native.micros(1.0),
                p50.0 / p50.1,
                p50.0 - p50.1,
            ]);
            pages.push(page);
            natives.push(native);
        }
        println!("## From the send to the whole page that waited for it, {POLLS} pages a sample\n");
        table.print();
        let (pages, natives) = (Sample::all(&pages), Sample::all(&natives));
        let of =
            |sample: &Sample| format!("p50 {:.0} µs, p99 {:.0} µs", sample.micros(0.5), sample.micros(0.99));
        println!("All {} of each: page {}; native {}.\n", pages.count(), of(&pages), of(&natives));
        Ok(())
    }

    /// Produces a record at a time while `viewer` waits for it, each some time after the last one was seen.
    fn wait_for(&self, mut viewer: Box<dyn Viewer>) -> Result<Sample> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let watching = std::thread::spawn(move || -> Result<()> {
            for n in 0..POLLS {
                let seen = viewer.next()?;
                match seen[..] {
                    [seen] if seen.n == n => tell.send(seen.after)?,
                    _ => return Err(format!("{seen:?} came for record {n}").into()),
                }
            }
            Ok(())
        });
        let begun = Instant::now();
        let mut latencies = Vec::new();
        for n in 0..POLLS {
            http::pause(Duration::from_millis(rand::rng().random_range(POLL_PACE)));
            self.runtime.block_on(self.send(n))?;
            // Closed when the viewer failed, which then tells why.
            let Ok(after) = told.recv() else { break };
            latencies.push(after);
        }
        watching.join().map_err(|_| "the viewer panicked")??;
        Ok(Sample::new(latencies, begun.elapsed()))
    }

    async fn send(&self, n: u64) -> Result<()> {
        let value = viewer::stamp(n);
        let record = FutureRecord::<(), str>::to(&self.topic.name).payload(&value);
        self.producer.send_result(record).map_err(|(error, _)| error)?.await?.map_err(|(error, _)| error)?;
        Ok(())
    }

    /// Sends records numbered from 0, `pace` apart, and waits until all are acknowledged.
    async fn produce(&self, count: u64, pace: Duration) -> Result<()> {
        let mut ticks = (!pace.is_zero()).then(|| tokio::time::interval(pace));
        if let Some(ticks) = &mut ticks {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut deliveries = Vec::new();
        for n in 0..count {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let value = viewer::stamp(n);
            let record = FutureRecord::<(), str>::to(&self.topic.name).payload(&value);
            deliveries.push(self.producer.send_result(record).map_err(|(error, _)| error)?);
        }
        for delivery in deliveries {
            delivery.await?.map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// How long somebody who has nothing yet, not even a connection, waits for the first record of a history, and for the
    /// first page of it.
    fn history(&self) -> Result<()> {
        self.runtime.block_on(self.produce(HISTORY, Duration::ZERO))?;
        let columns = ["stream ms", "page ms", "native ms"].map(|name| Column(name, 1));
        let mut table = Table::new(columns.into_iter().chain([Column("stream / native", 3)]).collect());
        for _ in 0..NEWCOMERS {
            let stream = first_after(|| self.stream("earliest")?.next())?;
            let page = first_after(|| Poll::at(self.address, &self.topic.name, "earliest")?.next())?;
            let native = first_after(|| self.native(0)?.next())?;
            table.push(vec![stream, page, native, stream / native]);
        }
        println!("## From connecting to the first record of a history, {NEWCOMERS} newcomers\n");
        table.print_summary();
        Ok(())
    }
}

/// A sample through the gateway and a direct one, in an order that changes from round to round.
fn in_turns(
    round: usize,
    through: impl FnOnce() -> Result<Sample>,
    direct: impl FnOnce() -> Result<Sample>,
) -> Result<(Sample, Sample)> {
    if round.is_multiple_of(2) {
        let through = through()?;
        return Ok((through, direct()?));
    }
    let direct = direct()?;
    Ok((through()?, direct))
}
