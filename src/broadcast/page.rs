//! A page: records from a position on, as soon as there are any, and the cursor behind them.
//!
//! The same opening and the same positions as a stream, so a client may change between the two at any time. A page that
//! waits does not look whether topics join meanwhile: the next one, which brings the cursor, finds them whole.

use super::opening::{Gap, Opening};
use super::survey::Standing;
use super::track::Track;
use super::{Error, Problem, REOPEN_PAUSE, Reading, Remedied, Shared, now, remedy};
use crate::kafka::Error as KafkaError;
use crate::kafka::reader::{Event, Reader};
use crate::record::{Cursor, Loss, Record, ValueForm};
use crate::wire::envelope;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long records that are there may take to be read.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much a page may hold, and in which form.
#[derive(Clone, Debug)]
pub struct PageLimits {
    /// Records, at most.
    pub max: usize,
    /// Bytes of encoded records, at most; one record that is larger is given alone.
    pub max_bytes: usize,
    /// How long to wait for the first record where there is none.
    pub wait: Duration,
    /// How values stand in the envelopes.
    pub form: ValueForm,
    /// What is said of a record that cannot be told in that form.
    pub not_json: Problem,
}

/// What was read.
#[derive(Debug)]
pub struct Page {
    /// The records' envelopes, with commas between them.
    pub records: BytesMut,
    /// How many there are.
    pub count: usize,
    /// The problems of records that could not be told, each as JSON.
    pub faults: Vec<String>,
    /// Where to go on.
    pub next: Cursor,
    /// Whether it ends where the logs ended.
    pub up_to_date: bool,
    /// The worst loss before it began.
    pub loss: Option<Loss>,
    /// What was lost.
    pub gaps: Vec<Gap>,
}

/// Reads a page.
pub(super) async fn read(shared: &Arc<Shared>, reading: &Reading, limits: PageLimits) -> Result<Page, Error> {
    let begun = Instant::now();
    let opening = shared.opening(reading, None).await?;
    let mut reading = Pager::new(shared, reading, limits, &opening);
    let (waited, patient) = (begun + reading.limits.wait, begun + PATIENCE);
    while !reading.enough(waited) {
        let waits = reading.track.caught_up();
        let deadline = if waits { waited } else { patient };
        let events = tokio::select! {
            // What is there is still given; what may come is for another gateway to wait for.
            () = shared.drain.begun(), if waits => break,
            events = tokio::time::timeout_at(deadline, reading.events()) => events,
        };
        match events {
            Ok(Ok(events)) => reading.take(events)?,
            // A place among the readers was waited for already.
            Ok(Err(error @ Error::Full(_))) if !reading.moved(&opening) => return Err(error),
            Ok(Err(Error::Full(_))) => break,
            Ok(Err(error)) if error.is_final() || Instant::now() >= deadline => return Err(error),
            Ok(Err(_)) => reading.lost = true,
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            if waits || reading.moved(&opening) {
                break;
            }
            return Err(KafkaError::unavailable("the records could not be read in time").into());
        }
        if reading.lost {
            tokio::time::sleep(REOPEN_PAUSE).await;
        }
    }
    Ok(reading.into_page(opening.loss))
}

/// A page in the making.
struct Pager<'a> {
    shared: &'a Arc<Shared>,
    reading: &'a Reading,
    limits: PageLimits,
    track: Track,
    reader: Option<Reader>,
    /// Whether the reader's place was lost, so that it must be looked for anew.
    lost: bool,
    records: BytesMut,
    count: usize,
    faults: Vec<String>,
    gaps: Vec<Gap>,
    full: bool,
}

impl<'a> Pager<'a> {
    fn new(shared: &'a Arc<Shared>, reading: &'a Reading, limits: PageLimits, opening: &Opening) -> Self {
        let track = Track::new(opening, reading.until, now());
        let (records, gaps) = (BytesMut::new(), opening.gaps.clone());
        let (count, faults, full) = (0, Vec::new(), false);
        Self { shared, reading, limits, track, reader: None, lost: false, records, count, faults, gaps, full }
    }

    /// Whether the page can be answered with what it holds.
    fn enough(&self, waited: Instant) -> bool {
        // That a topic is gone is told with every page, so it is no reason not to wait for the others.
        let gap = self.gaps.iter().any(|gap| gap.reason != Loss::Deleted);
        let something = self.count > 0 || !self.faults.is_empty() || gap;
        self.full
            || self.track.finished()
            || self.track.caught_up() && (something || Instant::now() >= waited)
    }

    fn moved(&self, opening: &Opening) -> bool {
        *self.track.cursor() != opening.cursor()
    }

    /// What the reader sees next. It is started by the first call, and anew after its place was lost.
    async fn events(&mut self) -> Result<Vec<Event>, Error> {
        if self.lost {
            let standing = Standing::from(&self.track);
            let opening = self.shared.opening(self.reading, Some(&standing)).await?;
            self.gaps.extend(self.track.reopen(&opening, now()));
            self.lost = false;
            return Ok(Vec::new());
        }
        if self.reader.is_none() {
            let positions = self.track.reads();
            if positions.is_empty() {
                return std::future::pending().await;
            }
            self.reader = Some(self.shared.reader(self.reading.isolation, positions).await?);
        }
        let events = match &mut self.reader {
            Some(reader) => reader.next().await,
            None => None,
        };
        self.lost = events.is_none();
        Ok(events.unwrap_or_default())
    }

    fn take(&mut self, events: Vec<Event>) -> Result<(), Error> {
        let mut batch = Some(events);
        while let Some(events) = batch.take() {
            for event in events {
                match event {
                    Event::Record(record) => self.record(&record),
                    Event::End { topic, partition, next } => {
                        self.track.reached_end(&topic, partition, next);
                    }
                    Event::Failed { error, .. } => {
                        if let Remedied::Never = remedy(&error) {
                            return Err(error.into());
                        }
                        (self.reader, self.lost) = (None, true);
                        return Ok(());
                    }
                }
                if self.full || self.track.finished() {
                    return Ok(());
                }
            }
            batch = self.reader.as_mut().and_then(Reader::try_next);
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        let begun = self.records.len();
        if self.count > 0 {
            self.records.extend_from_slice(b",");
        }
        self.records.extend_from_slice(b"{");
        let told = envelope::write_members(record, self.limits.form, &mut self.records).is_ok();
        self.records.extend_from_slice(b"}");
        // Asked before the position moves: what is not given stays for the next page.
        self.full = self.count > 0 && self.records.len() > self.limits.max_bytes;
        if self.full || !self.track.take(record) {
            return self.records.truncate(begun);
        }
        if told {
            self.count += 1;
        } else {
            self.records.truncate(begun);
            self.faults.push((self.limits.not_json.0)(record));
        }
        self.full = self.count + self.faults.len() >= self.limits.max
            || self.count > 0 && self.records.len() >= self.limits.max_bytes;
    }

    fn into_page(self, loss: Option<Loss>) -> Page {
        self.shared.metrics.streams.paged.inc_by(self.count as u64);
        self.shared.count(&self.gaps);
        let cursor = self.track.cursor().clone();
        Page {
            records: self.records,
            count: self.count,
            faults: self.faults,
            next: if self.track.finished() { cursor.finish() } else { cursor },
            up_to_date: self.track.caught_up(),
            loss,
            gaps: self.gaps,
        }
    }
}
