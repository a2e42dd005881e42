//! What is counted of streams and pages.

use super::Reasons;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
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
    ring_bytes: Gauge,
    ring_age: Gauge<f64, AtomicU64>,
    /// Stretches of the logs that were begun for who was behind.
    pub history_begun: Counter,
    /// Times who was behind found such a stretch that was there already.
    pub history_shared: Counter,
}

impl Streams {
    pub(super) fn register(of: &mut Registry) -> Self {
        let streams = Self {
            open: Gauge::default(),
            opened: Counter::default(),
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
            ring_bytes: Gauge::default(),
            ring_age: Gauge::default(),
            history_begun: Counter::default(),
            history_shared: Counter::default(),
        };
        of.register("streams", "Open streams", streams.open.clone());
        of.register("streams_opened", "Streams that were opened", streams.opened.clone());
        of.register("streams_ended", "Streams that ended, by reason", streams.ended.family());
        of.register("stream_gaps", "Gaps told to streams and pages, by what was lost", streams.gaps.family());
        of.register("streamed_records", "Records written to streams", streams.records.clone());
        let bytes = "Bytes written to streams, control events among them";
        of.register_with_unit("streamed", bytes, Unit::Bytes, streams.bytes.clone());
        of.register(
            "streams_reopened",
            "Times a stream looked anew for its place, because Kafka was away or its topics changed",
            streams.reopened.clone(),
        );
        of.register("paged_records", "Records given in pages", streams.paged.clone());
        of.register("stream_readers", "Kafka readers in use by streams and pages", streams.readers.clone());
        of.register(
            "stream_readers_limit",
            "Kafka readers that may be in use (streams.max_readers)",
            streams.max_readers.clone(),
        );
        let overrun = "Times a stream was so slow that a ring left it behind";
        of.register("streams_overrun", overrun, streams.overrun.clone());
        of.register("live_topics", "Topics whose end is read for all who watch", streams.live.clone());
        let bytes = "About how many bytes the rings of live topics hold";
        of.register_with_unit("ring", bytes, Unit::Bytes, streams.ring_bytes.clone());
        let age = "Age of the oldest records in a ring of a live topic";
        of.register_with_unit("ring_age", age, Unit::Seconds, streams.ring_age.clone());
        let begun = "Stretches of the logs that were begun for streams and pages that were behind";
        of.register("history_reads", begun, streams.history_begun.clone());
        let shared = "Times a stream or page that was behind found such a stretch that was read already";
        of.register("history_hits", shared, streams.history_shared.clone());
        streams
    }

    /// The rings of all live topics hold so much, and go back so far.
    pub fn rings(&self, bytes: usize, age: Duration) {
        self.ring_bytes.set(bytes as i64);
        self.ring_age.set(age.as_secs_f64());
    }

    /// Lets every reason of these lists be there from the start.
    pub fn expect(&self, ends: &[&'static str], losses: &[&'static str]) {
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
