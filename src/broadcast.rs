//! Groupless streams: history from a position, then the tail, resumable by cursor alone.
//!
//! [`opening`] decides where a stream stands and what was lost, [`viewer`] turns what a reader sees into frames; both
//! are synchronous and pure. [`stream`] carries events between them and a Kafka reader. Each stream has a reader of its
//! own from a bounded pool; sharing one reader among many viewers is the broadcast engine's work and goes in front
//! of this same reader.

mod opening;
mod stream;
mod viewer;

pub use stream::{Item, Stream};

use crate::config;
use crate::kafka::error::Remedy;
use crate::kafka::{Catalog, Error as KafkaError, Settings};
use crate::record::{Cursor, Start, TopicName, cursor::TopicMark};
use crate::telemetry::Metrics;
use crate::wire::sse::Format;
use opening::Opening;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long a newcomer waits for a reader that is just being closed.
const READER_WAIT: Duration = Duration::from_secs(1);

/// What a stream was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The topic.
    pub topic: TopicName,
    /// Where to begin, and by explicit offsets which partitions to read.
    pub from: Start,
    /// Where an earlier stream stood; it goes before `from`.
    pub cursor: Option<Cursor>,
    /// What stands in a record's data.
    pub format: Format,
    /// The longest silence.
    pub heartbeat: Duration,
}

impl Request {
    /// The cursor that decides where to begin, if one does.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.from {
            Start::Cursor(from) => self.cursor.as_ref().or(Some(from)),
            _ => self.cursor.as_ref(),
        }
    }
}

/// Why a stream did not open, or cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Kafka's answer.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The topic has so many partitions that a client could not hand its cursor back.
    #[error("a cursor over this topic is longer than {0} bytes")]
    TooWide(usize),
    /// Every reader is in use.
    #[error("all {0} readers are in use")]
    Full(usize),
}

impl Error {
    /// Whether no waiting mends it.
    fn is_final(&self) -> bool {
        match self {
            Self::Kafka(error) => error.remedy() == Remedy::Caller,
            Self::TooWide(_) => true,
            Self::Full(_) => false,
        }
    }
}

/// Opens streams.
#[derive(Clone)]
pub struct Broadcast {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Catalog,
    settings: Settings,
    readers: Arc<Semaphore>,
    max_readers: usize,
    max_cursor_bytes: usize,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

/// A place among the readers, held until a reader's connections are closed.
struct Seat {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.readers.dec();
    }
}

impl Broadcast {
    /// Opens streams until `shutdown`, which ends them all.
    pub fn new(
        streams: &config::Streams,
        settings: Settings,
        catalog: Catalog,
        metrics: Arc<Metrics>,
        shutdown: CancellationToken,
    ) -> Self {
        let (max_readers, max_cursor_bytes) = (streams.max_readers, streams.max_cursor_bytes);
        let readers = Arc::new(Semaphore::new(max_readers));
        let shared = Shared { catalog, settings, readers, max_readers, max_cursor_bytes, metrics, shutdown };
        Self { shared: Arc::new(shared) }
    }

    /// Opens a stream. Its position is a set of numbers before this returns: what is produced afterwards is in it.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooWide`], or what Kafka said to the question where the topic begins and ends.
    pub async fn open(&self, request: Request) -> Result<Stream, Error> {
        let opening = self.shared.opening(&request.topic, &request.from, request.cursor()).await?;
        let seat = self.shared.seat().await?;
        Ok(Stream::new(self.shared.clone(), request, opening, seat))
    }
}

impl Shared {
    async fn opening(
        &self,
        name: &TopicName,
        from: &Start,
        cursor: Option<&Cursor>,
    ) -> Result<Opening, Error> {
        let (topic, cluster) = tokio::try_join!(self.catalog.refresh(name), self.catalog.cluster())?;
        let watermarks = self.catalog.watermarks(std::slice::from_ref(&topic)).await?.remove(0);
        let mark = TopicMark::new(&cluster.id, name, topic.id);
        let opening =
            Opening::resolve(from, cursor, mark, &watermarks).map_err(|opening::NoSuchPartition| {
                let partitions = topic.partitions.len();
                KafkaError::PartitionOutOfRange { topic: name.clone(), partitions }
            })?;
        // An id that is refused when it comes back would end an EventSource for ever.
        if opening.cursor().to_string().len() > self.max_cursor_bytes {
            return Err(Error::TooWide(self.max_cursor_bytes));
        }
        Ok(opening)
    }

    async fn seat(&self) -> Result<Seat, Error> {
        let free = tokio::time::timeout(READER_WAIT, self.readers.clone().acquire_owned()).await;
        let permit = free.map_err(|_| Error::Full(self.max_readers))?.expect("the semaphore is never closed");
        self.metrics.readers.inc();
        Ok(Seat { _permit: permit, metrics: self.metrics.clone() })
    }
}
