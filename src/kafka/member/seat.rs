//! Where a member begins in a partition: where its group stands, or where its start says if the group has no offset yet.
//!
//! librdkafka could look that up by itself, but what it does where there is no offset, or one outside the log, is decided by
//! a setting for all; here it is decided by the request, and told. The calls wait for Kafka, so they have a thread of their own.

use super::context::MemberContext;
use super::{Joining, Partition};
use crate::kafka::catalog::Catalog;
use crate::kafka::error::{Error, Written};
use crate::kafka::ffi::Commits;
use crate::kafka::reader::{Position, listed, named};
use crate::record::{Start, TopicName};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the group's coordinator may take to tell where the group stands.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after Kafka did not answer it is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// What is asked of which partitions.
#[derive(Clone)]
pub struct Question {
    pub partitions: Vec<Partition>,
    /// The log no longer holds what came next: where the group stands says nothing.
    pub lost: bool,
}

/// A question that was asked and not answered yet.
pub struct Asked {
    pub question: Question,
    answer: Receiver<Result<Vec<Position>, Error>>,
    /// Its end says that nobody waits any more.
    _wanted: SyncSender<()>,
}

impl Asked {
    /// The answer, if it is there; what was asked is handed back with it.
    pub fn answer(self) -> Result<(Question, Result<Vec<Position>, Error>), Self> {
        match self.answer.try_recv() {
            Err(TryRecvError::Empty) => Err(self),
            Ok(answer) => Ok((self.question, answer)),
            Err(TryRecvError::Disconnected) => {
                Ok((self.question, Err(Error::unavailable("no thread could be had to ask"))))
            }
        }
    }
}

/// What answers questions.
#[derive(Clone)]
pub struct Seats {
    pub consumer: Arc<BaseConsumer<MemberContext>>,
    pub catalog: Catalog,
    pub joining: Arc<Joining>,
    pub runtime: Handle,
    /// How many partitions of each topic there were at first, as far as that is known: one with a higher number was added
    /// since, and is read from its beginning, whatever the start.
    pub first: Arc<Mutex<BTreeMap<TopicName, usize>>>,
}

impl Seats {
    /// Asks a question; `rung` is called when there is an answer. A failure is told after a while, so that it may be asked
    /// again at once.
    pub fn ask(&self, question: Question, rung: impl FnOnce() + Send + 'static) -> Asked {
        let (tell, answer) = sync_channel(1);
        let (wanted, over) = sync_channel::<()>(0);
        let (seats, asked) = (self.clone(), question.clone());
        let find = move || {
            let found = seats.find(&asked);
            // The client ends with its last hold, which is not to be this one.
            drop(seats);
            if found.is_err() {
                // Nothing is ever sent.
                over.recv_timeout(AGAIN).ok();
            }
            // Nobody listens any more when the partitions were revoked meanwhile.
            tell.send(found).ok();
            drop(tell);
            rung();
        };
        if let Err(error) = std::thread::Builder::new().name("kafka-seat".into()).spawn(find) {
            tracing::error!(%error, "no thread to ask where a group stands");
        }
        Asked { question, answer, _wanted: wanted }
    }

    /// Where to begin in each of these partitions. A place that is chosen here is committed at once, so that a start at the end
    /// stays the same place whatever happens before the first acknowledgement.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    fn find(&self, question: &Question) -> Result<Vec<Position>, Error> {
        let stands = if question.lost { Vec::new() } else { self.committed(&question.partitions)? };
        self.learn(&stands);
        let fresh: Vec<_> = question
            .partitions
            .iter()
            .filter(|(topic, partition)| {
                !stands.iter().any(|at| at.topic == *topic && at.partition == *partition)
            })
            .cloned()
            .collect();
        if fresh.is_empty() {
            return Ok(stands);
        }
        let start = if question.lost { &Start::Earliest } else { &self.joining.start };
        let chosen = self.runtime.block_on(self.choose(fresh, start))?;
        if self.joining.commits {
            self.commit(&chosen)?;
        }
        Ok(stands.into_iter().chain(chosen).collect())
    }

    /// Where a group stands in some partitions of a topic that was not looked at before, those behind them are new to it.
    fn learn(&self, stands: &[Position]) {
        let mut known: BTreeMap<&TopicName, usize> = BTreeMap::new();
        for at in stands {
            let count = known.entry(&at.topic).or_default();
            *count = usize::try_from(at.partition + 1).unwrap_or(0).max(*count);
        }
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        for (topic, count) in known {
            first.entry(topic.clone()).or_insert(count);
        }
    }

    fn commit(&self, chosen: &[Position]) -> Result<(), Error> {
        let commits = Commits::new(&self.consumer, || {});
        commits.send(&listed(chosen))?;
        let told = commits.take(PATIENCE).ok_or_else(|| Error::unavailable("a commit was not answered"))?;
        let refused = told.into_iter().find_map(|(.., outcome)| outcome.err());
        refused.map_or(Ok(()), |code| Err(Error::from_code(code, None, Written::Unknown)))
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Position>, Error> {
        let list = named(partitions.iter().map(|(topic, partition)| (topic, *partition)));
        let told = self.consumer.committed_offsets(list, PATIENCE).map_err(Error::from_client)?;
        let mut stands = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            let Some(element) = told.find_partition(topic.as_str(), *partition) else { continue };
            element.error().map_err(Error::from_client)?;
            if let Offset::Offset(next) = element.offset() {
                stands.push(Position { topic: topic.clone(), partition: *partition, next });
            }
        }
        Ok(stands)
    }

    async fn choose(&self, partitions: Vec<Partition>, start: &Start) -> Result<Vec<Position>, Error> {
        let names = partitions.iter().map(|(topic, _)| topic).collect::<BTreeSet<_>>();
        let names: Vec<_> = names.into_iter().cloned().collect();
        let topics = self.catalog.describe(&names, Duration::ZERO).await;
        let topics = topics.into_iter().collect::<Result<Vec<_>, _>>()?;
        let marks = self.catalog.watermarks(&topics).await?;
        let at_time = match start {
            Start::Time(millis) => Some(self.catalog.offsets_at(&topics, *millis).await?),
            _ => None,
        };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |(topic, partition): Partition| {
            let index = names.iter().position(|name| *name == topic)?;
            let number = usize::try_from(partition).ok()?;
            let end = *marks[index].end(self.joining.isolation).get(number)?;
            let old = *first.entry(topic.clone()).or_insert(topics[index].partitions.len());
            let next = match (start, &at_time) {
                _ if number >= old => *marks[index].earliest.get(number)?,
                (Start::Earliest, _) => *marks[index].earliest.get(number)?,
                (Start::Time(_), Some(found)) => found[index].get(number)?.unwrap_or(end),
                _ => end,
            };
            Some(Position { topic, partition, next })
        };
        let wanted = partitions.len();
        let places: Vec<_> = partitions.into_iter().filter_map(place).collect();
        // A partition that was assigned exists, so a broker that does not know it yet will.
        if places.len() == wanted {
            Ok(places)
        } else {
            Err(Error::unavailable("a partition is not known yet"))
        }
    }
}
