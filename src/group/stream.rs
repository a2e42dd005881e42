//! A stream of a group: the records that its session is handed, as frames, for as long as its client stays.
//!
//! Who may end it, and what the client then sees: the client itself; its age, and shutdown (`drain`); the time to acknowledge
//! by coming back (`drain` with the reason `ack`, where that is how records are acknowledged); the client again, by coming
//! back on another connection (the stream ends and says nothing); and what no waiting mends ([`Item::Fault`]). Kafka being
//! away ends nothing. What a client holds when its stream ends is held for it for a while longer.

mod due;
mod frames;

use super::acks::Resumed;
use super::delivery::AckMode;
use super::desk::{Appetite, Given, Stalled};
use super::pool::{Attached, Pool};
use super::work::{Work, check, committed, count};
use super::{Error, station};
use crate::kafka::member::Partition;
use crate::telemetry::{End, Tally};
use crate::wire::Format;
use bytes::{Bytes, BytesMut};
use due::{Due, What};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much is handed to a stream at once.
const BITE: Appetite = Appetite { max: 1_000, max_bytes: 256 << 10 };

/// The most records at once where they are lost if their client is gone meanwhile (`written`).
const WRITTEN_BITE: usize = 100;

/// How a stream is told.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The form of its frames; none that a value may not have.
    pub format: Format,
    /// The longest silence.
    pub heartbeat: Duration,
    /// Whether a heartbeat is an event that page code sees.
    pub ping: bool,
    /// About how long it lives; for ever, when `None`.
    pub max_age: Option<Duration>,
}

/// A part of a stream.
#[derive(Debug)]
pub enum Item {
    /// Whole frames.
    Frames(Bytes),
    /// It cannot go on; nothing follows.
    Fault(Error),
}

/// An open stream. Dropping it begins the leases of what its client holds, where they have not begun.
pub struct Stream {
    pool: Arc<Pool>,
    attached: Attached,
    work: Work,
    manner: Manner,
    /// The number of the last record that it was handed.
    sequence: u64,
    /// How many of its records wait for its client to come back.
    unacked: usize,
    /// What is to be written.
    out: BytesMut,
    /// The member's partitions as they were told last, and how often they had moved by then.
    partitions: BTreeSet<Partition>,
    moves: u64,
    /// The stalled partitions that were told, with the offsets they stand at.
    stalled: BTreeSet<(Partition, i64)>,
    due: Due,
    over: bool,
    tally: Arc<Tally>,
}

impl Stream {
    /// A stream that begins where the group stands.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(super) async fn open(
        pool: Arc<Pool>,
        work: Work,
        manner: Manner,
        resumed: Option<Resumed>,
    ) -> Result<Self, Error> {
        pool.look_up(&work.topics, &work.delivery).await?;
        let attached = pool.attach(&work, None).await?;
        let max_age = manner.max_age.map(|age| age.mul_f64(rand::random_range(0.8..1.0)));
        let mut stream = Self {
            attached,
            sequence: 0,
            unacked: 0,
            out: BytesMut::new(),
            partitions: BTreeSet::new(),
            moves: 0,
            stalled: BTreeSet::new(),
            due: Due::new(manner.heartbeat, max_age),
            over: false,
            tally: Arc::default(),
            pool,
            work,
            manner,
        };
        stream.pool.metrics().streams.open.inc();
        stream.pool.metrics().streams.opened.inc();
        stream.write_ready(resumed, max_age);
        Ok(stream)
    }

    /// What becomes of it, also when it is gone.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// The next part, as soon as there is one; `None` when the stream has ended. Always ends between two frames.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if !self.out.is_empty() {
                self.due.spoke();
                self.pool.metrics().streams.bytes.inc_by(self.out.len() as u64);
                return Some(Item::Frames(self.out.split().freeze()));
            }
            if self.over {
                return None;
            }
            if let Err(error) = self.step().await {
                self.over = true;
                self.tally.ends(End::Fault);
                return Some(Item::Fault(error));
            }
        }
    }

    /// Waits until there is something to do, and does it.
    async fn step(&mut self) -> Result<(), Error> {
        let (pool, station) = (self.pool.clone(), self.attached.station.clone());
        let mut changed = pin!(station.changed.notified());
        // From here on nothing is missed.
        changed.as_mut().enable();
        let now = Instant::now();
        if let Some(what) = self.due.take(now) {
            self.fall_due(what, now);
            return Ok(());
        }
        let given = self.take(now)?;
        if self.over || !self.out.is_empty() || !given.is_empty() {
            self.give(given).await;
            return Ok(());
        }
        let draining =
            async { if self.due.drains() { std::future::pending().await } else { pool.draining().await } };
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(self.due.next().into()) => {}
            () = draining => self.due.drain(pool.moment()),
        }
        Ok(())
    }

    /// What there is for this stream now.
    fn take(&mut self, now: Instant) -> Result<Vec<Given>, Error> {
        let (station, number) = (self.attached.station.clone(), self.attached.number);
        let mut open = station.open();
        let open: &mut station::Open = &mut open;
        check(open)?;
        if !open.desk.sessions.is_present(number) {
            // Its client is on another connection by now.
            self.over = true;
            return Ok(Vec::new());
        }
        if open.desk.moves() != self.moves {
            self.moves = open.desk.moves();
            let partitions = open.desk.partitions().cloned().collect();
            self.write_moves(partitions);
        }
        open.desk.sessions.waits(number, now);
        let max = match self.most_unacked() {
            Some(most) => most.saturating_sub(self.unacked).min(BITE.max),
            None if self.work.delivery.ack == AckMode::Written => WRITTEN_BITE,
            None => BITE.max,
        };
        let given = open.desk.hand_out((number, self.sequence), Appetite { max, ..BITE }, now);
        if let Some(last) = given.last() {
            self.sequence = last.address.holder.sequence;
            open.desk.sessions.is_busy(number, now);
            last.until.into_iter().for_each(|until| open.look_by(until));
        } else if self.unacked > 0 && open.desk.holds_too_much(number, now) {
            // Somebody else waits for a partition, which is free when this one's client has come back.
            self.due.share(now);
        }
        Ok(given)
    }

    /// How many records it may be handed before its client is to come back, if that is how they are acknowledged.
    fn most_unacked(&self) -> Option<usize> {
        let delivery = &self.work.delivery;
        (delivery.ack == AckMode::Reconnect).then(|| delivery.terms.window.div_ceil(2))
    }

    /// Writes records, once they may be.
    async fn give(&mut self, given: Vec<Given>) {
        if given.is_empty() {
            return;
        }
        let handed = given.len();
        let given = match self.work.delivery.ack {
            AckMode::Written => committed(&self.attached, given).await,
            _ => given,
        };
        self.write_records(&given);
        count(self.pool.metrics(), &given);
        self.pool.metrics().streams.records.inc_by(given.len() as u64);
        self.tally.records_given(given.len() as u64);
        // There is room again; the end of a lease is waited for by the member's thread.
        self.attached.station.nudge();
        if let Some(most) = self.most_unacked() {
            self.unacked += handed;
            self.due.acknowledge();
            if self.unacked >= most {
                self.drain(End::Ack);
            }
        }
    }

    fn fall_due(&mut self, what: What, now: Instant) {
        match what {
            What::Drain => self.drain(End::Shutdown),
            What::Lifetime => self.drain(End::Lifetime),
            What::Acknowledge => self.drain(End::Ack),
            What::Look => self.tell_stalled(now),
            What::Silence => self.manner.format.write_heartbeat(self.manner.ping, &mut self.out),
        }
    }

    fn tell_stalled(&mut self, now: Instant) {
        let stalled = self.attached.station.open().desk.stalled(now);
        let place = |stalled: &Stalled| (stalled.partition.clone(), stalled.offset);
        let told = std::mem::replace(&mut self.stalled, stalled.iter().map(place).collect());
        for stalled in stalled.iter().filter(|stalled| !told.contains(&place(stalled))) {
            self.write_stalled(stalled);
        }
    }

    /// Ends, and asks the client to come back.
    fn drain(&mut self, end: End) {
        self.write_drain(end);
        self.tally.ends(end);
        self.over = true;
        // Its share is kept for the moment that it takes to come back.
        self.attached.returns = end == End::Ack;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let end = self.tally.ends(End::Client);
        self.pool.metrics().streams.ended(end.as_str());
    }
}
