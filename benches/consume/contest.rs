//! The topic, and the contenders who work it off in turns.

use crate::errand::{Contender, Errand, Manner, Told};
use crate::figures::{Column, Table};
use crate::kafka::{Broker, Topic};
use crate::process;
use crate::{Consume, Result, http, new_group, protocol};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList, producer::DefaultProducerContext};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// The size of a record's value; its key has another sixteen.
pub const RECORD_BYTES: usize = 256;

/// How long writing the topic's last records may take, and the group's last commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that will change.
const LOOK: Duration = Duration::from_millis(20);

const MEBIBYTE: f64 = (1 << 20) as f64;

/// A run as all processes saw it.
struct Run {
    told: Told,
    /// Processor time of the gateway, if it took part, and of the broker, if that is known.
    gateway: Duration,
    broker: Option<Duration>,
    /// The gateway's memory at its peak, in bytes.
    peak: u64,
}

/// Rounds, and their tables.
pub fn run(broker: &Broker, asked: &Consume) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let topic = runtime.block_on(broker.wide_topic("consume", asked.partitions))?;
    fill(broker, &topic, asked.records)?;
    let ends: Vec<u64> =
        topic.ends()?.into_iter().map(u64::try_from).collect::<std::result::Result<_, _>>()?;
    if ends.iter().sum::<u64>() != asked.records {
        return Err(format!("the topic's partitions end at {ends:?}").into());
    }
    let contest = Contest { broker, topic, ends, manner: asked.manner.clone() };
    contest.rounds(asked.options.rounds, &asked.through)?;
    runtime.block_on(contest.topic.delete())
}

struct Contest<'a> {
    broker: &'a Broker,
    topic: Topic,
    ends: Vec<u64>,
    manner: Manner,
}

impl Contest<'_> {
    fn rounds(&self, rounds: usize, through: &[Contender]) -> Result<()> {
        let mut turn = vec![Contender::Native];
        turn.extend(through);
        turn.push(Contender::Native);
        // The broker's virtual machine is slow until it has compiled what it runs.
        self.sample(Contender::Native)?;
        let mut rates = Table::new(rate_columns(through));
        let mut costs = Table::new(cost_columns(through));
        for round in 0..rounds {
            let mut runs: Vec<Option<Run>> = turn.iter().map(|_| None).collect();
            for place in 0..turn.len() {
                // Whoever comes first, and after whom, changes from round to round.
                let at = (place + round) % turn.len();
                runs[at] = Some(self.sample(turn[at])?);
            }
            let runs: Vec<Run> = runs.into_iter().flatten().collect();
            rates.push(self.rates(&runs));
            costs.push(self.costs(&runs));
        }
        println!("## Records a second, from the first request to the last record seen and acknowledged\n");
        rates.print();
        println!("## Processor time a record, µs, and the gateway's memory at its peak\n");
        costs.print();
        Ok(())
    }

    /// Native first, native again last, the others between.
    fn rates(&self, runs: &[Run]) -> Vec<f64> {
        let records = self.ends.iter().sum::<u64>() as f64;
        let rate = |run: &Run| records / run.told.took.as_secs_f64();
        let first = |run: &Run| run.told.first.as_secs_f64() * 1e3;
        let [native, between @ .., again] = runs else { return Vec::new() };
        let mut row = vec![rate(native), first(native), rate(again), rate(again) / rate(native)];
        for run in between {
            let an_answer = records / run.told.answers as f64;
            row.extend([rate(run), first(run), an_answer, rate(run) / rate(native)]);
        }
        row
    }

    fn costs(&self, runs: &[Run]) -> Vec<f64> {
        let records = self.ends.iter().sum::<u64>() as f64;
        let cost = |time: Duration| time.as_secs_f64() * 1e6 / records;
        let broker = |run: &Run| run.broker.map_or(f64::NAN, cost);
        let [native, between @ .., _] = runs else { return Vec::new() };
        let mut row = vec![cost(native.told.cpu), broker(native)];
        for run in between {
            row.extend([cost(run.gateway), cost(run.told.cpu), broker(run), run.peak as f64 / MEBIBYTE]);
        }
        row
    }

    /// One run, by a group of its own, through a gateway of its own if it goes through one.
    fn sample(&self, contender: Contender) -> Result<Run> {
        let gateway = match contender {
            Contender::Native => None,
            Contender::Poll | Contender::Stream => Some(process::serve(&self.broker.bootstrap)?),
        };
        let at = gateway.as_ref().map_or_else(|| self.broker.bootstrap.clone(), |(_, at)| at.to_string());
        let (topic, ends, group) = (self.topic.name.clone(), self.ends.clone(), new_group());
        let protocol = protocol(self.broker).to_owned();
        let errand = Errand { run: None, at, topic, group, protocol, ends };
        let used = || gateway.as_ref().map_or(Ok(Duration::ZERO), |(process, _)| process.cpu());
        let (before, broker_before) = (used()?, self.broker.cpu());
        let told = errand.send(contender, &self.manner)?;
        let (gateway_used, broker_after) = (used()? - before, self.broker.cpu());
        let peak = gateway.as_ref().map_or(Ok(0), |(process, _)| process.peak_bytes())?;
        self.check(&errand.group)?;
        if let Some((mut process, _)) = gateway {
            // So that its member leaves, and is not fetched for in the next run.
            process.terminate()?;
        }
        let broker = broker_after.zip(broker_before).map(|(after, before)| after - before);
        Ok(Run { told, gateway: gateway_used, broker, peak })
    }

    /// The offsets of the group must come to be the ends of the partitions, and nothing else.
    fn check(&self, group: &str) -> Result<()> {
        let asking: BaseConsumer = self.broker.client().set("group.id", group).create()?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(&self.topic.name, 0, self.topic.partitions - 1);
        let ends: Vec<_> = self.ends.iter().map(|end| Offset::Offset(end.cast_signed())).collect();
        let until = Instant::now() + PATIENCE;
        loop {
            let committed = asking.committed_offsets(partitions.clone(), PATIENCE)?;
            let offsets: Vec<_> = committed.elements().iter().map(|element| element.offset()).collect();
            if offsets == ends {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("committed: {offsets:?}, in the topic: {ends:?}").into());
            }
            http::pause(LOOK);
        }
    }
}

fn rate_columns(through: &[Contender]) -> Vec<Column> {
    let mut columns = vec![
        Column("native /s", 0),
        Column("first ms", 0),
        Column("again /s", 0),
        Column("again / native", 3),
    ];
    for contender in through {
        let [rate, ratio] = match contender {
            Contender::Native => ["native /s", "native / native"],
            Contender::Poll => ["poll /s", "poll / native"],
            Contender::Stream => ["stream /s", "stream / native"],
        };
        columns.extend([Column(rate, 0), Column("first ms", 0), Column("a read", 0), Column(ratio, 3)]);
    }
    columns
}

fn cost_columns(through: &[Contender]) -> Vec<Column> {
    let mut columns = vec![Column("native", 2), Column("broker", 2)];
    for contender in through {
        let gateway = match contender {
            Contender::Native => "native: gateway",
            Contender::Poll => "poll: gateway",
            Contender::Stream => "stream: gateway",
        };
        columns.extend([Column(gateway, 2), Column("client", 2), Column("broker", 2), Column("MiB", 0)]);
    }
    columns
}

/// Writes the records, over all partitions in turn.
fn fill(broker: &Broker, topic: &Topic, records: u64) -> Result<()> {
    let mut client = broker.client();
    client.set("linger.ms", "20").set("batch.size", "262144");
    let producer: ThreadedProducer<DefaultProducerContext> = client.create()?;
    for n in 0..records {
        let (key, mut value) = (format!("key-{n:012}"), format!(r#"{{"n":{n},"pad":""#));
        let pad = RECORD_BYTES - value.len() - 2;
        value.extend(std::iter::repeat_n('x', pad));
        value.push_str("\"}");
        let partition = i32::try_from(n % u64::from(topic.partitions.unsigned_abs()))?;
        let mut record = BaseRecord::to(&topic.name).partition(partition).key(&key).payload(&value);
        while let Err((error, again)) = producer.send(record) {
            match error {
                KafkaError::MessageProduction(Code::QueueFull) => http::pause(LOOK),
                error => return Err(error.into()),
            }
            record = again;
        }
    }
    Ok(producer.flush(PATIENCE)?)
}
