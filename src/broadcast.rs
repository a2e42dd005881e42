//! Groupless streams and pages: history from a position, then the tail, resumable by cursor alone.
//!
//! [`survey`] asks Kafka where a request's topics stand, and [`opening`] decides from that where reading begins and what was
//! lost. The ends of all topics that somebody watches are read once for all ([`live`]) onto tapes ([`tape`], [`ring`],
//! [`block`]), and so is what lies behind them ([`history`]); a [`follower`] takes a viewer's records from there. [`track`] keeps the
//! positions while records go by, and [`viewer`] makes frames of them. [`stream`] and [`page`] carry one to the other.
//! All that decides what a viewer is given is synchronous, and is played with by the simulation.

mod admission;
mod back;
mod bell;
mod block;
mod drain;
mod follower;
mod history;
mod live;
mod one;
mod opening;
mod page;
mod pinned;
mod range;
mod reading;
mod ring;
mod scan;
#[cfg(test)]
mod simulation;
mod stream;
mod survey;
mod tape;
mod track;
mod viewer;

pub use admission::{Admitted, Client, Crowded};
pub use drain::Drain;
pub use one::{Address, Found};
pub use opening::Gap;
pub use page::{Page, PageLimits};
pub use pinned::Pinned;
pub use reading::{Ids, Manner, Problem, Reading};
pub use stream::{Item, Stream};

use admission::Admission;
use block::Passed;
use follower::Follower;
use history::History;
use live::{Live, Terms, Watch};
use ring::Bounds;
use track::Track;

use crate::config;
use crate::kafka::error::Remedy;
use crate::kafka::{Catalog, Error as KafkaError, Settings};
use crate::record::{Isolation, Loss, OnSlow, PartitionSet, TopicName};
use crate::telemetry::{End, Metrics};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How long a newcomer waits for a reader that is just being closed.
const READER_WAIT: Duration = Duration::from_secs(1);

/// How long to wait before a place that was lost is looked for anew: the log can be asked at once.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);

/// What a gap may tell. That a cursor is foreign is told by `ready` alone.
const LOSSES: [Loss; 5] = [Loss::Recreated, Loss::Truncated, Loss::Expired, Loss::Deleted, Loss::Slow];

/// Why a stream or a page did not open, or cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Kafka's answer.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The topics have so many partitions that a client could not hand the cursor back.
    #[error("a cursor over these topics may become longer than {0} bytes")]
    TooWide(usize),
    /// The position is gone, and the client asked not to go on then.
    #[error(transparent)]
    Lost(#[from] opening::Lost),
    /// There are as many streams as there may be.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// Every reader is in use.
    #[error("all {0} readers are in use")]
    Full(usize),
    /// The gateway is about to end; it has by then.
    #[error("the gateway is shutting down")]
    Draining(Duration),
}

impl Error {
    /// What streams and pages are refused for, other than what was asked of them.
    const REFUSALS: [&str; 6] = ["all", "topic", "address", "principal", "readers", "shutdown"];

    /// Which of those it is.
    fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Crowded(Crowded::InAll) => Some("all"),
            Self::Crowded(Crowded::Topic(_)) => Some("topic"),
            Self::Crowded(Crowded::Address) => Some("address"),
            Self::Crowded(Crowded::Principal) => Some("principal"),
            Self::Full(_) => Some("readers"),
            Self::Draining(_) => Some("shutdown"),
            Self::Kafka(_) | Self::TooWide(_) | Self::Lost(_) => None,
        }
    }

    /// Whether no waiting mends it.
    fn is_final(&self) -> bool {
        match self {
            Self::Kafka(error) => error.remedy() == Remedy::Caller,
            Self::TooWide(_) | Self::Lost(_) => true,
            Self::Crowded(_) | Self::Full(_) | Self::Draining(_) => false,
        }
    }
}

/// Opens streams and reads pages.
#[derive(Clone)]
pub struct Broadcast {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Catalog,
    history: History,
    max_readers: usize,
    max_cursor_bytes: usize,
    checkpoint: Duration,
    metrics: Arc<Metrics>,
    drain: Drain,
    live: Live,
    flush: Duration,
    max_lag: Bounds,
    admission: Admission,
    pinned: Arc<Pinned>,
}

impl Broadcast {
    /// Serves until `drain`, which ends all streams.
    pub fn new(
        streams: &config::Streams,
        settings: Settings,
        catalog: Catalog,
        metrics: Arc<Metrics>,
        drain: Drain,
    ) -> Self {
        let (readers, bytes) = (streams.max_readers, streams.history_bytes);
        metrics.streams.max_readers.set(streams.max_readers as i64);
        metrics.streams.expect(&Error::REFUSALS, &End::ALL.map(End::as_str), &LOSSES.map(Loss::as_str));
        let bounds = Bounds { bytes: streams.ring_bytes, age: streams.ring_age };
        let terms = Terms { bounds, linger: streams.linger };
        let pinned = Arc::<Pinned>::default();
        let counted = (metrics.clone(), pinned.clone());
        let history = History::new(settings.clone(), (readers, bytes), counted.clone());
        let shared = Shared {
            live: Live::new(settings, catalog.clone(), terms, counted),
            catalog,
            history,
            flush: streams.flush,
            max_lag: Bounds { bytes: streams.max_lag_bytes, age: streams.max_lag },
            admission: Admission::new(streams),
            pinned,
            max_readers: streams.max_readers,
            max_cursor_bytes: streams.max_cursor_bytes,
            checkpoint: streams.checkpoint,
            metrics,
            drain,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What slow sockets hold of what was sent to them.
    pub fn pinned(&self) -> Arc<Pinned> {
        self.shared.pinned.clone()
    }

    /// Opens a stream. Its position is a set of numbers before this returns: what is produced afterwards is in it.
    ///
    /// # Errors
    /// [`Error::Draining`], [`Error::Crowded`], [`Error::Full`], [`Error::TooWide`], [`Error::Lost`], or what Kafka said to
    /// the question where the topics begin and end.
    pub async fn open(&self, reading: Reading, manner: Manner, client: &Client) -> Result<Stream, Error> {
        // Before Kafka is asked anything.
        let admitted = self.admit(client, reading.topics.literals())?;
        let opened = async {
            let opening = self.shared.opening(&reading, None).await?;
            Stream::open(self.shared.clone(), reading, manner, (opening, admitted)).await
        };
        opened.await.inspect_err(|error| self.shared.refuse(error))
    }

    /// Lets a stream of these topics in, of whatever kind: it counts for as long as this is held.
    ///
    /// # Errors
    /// When there are as many streams as there may be, or the gateway is about to end.
    pub fn admit<'a>(
        &self,
        client: &Client,
        topics: impl IntoIterator<Item = &'a TopicName>,
    ) -> Result<Admitted, Error> {
        let drain = &self.shared.drain;
        let admitted = if drain.has_begun() {
            Err(Error::Draining(drain.after()))
        } else {
            self.shared.admission.admit(client, topics).map_err(Error::from)
        };
        admitted.inspect_err(|error| self.shared.refuse(error))
    }

    /// Reads a page: records from a position on, and the cursor behind them.
    ///
    /// # Errors
    /// As for [`Broadcast::open`].
    pub async fn page(&self, reading: &Reading, limits: PageLimits) -> Result<Page, Error> {
        page::read(&self.shared, reading, limits).await.inspect_err(|error| self.shared.refuse(error))
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`Error::Full`], or what kept Kafka from answering.
    pub async fn record(&self, address: &Address, isolation: Isolation) -> Result<Found, Error> {
        one::read(&self.shared, address, isolation).await
    }
}

impl Shared {
    /// Looks for where the log is read wherever `follower` is behind, and lets it look again where every reader is in use.
    fn seek(
        &self,
        follower: &mut Follower,
        track: &mut Track,
        (chosen, watch): (Option<&PartitionSet>, Watch<'_>),
    ) {
        let freed = self.history.freed();
        let find = |wanted: &history::Wanted<'_>| self.history.seek(watch, wanted);
        if !follower.seek(track, chosen, find) {
            follower.wait(freed);
        }
    }

    /// The same for a newcomer, who is refused when nothing can be read for it in time.
    async fn place(
        &self,
        follower: &mut Follower,
        track: &mut Track,
        reading: (Option<&PartitionSet>, Watch<'_>),
    ) -> Result<(), Error> {
        let deadline = Instant::now() + READER_WAIT;
        while follower.seeks() {
            self.seek(follower, track, reading);
            if follower.follows() {
                break;
            }
            let freed = tokio::time::timeout_at(deadline, follower.freed()).await;
            freed.map_err(|_| Error::Full(self.max_readers))?;
        }
        Ok(())
    }

    /// Counts what is refused.
    fn refuse(&self, error: &Error) {
        if let Some(reason) = error.refusal() {
            self.metrics.streams.refused(reason);
        }
    }

    /// Counts what was lost.
    fn count(&self, gaps: &[Gap]) {
        for gap in gaps {
            self.metrics.streams.gap(gap.reason.as_str());
        }
    }
}

/// What becomes of a reader that met `error`.
enum Remedied {
    /// Judged against the log as it is now it becomes a gap, or the fault it is.
    AtOnce,
    /// It passes.
    Later,
    /// A place would be found, and be refused again without end: who may describe a topic may not always read it, and what
    /// cannot be read is not passed over.
    Never,
}

fn remedy(error: &KafkaError) -> Remedied {
    match error {
        KafkaError::OffsetOutOfRange
        | KafkaError::TopicNotFound(_)
        | KafkaError::PartitionOutOfRange { .. } => Remedied::AtOnce,
        KafkaError::Unreadable { .. } => Remedied::Never,
        error if error.remedy() == Remedy::Caller => Remedied::Never,
        _ => Remedied::Later,
    }
}

/// The time in epoch milliseconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::error::Written;
    use crate::record::TopicName;

    #[test]
    fn only_what_another_place_may_mend_is_looked_for_again() {
        let topic = TopicName::parse("t").expect("a legal name");
        let unavailable = KafkaError::unavailable("");
        let misconfigured = KafkaError::Misconfigured { reason: String::new(), written: Written::No };
        for error in [unavailable, misconfigured] {
            assert!(matches!(remedy(&error), Remedied::Later), "{error}");
        }
        for error in [
            KafkaError::OffsetOutOfRange,
            KafkaError::TopicNotFound(topic.clone()),
            KafkaError::PartitionOutOfRange { topic, partitions: 1 },
        ] {
            assert!(matches!(remedy(&error), Remedied::AtOnce), "{error}");
        }
        let unreadable = KafkaError::Unreadable { offset: 7, reason: String::new() };
        for error in [KafkaError::Forbidden(String::new()), KafkaError::Refused(String::new()), unreadable] {
            assert!(matches!(remedy(&error), Remedied::Never), "{error}");
        }
    }
}
