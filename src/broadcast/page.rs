//! A page: records from a position on, as soon as there are any, and the cursor behind them.
//!
//! The same opening and the same positions as a stream, so a client may change between the two at any time. A page that
//! waits does not look whether topics join meanwhile: the next one, which brings the cursor, finds them whole.
//!
//! A page that waits for what is to come waits at the tapes, as streams do. One that has something to read takes it from
//! tapes that are there, else from the log, and has no topic read for it when it is gone.

use super::block::Passed;
use super::follower::{Follower, Step};
use super::live::Watch;
use super::opening::{Gap, Opening, Place};
use super::scan::Scan;
use super::survey::Standing;
use super::track::Track;
use super::{Error, Problem, REOPEN_PAUSE, Reading, Remedied, Shared, now, remedy};
use crate::kafka::Error as KafkaError;
use crate::record::{Cursor, Filter, Loss, Record, Subject, ValueForm};
use crate::wire::envelope;
use bytes::BytesMut;
use std::future::poll_fn;
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
        let step = tokio::select! {
            // What is there is still given; what may come is for another gateway to wait for.
            () = shared.drain.begun(), if waits => break,
            step = tokio::time::timeout_at(deadline, reading.next()) => step,
        };
        match step {
            Ok(Ok(step)) => {
                reading.take(step)?;
                // What is passed over costs time and waits for nothing: others have their turn.
                tokio::task::yield_now().await;
            }
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
    /// What it reads from; nothing yet, at first.
    follower: Option<Follower>,
    places: Vec<Place>,
    /// Whether its place was lost, so that it must be looked for anew.
    lost: bool,
    records: BytesMut,
    count: usize,
    faults: Vec<String>,
    gaps: Vec<Gap>,
    full: bool,
    scan: Scan,
}

impl<'a> Pager<'a> {
    fn new(shared: &'a Arc<Shared>, reading: &'a Reading, limits: PageLimits, opening: &Opening) -> Self {
        let track = Track::new(opening, reading.until, now());
        let (records, gaps) = (BytesMut::new(), opening.gaps.clone());
        let (count, faults, full, scan) = (0, Vec::new(), false, Scan::default());
        let (follower, places, lost) = (None, opening.places.clone(), false);
        Self {
            shared,
            reading,
            limits,
            track,
            follower,
            places,
            lost,
            records,
            count,
            faults,
            gaps,
            full,
            scan,
        }
    }

    /// Whether the page can be answered with what it holds.
    fn enough(&self, waited: Instant) -> bool {
        // That a topic is gone is told with every page, so it is no reason not to wait for the others.
        let gap = self.gaps.iter().any(|gap| gap.reason != Loss::Deleted);
        let something = self.count > 0 || !self.faults.is_empty() || gap;
        self.full
            || self.track.finished()
            || self.scanned()
            || self.track.caught_up() && (something || Instant::now() >= waited)
    }

    /// Whether as much was passed over as may be. At the end of the logs nothing is left but to wait.
    fn scanned(&self) -> bool {
        !self.track.caught_up() && self.scan.is_over(Instant::now())
    }

    fn moved(&self, opening: &Opening) -> bool {
        *self.track.cursor() != opening.cursor()
    }

    /// What comes next, or nothing when only the place changed.
    async fn next(&mut self) -> Result<Option<Step>, Error> {
        if self.lost {
            let standing = Standing::from(&self.track);
            let opening = self.shared.opening(self.reading, Some(&standing)).await?;
            self.gaps.extend(self.track.reopen(&opening, now()));
            (self.places, self.follower, self.lost) = (opening.places, None, false);
            return Ok(None);
        }
        let watch = self.reading.watch(self.shared.flush);
        if self.follower.is_none() {
            self.follower = Some(self.follow(watch));
        }
        let Self { shared, reading, track, follower: Some(follower), .. } = self else { return Ok(None) };
        shared.place(follower, track, (reading.partitions.as_ref(), watch)).await?;
        Ok(Some(poll_fn(|cx| follower.poll(track, cx)).await))
    }

    fn follow(&self, watch: Watch<'_>) -> Follower {
        let (live, track) = (&self.shared.live, &self.track);
        let attach = |place: &Place, bell: &_| {
            if track.caught_up() && !track.ends_by_number() {
                Some(live.attach(watch, place, bell))
            } else {
                live.find(watch, place, bell)
            }
        };
        Follower::new((&self.places, track), attach, std::time::Instant::now())
    }

    fn take(&mut self, step: Option<Step>) -> Result<(), Error> {
        match step {
            None | Some(Step::Seek | Step::Overrun(_)) => {}
            Some(Step::Block(t, block)) => {
                self.track.learn(t, block.after().len(), self.reading.partitions.as_ref());
                for passed in block.passed() {
                    match passed {
                        Passed::Record(record) => self.record(t, record),
                        Passed::Moved { partition, next } => {
                            self.track.moved(t, *partition, *next);
                        }
                    }
                    if self.full || self.track.finished() || self.scanned() {
                        break;
                    }
                }
            }
            Some(Step::Failed(error)) => return self.lose(&error),
        }
        Ok(())
    }

    /// Looks for another place, if that may help.
    fn lose(&mut self, error: &KafkaError) -> Result<(), Error> {
        if let Remedied::Never = remedy(error) {
            return Err(error.clone().into());
        }
        (self.follower, self.lost) = (None, true);
        Ok(())
    }

    /// Moves on behind a record that the filter does not want.
    fn passes_over(&mut self, t: usize, record: &Record) -> bool {
        let wants = |filter: &Arc<Filter>| filter.matches(&Subject::new(record));
        let wanted = self.reading.filter.as_ref().is_none_or(wants);
        if !wanted && self.track.take(t, record) {
            self.scan.pass(record, Instant::now());
        }
        !wanted
    }

    fn record(&mut self, t: usize, record: &Record) {
        if self.passes_over(t, record) {
            return;
        }
        let begun = self.records.len();
        if self.count > 0 {
            self.records.extend_from_slice(b",");
        }
        self.records.extend_from_slice(b"{");
        let told = envelope::write_members(record, self.limits.form, &mut self.records).is_ok();
        self.records.extend_from_slice(b"}");
        // Asked before the position moves: what is not given stays for the next page.
        self.full = self.count > 0 && self.records.len() > self.limits.max_bytes;
        if self.full || !self.track.take(t, record) {
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
        self.shared.metrics.streams.filtered.inc_by(self.scan.records() as u64);
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
