//! Faults on purpose, for tests: what a real broker does once a month, now.
//!
//! Data is never harmed: a refused produce was not appended, and a broker that is away still has its logs.
//! Faults of the cluster (a moved leader, a lost replica) are deliberately absent: there is one node.

use super::{ApiKey, door::Command};
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::sync_channel},
    time::Duration,
};
use tokio::sync::mpsc;

/// How long the broker's thread has to do as it is told.
const OBEDIENCE: Duration = Duration::from_secs(5);

/// The handle by which faults are ordered. Clones order from the same broker.
#[derive(Debug, Clone)]
pub struct Faults {
    plan: Arc<Plan>,
    door: mpsc::Sender<Command>,
}

impl Faults {
    pub(super) fn new(plan: Arc<Plan>, door: mpsc::Sender<Command>) -> Self {
        Self { plan, door }
    }

    /// The next `times` Produce requests are refused whole with this error code (Kafka's protocol page has
    /// the list), and append nothing.
    pub fn refuse_produces(&self, code: i16, times: usize) {
        self.plan.lock().produces.extend(std::iter::repeat_n(ProduceFault::Refuse(code), times));
    }

    /// The next `times` Produce requests are carried out, and their connections closed instead of an answer:
    /// an idempotent producer must not write twice.
    pub fn lose_produce_answers(&self, times: usize) {
        self.plan.lock().produces.extend(std::iter::repeat_n(ProduceFault::LoseAnswer, times));
    }

    /// Every answer of this API comes this much later, until told otherwise; zero ends it.
    /// As in Kafka, later requests on the same connection wait too.
    pub fn delay(&self, api: ApiKey, by: Duration) {
        self.plan.lock().delays.insert(api as i16, by);
    }

    /// The next `times` Metadata answers that name topics know none of them, like those of a broker that has yet to hear
    /// of a topic made a moment ago.
    pub fn hear_late_of_topics(&self, times: usize) {
        self.plan.lock().unheard += times;
    }

    /// Closes every connection; clients may come back at once.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] when the broker was stopped.
    pub fn drop_connections(&self) -> io::Result<()> {
        self.order(|done| Command::Drop { done })
    }

    /// Closes every connection and refuses new ones, until [`Faults::back`]. The port stays ours.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] when the broker was stopped; or the socket's own error.
    pub fn away(&self) -> io::Result<()> {
        self.order(|done| Command::Away { done })
    }

    /// Listens again on the same port, with everything that was there before.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] when the broker was stopped; or the socket's own error.
    pub fn back(&self) -> io::Result<()> {
        self.order(|done| Command::Back { done })
    }

    fn order(&self, command: impl FnOnce(super::door::Done) -> Command) -> io::Result<()> {
        let stopped = || io::Error::new(io::ErrorKind::NotConnected, "the embedded broker was stopped");
        let (done, answer) = sync_channel(1);
        self.door.try_send(command(done)).map_err(|_| stopped())?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| stopped())?
    }
}

/// What goes wrong with one Produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProduceFault {
    /// Nothing is appended, and this code is the answer.
    Refuse(i16),
    /// It is appended, and the connection ends without an answer.
    LoseAnswer,
}

/// The faults that were ordered and have not happened yet.
#[derive(Debug, Default)]
pub struct Plan(Mutex<Planned>);

#[derive(Debug, Default)]
struct Planned {
    produces: VecDeque<ProduceFault>,
    delays: HashMap<i16, Duration>,
    unheard: usize,
}

impl Plan {
    /// Takes the fault meant for the Produce request at hand.
    pub fn next_produce(&self) -> Option<ProduceFault> {
        self.lock().produces.pop_front()
    }

    /// Whether the Metadata answer at hand, which names topics, is to know none.
    pub fn next_unheard(&self) -> bool {
        let planned = &mut *self.lock();
        let unheard = planned.unheard > 0;
        planned.unheard = planned.unheard.saturating_sub(1);
        unheard
    }

    /// How much later this API's answers come.
    pub fn delay(&self, api: ApiKey) -> Option<Duration> {
        self.lock().delays.get(&(api as i16)).copied().filter(|by| !by.is_zero())
    }

    fn lock(&self) -> MutexGuard<'_, Planned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
