//! A reader of many topics' tails, whose partitions come and go while it reads.
//!
//! One consumer, one thread. What was read is handed to a [`Sink`] on that very thread, as soon as it is there. The thread
//! waits for nobody: what the sink does not want yet stays in the client's queues, partition by partition, and fetching
//! stops where they are full. Changes are made by whoever asks for them, because they
//! wait for Kafka; the thread is only told which queues there are.

use super::batch::{Batch, Source};
use super::bell::{Bell, Turns};
use super::{Event, Pace, Position, listed, named};
use crate::kafka::context::{Context, Role};
use crate::kafka::error::{Error, Remedy, Written};
use crate::kafka::settings::Settings;
use crate::kafka::{ffi, off_thread};
use crate::record::{Isolation, TopicName};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bell's pull for orders; those of the queues follow.
const ORDERS: usize = 0;

/// How long the thread may take to do what it is told.
const OBEDIENCE: Duration = Duration::from_secs(10);

/// What takes all that a feed reads. `T` says whose it is.
pub trait Sink<T>: Send + 'static {
    /// Takes what was read of one partition, in its order.
    fn take(&mut self, owner: &T, events: Vec<Event>);

    /// Whether it takes more of `owner` now. If not, it is asked again whenever anything was read, and when the feed is
    /// nudged; what waits meanwhile fills the client's queue, and then no more is fetched.
    fn wants(&self, owner: &T) -> bool;

    /// Called when all partitions had their turn, and again at the time that it gives.
    fn settle(&mut self) -> Option<Instant>;
}

/// A running feed. Dropping it ends its thread and its connections.
pub struct Feed<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    settings: Settings,
    bell: Arc<Bell>,
    /// What the thread is still to do; `None` when there is no thread any more.
    orders: Mutex<Option<Vec<Order<T>>>>,
    /// One change at a time.
    assigned: Mutex<Assigned>,
}

/// What the consumer reads; `None` for the consumer when the feed has ended.
struct Assigned {
    consumer: Option<Arc<BaseConsumer<Context>>>,
    /// By topic: each partition that is read, and its pull.
    topics: HashMap<TopicName, Vec<(i32, usize)>>,
    /// Pulls that are free again, and the first that was never used.
    free: Vec<usize>,
    fresh: usize,
}

impl Assigned {
    fn pull(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        })
    }
}

enum Order<T> {
    Add(usize, Source<Context>, T),
    Remove(usize),
    /// Everything before this was done, when it is dropped.
    Done(#[expect(dead_code, reason = "it is dropped")] SyncSender<()>),
    /// Nobody else uses the consumer any more: its end, which takes its time, is the thread's.
    End(#[expect(dead_code, reason = "it is dropped")] Arc<BaseConsumer<Context>>),
}

impl<T: Clone + Send + 'static> Feed<T> {
    /// Starts a feed without partitions.
    ///
    /// # Errors
    /// When no client can be made, or no thread can be had.
    pub fn start(
        settings: &Settings,
        (isolation, pace): (Isolation, Pace),
        sink: impl Sink<T>,
    ) -> Result<Self, Error> {
        let context = settings.context(Role::Reader);
        let recipe = settings.feed(isolation, pace);
        let consumer = BaseConsumer::from_config_and_context(&recipe, context).map_err(Error::from_client)?;
        let consumer = Arc::new(consumer);
        let assigned = Assigned {
            consumer: Some(consumer.clone()),
            topics: HashMap::new(),
            free: Vec::new(),
            fresh: ORDERS + 1,
        };
        let inner = Arc::new(Inner {
            settings: settings.clone(),
            bell: Arc::new(Bell::new(0)),
            orders: Mutex::new(Some(Vec::new())),
            assigned: Mutex::new(assigned),
        });
        let served = inner.clone();
        let thread = std::thread::Builder::new().name("kafka-feed".into());
        thread.spawn(move || served.read(&consumer, sink)).map_err(Error::unavailable)?;
        Ok(Self { inner })
    }

    /// Reads one topic from `positions` on, and no longer from where it was read before.
    ///
    /// # Errors
    /// When Kafka does not know the topic or does not answer; then nothing of it is read.
    pub async fn assign(&self, topic: TopicName, positions: Vec<Position>, owner: T) -> Result<(), Error> {
        let inner = self.inner.clone();
        off_thread(move || {
            let mut assigned = inner.assigned();
            inner.remove(&mut assigned, &topic);
            inner.add(&mut assigned, &topic, &positions, &owner)
        })
        .await
    }

    /// Reads more partitions of a topic.
    ///
    /// # Errors
    /// As for [`Feed::assign`]; what was read before is read on.
    pub async fn extend(&self, topic: TopicName, positions: Vec<Position>, owner: T) -> Result<(), Error> {
        let inner = self.inner.clone();
        off_thread(move || inner.add(&mut inner.assigned(), &topic, &positions, &owner)).await
    }

    /// Reads nothing of a topic any more.
    ///
    /// # Errors
    /// None but that the call could not be made at all.
    pub async fn unassign(&self, topic: TopicName) -> Result<(), Error> {
        let inner = self.inner.clone();
        off_thread(move || {
            inner.remove(&mut inner.assigned(), &topic);
            Ok(())
        })
        .await
    }
}

impl<T: Send + 'static> Feed<T> {
    /// What has the feed ask its sink again whether it wants more.
    pub fn nudge(&self) -> impl Fn() + Send + Sync + use<T> {
        let bell = self.inner.bell.clone();
        move || bell.ring(ORDERS)
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        // Whoever makes a change at this moment holds the consumer a little longer, and drops it off the async threads.
        let inner = self.inner.clone();
        if let Ok(mut assigned) = self.inner.assigned.try_lock() {
            inner.order(assigned.consumer.take().map(Order::End));
        }
        inner.bell.stop();
    }
}

impl<T> Inner<T> {
    fn assigned(&self) -> MutexGuard<'_, Assigned> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders(&self) -> MutexGuard<'_, Option<Vec<Order<T>>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, orders: impl IntoIterator<Item = Order<T>>) {
        if let Some(waiting) = &mut *self.orders() {
            waiting.extend(orders);
        }
        self.bell.ring(ORDERS);
    }

    /// Waits until the thread has done all that it was told. It waits for nobody itself, so that is soon.
    fn obeyed(&self) {
        let (done, obeyed) = sync_channel(0);
        self.order([Order::Done(done)]);
        // Nothing is ever sent.
        obeyed.recv_timeout(OBEDIENCE).ok();
    }

    fn remove(&self, assigned: &mut Assigned, topic: &TopicName) {
        let Some(partitions) = assigned.topics.remove(topic) else { return };
        // The queues go first: what they still hold is nobody's. And they are gone before anybody takes the same ones out
        // again, because a queue that goes takes the bell with it, whoever hung it there.
        self.order(partitions.iter().map(|(_, pull)| Order::Remove(*pull)));
        self.obeyed();
        let list = named(partitions.iter().map(|(partition, _)| (topic, *partition)));
        if let Some(Err(error)) =
            assigned.consumer.as_ref().map(|consumer| consumer.incremental_unassign(&list))
        {
            tracing::warn!(%topic, %error, "a feed cannot leave a topic");
        }
        assigned.free.extend(partitions.into_iter().map(|(_, pull)| pull));
    }
}

impl<T: Clone> Inner<T> {
    fn add(
        &self,
        assigned: &mut Assigned,
        topic: &TopicName,
        positions: &[Position],
        owner: &T,
    ) -> Result<(), Error> {
        let Some(consumer) = assigned.consumer.clone() else {
            return Err(Error::unavailable("the feed has ended"));
        };
        let pulls = positions.iter().map(|at| (at.partition, assigned.pull()));
        let pulls: Vec<_> = pulls.collect();
        let added = self.sources(&consumer, topic, &pulls, owner).and_then(|orders| {
            self.order(orders);
            consumer.incremental_assign(&listed(positions)).map_err(Error::from_client)
        });
        match added {
            Ok(()) => assigned.topics.entry(topic.clone()).or_default().extend(pulls),
            Err(_) => {
                self.order(pulls.iter().map(|(_, pull)| Order::Remove(*pull)));
                self.obeyed();
                assigned.free.extend(pulls.into_iter().map(|(_, pull)| pull));
            }
        }
        added
    }

    fn sources(
        &self,
        consumer: &Arc<BaseConsumer<Context>>,
        topic: &TopicName,
        pulls: &[(i32, usize)],
        owner: &T,
    ) -> Result<Vec<Order<T>>, Error> {
        // Before anything is fetched: whose an error in the main queue is, nobody could say.
        let split = |(partition, pull): &(i32, usize)| {
            let (bell, pull) = (self.bell.clone(), *pull);
            let queue = ffi::PartitionQueue::split(consumer, topic, *partition, move || bell.ring(pull))?;
            let source = Source { topic: topic.clone(), partition: *partition, queue, failed: false };
            Ok(Order::Add(pull, source, owner.clone()))
        };
        let orders = pulls.iter().map(split).collect::<Result<_, Error>>()?;
        // With the leaders known beforehand the first fetch leaves at once, and a topic that is not there is told now.
        let patience = self.settings.admittance().patience(self.settings.request_timeout());
        for (name, code) in ffi::learn_topics(consumer, patience)? {
            let error = Error::from_code(code, Some(topic), Written::No);
            if name == topic.as_str() && error.remedy() != Remedy::Retry {
                return Err(error);
            }
        }
        Ok(orders)
    }
}

impl<T> Inner<T> {
    /// The thread.
    fn read(&self, consumer: &BaseConsumer<Context>, mut sink: impl Sink<T>) {
        let (mut turns, mut due) = (Turns::default(), None);
        let mut sources: Vec<Option<(Source<Context>, T)>> = Vec::new();
        while turns.wait(&self.bell, due).is_some() {
            if turns.has(ORDERS) {
                self.obey(&mut sources);
            }
            // Nothing of a partition comes here, but librdkafka wants its queue served all the same.
            while consumer.poll(Duration::ZERO).is_some() {}
            for pull in turns.among(0..sources.len()) {
                let Some((source, owner)) = &mut sources[pull] else { continue };
                if !sink.wants(owner) {
                    turns.hold(pull);
                    continue;
                }
                turns.had(pull);
                let mut batch = Batch::default();
                if !batch.take(source) {
                    self.bell.ring(pull);
                }
                if !batch.events.is_empty() {
                    sink.take(owner, batch.events);
                }
            }
            due = sink.settle();
        }
        sources.clear();
        *self.orders() = None;
    }

    fn obey(&self, sources: &mut Vec<Option<(Source<Context>, T)>>) {
        let orders = self.orders().as_mut().map(std::mem::take);
        for order in orders.into_iter().flatten() {
            match order {
                Order::Add(pull, source, owner) => {
                    if sources.len() <= pull {
                        sources.resize_with(pull + 1, || None);
                    }
                    sources[pull] = Some((source, owner));
                    // It may have rung before there was anybody to hear it.
                    self.bell.ring(pull);
                }
                Order::Remove(pull) => {
                    if let Some(source) = sources.get_mut(pull) {
                        *source = None;
                    }
                }
                Order::Done(_) | Order::End(_) => {}
            }
        }
    }
}
