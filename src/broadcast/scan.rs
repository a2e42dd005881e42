//! How much a page may look at that its filter does not want, before it answers with what it has.
//!
//! Without a bound a filter that wants little would hold its client and a reader for as long as a log is long. The next page
//! goes on where this one ended. Whoever holds it says what time it is.

use crate::record::Record;
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

/// The most records that are passed over.
const RECORDS: usize = 50_000;

/// The most bytes of their keys, values and headers.
const BYTES: usize = 32 << 20;

/// How long it may take after the first of them.
const TIME: Duration = Duration::from_secs(3);

/// What was passed over so far.
#[derive(Debug, Default)]
pub struct Scan {
    records: usize,
    bytes: usize,
    begun: Option<Instant>,
}

impl Scan {
    /// Counts a record that was passed over.
    pub fn pass(&mut self, record: &Record, now: Instant) {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = record.headers.iter().map(|(name, value)| name.len() + size(value));
        self.records += 1;
        self.bytes += size(&record.key) + size(&record.value) + headers.sum::<usize>();
        self.begun.get_or_insert(now);
    }

    /// How many records were passed over.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether that was as much as may be.
    pub fn is_over(&self, now: Instant) -> bool {
        self.records >= RECORDS || self.bytes >= BYTES || self.begun.is_some_and(|begun| now - begun >= TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;

    fn record(bytes: usize) -> Record {
        Record {
            topic: TopicName::parse("t").expect("a legal name"),
            partition: 0,
            offset: 0,
            timestamp: None,
            key: None,
            value: Some(vec![0; bytes].into()),
            headers: vec![],
        }
    }

    #[test]
    fn records_bytes_and_time_each_end_a_scan() {
        let (small, large, now) = (record(1), record(BYTES / 4), Instant::now());
        for (record, times) in [(&small, RECORDS), (&large, 4)] {
            let mut scan = Scan::default();
            for _ in 0..times {
                assert!(!scan.is_over(now));
                scan.pass(record, now);
            }
            assert!(scan.is_over(now));
        }
        let mut scan = Scan::default();
        scan.pass(&small, now + TIME);
        scan.pass(&small, now + TIME * 3 / 2);
        assert!(!scan.is_over(now + TIME), "what was before the first does not count");
        assert!(scan.is_over(now + TIME * 2));
    }
}
