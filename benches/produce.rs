//! One record a request, acknowledged by Kafka: the gateway beside bare axum and a native producer.
//!
//! A gateway can at best cost what its two halves cost: an HTTP server that does nothing, and a producer without HTTP.
//! The floor is therefore 1/(1/bare + 1/native), measured in the same run in turns, and the ratio to it is what
//! counts. A run of the bare server against itself comes first: what differs there is noise.
//!
//! Absent: batches, larger records, HTTP/2. They have benches with the issues that bring them.

#[path = "bed/bare.rs"]
mod bare;
#[path = "bed/figures.rs"]
mod figures;
#[path = "bed/http.rs"]
mod http;
#[path = "bed/kafka.rs"]
mod kafka;
#[path = "bed/load.rs"]
mod load;
#[path = "bed/options.rs"]
mod options;
#[path = "bed/process.rs"]
mod process;

use bytes::Bytes;
use clap::Parser;
use figures::{Column, Sample, Table};
use kafka::{Broker, Topic};
use load::Target;
use options::{Acks, Options};
use process::Process;
use rdkafka::producer::FutureProducer;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What went wrong, for whoever started the bench.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The size of a record's value.
const RECORD_BYTES: usize = 256;

/// How many connections, or tasks, keep a contender busy.
const CONNECTIONS: [usize; 2] = [1, 64];

/// A broker's virtual machine is slow until it has compiled what it runs.
const WARM_UP: Duration = Duration::from_secs(3);

const DEFAULT_TIME: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let options = Options::parse();
    if options.bare {
        return bare::serve();
    }
    let broker = Broker::of_this_run()?;
    let time = options.time(DEFAULT_TIME);
    let plan = format!(
        "{} rounds of {time:?} a contender, records of {RECORD_BYTES} bytes, acks of {:?}",
        options.rounds, options.acks
    );
    options::print_circumstances("produce", broker.name, &plan);
    let mut bed = Bed::new(&broker, options.acks)?;
    bed.warm_up()?;
    for connections in CONNECTIONS {
        bed.against_itself(connections, options.rounds, time)?;
        bed.compare(connections, options.rounds, time)?;
    }
    bed.check()
}

/// The contenders and what they have written.
struct Bed {
    /// One thread for the HTTP client, whichever server it asks.
    client: Runtime,
    /// As many threads for the native producer as the gateway has.
    threads: Runtime,
    gateway: (Process, Target, Topic, u64),
    bare: (Process, Target),
    native: (FutureProducer, Topic, u64),
    record: Bytes,
}

#[derive(Clone, Copy)]
enum Contender {
    Gateway,
    Bare,
    Native,
}

impl Bed {
    fn new(broker: &Broker, acks: Acks) -> Result<Self> {
        let client = Builder::new_current_thread().enable_all().build()?;
        let threads = Builder::new_multi_thread().enable_all().build()?;
        let record: Bytes = format!("{{\"pad\":\"{}\"}}", "x".repeat(RECORD_BYTES - 10)).into();
        assert_eq!(record.len(), RECORD_BYTES, "the padding fits");
        let (through, direct) =
            threads.block_on(async { tokio::try_join!(broker.topic("produce"), broker.topic("produce")) })?;
        let (process, address) = process::serve(&broker.bootstrap)?;
        let gateway = (process, Target::new(address, &path(&through.name, acks), &record), through, 0);
        let (process, address) = process::bare()?;
        let bare = (process, Target::new(address, &path(&gateway.2.name, acks), &record));
        let native = (broker.producer(acks)?, direct, 0);
        Ok(Self { client, threads, gateway, bare, native, record })
    }

    fn sample(&mut self, contender: Contender, connections: usize, time: Duration) -> Result<Sample> {
        match contender {
            Contender::Bare => self.client.block_on(self.bare.1.sample(connections, time)),
            Contender::Gateway => {
                let sample = self.client.block_on(self.gateway.1.sample(connections, time))?;
                self.gateway.3 += sample.count();
                Ok(sample)
            }
            Contender::Native => {
                let (producer, topic, written) = &mut self.native;
                let sends = load::awaited_sends(producer, (&topic.name, &self.record), connections, time);
                let sample = self.threads.block_on(sends)?;
                *written += sample.count();
                Ok(sample)
            }
        }
    }

    fn warm_up(&mut self) -> Result<()> {
        for contender in [Contender::Native, Contender::Gateway, Contender::Bare] {
            self.sample(contender, 64, WARM_UP)?;
        }
        Ok(())
    }

    /// The bare server twice in each round: what its ratio to itself spreads is the noise of this machine.
    fn against_itself(&mut self, connections: usize, rounds: usize, time: Duration) -> Result<()> {
        let mut table = Table::new(vec![Column("bare /s", 0), Column("again /s", 0), Column("ratio", 3)]);
        for _ in 0..rounds {
            let first = self.sample(Contender::Bare, connections, time)?.rate();
            let again = self.sample(Contender::Bare, connections, time)?.rate();
            table.push(vec![first, again, again / first]);
        }
        println!("## {connections} at once: bare axum against itself (the noise)\n");
        table.print();
        Ok(())
    }

    fn compare(&mut self, connections: usize, rounds: usize, time: Duration) -> Result<()> {
        let mut table = Table::new(vec![
            Column("gateway /s", 0),
            Column("p50 µs", 0),
            Column("p99 µs", 0),
            Column("bare /s", 0),
            Column("p50 µs", 0),
            Column("p99 µs", 0),
            Column("native /s", 0),
            Column("p50 µs", 0),
            Column("p99 µs", 0),
            Column("floor /s", 0),
            Column("ratio", 3),
        ]);
        let mut turn = [Contender::Gateway, Contender::Bare, Contender::Native];
        for _ in 0..rounds {
            let mut taken = [None, None, None];
            for contender in turn {
                taken[contender as usize] = Some(self.sample(contender, connections, time)?);
            }
            // Whoever comes first, and after whom, changes from round to round.
            turn.rotate_left(1);
            let [gateway, bare, native] = taken.map(|sample| sample.expect("each had its turn"));
            let floor = 1.0 / (1.0 / bare.rate() + 1.0 / native.rate());
            let mut row: Vec<f64> = Vec::new();
            for sample in [&gateway, &bare, &native] {
                row.extend([sample.rate(), sample.micros(0.5), sample.micros(0.99)]);
            }
            row.extend([floor, gateway.rate() / floor]);
            table.push(row);
        }
        println!("## {connections} at once: ratio = gateway / (1/(1/bare + 1/native))\n");
        table.print();
        Ok(())
    }

    /// Every acknowledged record has to be in its topic, and no other.
    fn check(self) -> Result<()> {
        let (_, _, through, sent) = self.gateway;
        let (_, direct, awaited) = self.native;
        for (name, topic, acknowledged) in [("gateway", &through, sent), ("native", &direct, awaited)] {
            let written = topic.end()?;
            println!("{name}: {acknowledged} records acknowledged, {written} in the topic");
            if u64::try_from(written)? != acknowledged {
                return Err(format!("{name}: what was acknowledged is not what was written").into());
            }
        }
        self.threads.block_on(async { tokio::try_join!(through.delete(), direct.delete()) })?;
        Ok(())
    }
}

/// Where a record for `topic` is posted.
fn path(topic: &str, acks: Acks) -> String {
    match acks {
        Acks::All => format!("/v1/topics/{topic}/records"),
        Acks::Leader => format!("/v1/topics/{topic}/records?acks=leader"),
    }
}
