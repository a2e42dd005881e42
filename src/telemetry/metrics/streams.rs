//! What is counted of streams and pages.

use super::Reasons;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What is counted of streams and pages.
#[derive(Debug)]
pub struct Streams {
    /// Streams that are open.
    pub open: Gauge,
    /// Streams that were opened.
    pub opened: Counter,
    refused: Reasons,
    ended: Reasons,
    gaps: Reasons,
    /// Records written to streams.
    pub records: Counter,
    /// Bytes of frames written to streams.
    pub bytes: Counter,
    /// Times a stream left its place to look for it anew.
    pub reopened: Counter,
    /// Records given in pages.
    pub paged: Counter,
    /// Kafka readers in use.
    pub readers: Gauge,
    /// `streams.max_readers`.
    pub max_readers: Gauge,
    /// Times a ring left a stream behind.
    pub overrun: Counter,
    /// Topics whose end is read for all who watch.
    pub live: Gauge,
    /// Bytes of frames that slow sockets hold though no ring does.
    pub pinned: Gauge,
    ring_bytes: Gauge,
    ring_age: Gauge<f64, AtomicU64>,
    /// Stretches of the logs that were begun for who was behind.
    pub history_begun: Counter,
    /// Times who was behind found such a stretch that was there already.
    pub history_shared: Counter,
    /// Bytes that those stretches hold.
    pub history_bytes: Gauge,
    /// Records that filters passed over.
    pub filtered: Counter,
    /// Bytes of records that wait together for a flush, about.
    pub flush: Histogram,
    lag: Histogram,
    delay: Histogram,
}

/// Upper bounds of how long streams are behind, in seconds.
const LAGS: [f64; 7] = [0.0, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// Upper bounds of the sizes of flushes, in bytes.
const FLUSHES: [f64; 7] = [512.0, 2048.0, 8192.0, 16384.0, 32768.0, 65536.0, 262_144.0];

impl Streams {
    pub(super) fn register(of: &mut Registry) -> Self {
        let streams = Self {
            open: Gauge::default(),
            opened: Counter::default(),
            refused: Reasons::default(),
            ended: Reasons::default(),
            gaps: Reasons::default(),
            records: Counter::default(),
            bytes: Counter::default(),
            reopened: Counter::default(),
            paged: Counter::default(),
            readers: Gauge::default(),
            max_readers: Gauge::default(),
            overrun: Counter::default(),
            live: Gauge::default(),
            pinned: Gauge::default(),
            ring_bytes: Gauge::default(),
            ring_age: Gauge::default(),
            history_begun: Counter::default(),
            history_shared: Counter::default(),
            history_bytes: Gauge::default(),
            filtered: Counter::default(),
            flush: Histogram::new(FLUSHES),
            lag: Histogram::new(LAGS),
            delay: super::seconds(),
        };
        streams.tell_ends(of);
        streams.tell_reading(of);
        streams
    }

    /// How streams open and end, and what they are given.
    fn tell_ends(&self, of: &mut Registry) {
        of.register("streams", "Open streams", self.open.clone());
        of.register("streams_opened", "Streams that were opened", self.opened.clone());
        let refused = "Streams and pages that were refused, by reason";
        of.register("streams_refused", refused, self.refused.family());
        of.register("streams_ended", "Streams that ended, by reason", self.ended.family());
        of.register("stream_gaps", "Gaps told to streams and pages, by what was lost", self.gaps.family());
        of.register("streamed_records", "Records written to streams", self.records.clone());
        let bytes = "Bytes written to streams, control events among them";
        of.register_with_unit("streamed", bytes, Unit::Bytes, self.bytes.clone());
        of.register(
            "streams_reopened",
            "Times a stream looked anew for its place, because Kafka was away or its topics changed",
            self.reopened.clone(),
        );
    }

    /// How it is read for them.
    fn tell_reading(&self, of: &mut Registry) {
        of.register("paged_records", "Records given in pages", self.paged.clone());
        of.register("stream_readers", "Kafka readers in use by streams and pages", self.readers.clone());
        of.register(
            "stream_readers_limit",
            "Kafka readers that may be in use (streams.max_readers)",
            self.max_readers.clone(),
        );
        let overrun = "Times a stream was so slow that a ring left it behind";
        of.register("streams_overrun", overrun, self.overrun.clone());
        of.register("live_topics", "Topics whose end is read for all who watch", self.live.clone());
        let bytes = "About how many bytes the rings of live topics hold";
        of.register_with_unit("ring", bytes, Unit::Bytes, self.ring_bytes.clone());
        let pinned = "Bytes of frames that slow connections hold though no ring does any more";
        of.register_with_unit("pinned", pinned, Unit::Bytes, self.pinned.clone());
        let age = "Age of the oldest records in a ring of a live topic";
        of.register_with_unit("ring_age", age, Unit::Seconds, self.ring_age.clone());
        let begun = "Stretches of the logs that were begun for streams and pages that were behind";
        of.register("history_reads", begun, self.history_begun.clone());
        let shared = "Times a stream or page that was behind found such a stretch that was read already";
        of.register("history_hits", shared, self.history_shared.clone());
        let bytes = "About how many bytes are kept of what was read for streams and pages that were behind";
        of.register_with_unit("history", bytes, Unit::Bytes, self.history_bytes.clone());
        let filtered = "Records that filters of streams and pages passed over";
        of.register("filtered_records", filtered, self.filtered.clone());
        let flush = "About how many bytes of records waited together until their viewers were woken";
        of.register_with_unit("stream_flush", flush, Unit::Bytes, self.flush.clone());
        let lag = "How far streams were behind the ends of their topics, asked of each every few seconds";
        of.register_with_unit("stream_lag", lag, Unit::Seconds, self.lag.clone());
        let delay = "From a record's timestamp until it was handed to a stream's connection, once a second of each stream";
        of.register_with_unit("stream_delay", delay, Unit::Seconds, self.delay.clone());
    }

    /// A stream is so far behind the ends of its topics.
    pub fn lag(&self, age: Duration) {
        self.lag.observe(age.as_secs_f64());
    }

    /// A record whose timestamp is so long ago was handed to a connection.
    pub fn delay(&self, age: Duration) {
        self.delay.observe(age.as_secs_f64());
    }

    /// A stream or a page was refused.
    pub fn refused(&self, reason: &'static str) {
        self.refused.count(reason);
    }

    /// The rings of all live topics hold so much, and go back so far.
    pub fn rings(&self, bytes: usize, age: Duration) {
        self.ring_bytes.set(bytes as i64);
        self.ring_age.set(age.as_secs_f64());
    }

    /// Lets every reason of these lists be there from the start.
    pub fn expect(&self, refusals: &[&'static str], ends: &[&'static str], losses: &[&'static str]) {
        self.refused.expect(refusals);
        self.ended.expect(ends);
        self.gaps.expect(losses);
    }

    /// A stream has ended.
    pub fn ended(&self, reason: &'static str) {
        self.open.dec();
        self.ended.count(reason);
    }

    /// A gap was told.
    pub fn gap(&self, loss: &'static str) {
        self.gaps.count(loss);
    }
}
