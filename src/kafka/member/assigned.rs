//! What a member's client is assigned, partition by partition, and the queues of it.
//!
//! All of it belongs to the member's thread. A queue is taken out before its partition is assigned, and is gone before the
//! partition is let go: a queue that goes takes the bell with it, whoever hung it there.

use super::context::{MemberContext, is_incremental, unassign};
use super::{Keeper, Partition, Shared};
use crate::kafka::error::{Error, Remedy};
use crate::kafka::ffi;
use crate::kafka::reader::batch::{Batch, Source};
use crate::kafka::reader::bell::Turns;
use crate::kafka::reader::{Event, Position, listed, named};
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bell's first pull that is a partition's; those before it are the thread's own.
const FIRST: usize = super::duty::COMMITS + 1;

/// A client's partitions.
pub struct Assigned {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<MemberContext>>,
    /// By partition: its place among `open`.
    places: BTreeMap<Partition, usize>,
    open: Vec<Option<Open>>,
}

struct Open {
    partition: Partition,
    source: Source<MemberContext>,
    /// The offset after the last one taken.
    next: i64,
}

impl Open {
    fn position(&self) -> Position {
        let (topic, partition) = self.partition.clone();
        Position { topic, partition, next: self.next }
    }
}

impl Assigned {
    /// Of a client that has none yet.
    pub fn new(shared: Arc<Shared>, consumer: Arc<BaseConsumer<MemberContext>>) -> Self {
        Self { shared, consumer, places: BTreeMap::new(), open: Vec::new() }
    }

    /// Those that are assigned.
    pub fn partitions(&self) -> Vec<Partition> {
        self.places.keys().cloned().collect()
    }

    /// Where their logs ended when they were last fetched.
    pub fn ends(&self) -> Vec<Position> {
        let end = |(topic, partition): &Partition| {
            let next = ffi::known_end(&self.consumer, topic, *partition)?;
            Some(Position { topic: topic.clone(), partition: *partition, next })
        };
        self.places.keys().filter_map(end).collect()
    }

    /// Begins with these partitions.
    ///
    /// # Errors
    /// When librdkafka refuses them; then none of them is there.
    pub fn begin(&mut self, positions: &[Position]) -> Result<(), Error> {
        let begun = positions.iter().try_for_each(|at| self.open(at)).and_then(|()| {
            let assigned = if is_incremental(&self.consumer) {
                self.consumer.incremental_assign(&listed(positions))
            } else {
                self.consumer.assign(&listed(positions))
            };
            assigned.map_err(Error::from_client)
        });
        if begun.is_err() {
            self.close(&positions.iter().map(of).collect::<Vec<_>>());
        }
        begun
    }

    /// Takes partitions that are about to be let go: where they begin does not matter.
    pub fn pass(&mut self, partitions: &[Partition]) {
        let nowhere = |(topic, partition): &Partition| Position {
            topic: topic.clone(),
            partition: *partition,
            next: 0,
        };
        self.begin(&partitions.iter().map(nowhere).collect::<Vec<_>>()).ok();
    }

    /// Begins anew with some that are there already, elsewhere.
    ///
    /// # Errors
    /// As for [`Assigned::begin`].
    pub fn begin_again(&mut self, positions: &[Position]) -> Result<(), Error> {
        let moved: Vec<_> = positions.iter().map(of).collect();
        if is_incremental(&self.consumer) {
            self.let_go(&moved);
            return self.begin(positions);
        }
        // Here an assignment is replaced by another one, whole; the others go on where they stand.
        let stay = self.open.iter().flatten().filter(|open| !moved.contains(&open.partition));
        let all: Vec<_> = stay.map(Open::position).chain(positions.iter().cloned()).collect();
        self.close(&self.partitions());
        self.begin(&all)
    }

    /// Lets partitions go. In the eager protocol those are always all.
    pub fn let_go(&mut self, partitions: &[Partition]) {
        self.close(partitions);
        let list = named(partitions.iter().map(|(topic, partition)| (topic, *partition)));
        unassign(&self.consumer, &list);
    }

    /// Closes the queues of all, whose client is about to end.
    pub fn close_all(&mut self) {
        self.close(&self.partitions());
    }

    /// Gives the keeper what the queues that have a turn hold. Those that it does not want yet are held back. Returns the
    /// partitions whose logs no longer hold what comes next.
    pub fn read(&mut self, turns: &mut Turns, keeper: &mut impl Keeper) -> Vec<Partition> {
        let mut lost = Vec::new();
        for pull in turns.among(FIRST..FIRST + self.open.len()) {
            let Some(open) = &mut self.open[pull - FIRST] else { continue };
            let room = keeper.room(&open.partition);
            if room == 0 {
                turns.hold(pull);
                continue;
            }
            turns.had(pull);
            let mut batch = Batch::default();
            if !batch.take_some(&mut open.source, room) {
                self.shared.bell.ring(pull);
            }
            let mut events = batch.events;
            events.retain(|event| match event {
                Event::Failed { error: Error::OffsetOutOfRange, .. } => {
                    lost.push(open.partition.clone());
                    false
                }
                Event::Failed { error, .. } => {
                    let (topic, partition) = &open.partition;
                    let fatal = error.remedy() == Remedy::Operator;
                    tracing::warn!(%topic, partition, %error, fatal, "a group's partition cannot be read on");
                    true
                }
                Event::Record(record) => {
                    open.next = record.offset + 1;
                    true
                }
                Event::End { next, .. } => {
                    open.next = open.next.max(*next);
                    true
                }
            });
            if !events.is_empty() {
                keeper.take(&open.partition, events);
            }
        }
        lost
    }

    fn open(&mut self, at: &Position) -> Result<(), Error> {
        let free = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        let (shared, pull) = (self.shared.clone(), FIRST + free);
        let ring = move || shared.bell.ring(pull);
        // Before anything is fetched: whose an error in the main queue is, nobody could say.
        let queue = ffi::PartitionQueue::split(&self.consumer, &at.topic, at.partition, ring)?;
        let source = Source { topic: at.topic.clone(), partition: at.partition, queue, failed: false };
        let open = Open { partition: of(at), source, next: at.next };
        if free == self.open.len() {
            self.open.push(None);
        }
        self.places.insert(open.partition.clone(), free);
        self.open[free] = Some(open);
        // It may have rung before there was anybody to hear it.
        self.shared.bell.ring(pull);
        Ok(())
    }

    fn close(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(place) = self.places.remove(partition) {
                self.open[place] = None;
            }
        }
    }
}

/// The partition of a position.
fn of(at: &Position) -> Partition {
    (at.topic.clone(), at.partition)
}
