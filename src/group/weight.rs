//! How many bytes of records are in memory that were not acknowledged, of all groups of the process.

use crate::record::Record;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a record costs beside its bytes.
const OVERHEAD: usize = 200;

/// The room that all groups share. Clones are the same room.
#[derive(Clone, Debug)]
pub struct Budget {
    most_bytes: usize,
    taken: Arc<AtomicUsize>,
}

/// A record's bytes, which count until this is dropped.
#[derive(Debug)]
pub struct Weighed {
    bytes: usize,
    taken: Arc<AtomicUsize>,
}

impl Budget {
    /// Room for about so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, taken: Arc::default() }
    }

    /// Whether there is room.
    pub fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.most_bytes
    }

    /// How many bytes are taken.
    pub fn taken_bytes(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes the room of a record, whether there is any or not.
    pub fn weigh(&self, record: &Record) -> Weighed {
        let bytes = payload_bytes(record) + OVERHEAD;
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Weighed { bytes, taken: self.taken.clone() }
    }
}

impl Drop for Weighed {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The bytes of a record's key, value and headers.
pub fn payload_bytes(record: &Record) -> usize {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + length(value)).sum();
    length(&record.key) + length(&record.value) + headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;

    #[test]
    fn a_record_weighs_until_it_is_dropped() {
        let record = Record {
            topic: TopicName::parse("orders").expect("a legal name"),
            partition: 0,
            offset: 0,
            timestamp: None,
            key: Some("key".into()),
            value: Some(vec![0; 100].into()),
            headers: vec![("name".into(), None), ("n".into(), Some("v".into()))],
        };
        assert_eq!(payload_bytes(&record), 3 + 100 + 4 + 2);
        let budget = Budget::new(2 * (OVERHEAD + 109));
        let one = budget.weigh(&record);
        assert!(budget.has_room());
        let two = budget.weigh(&record);
        assert!(!budget.has_room());
        drop((one, two));
        assert_eq!(budget.taken_bytes(), 0);
    }
}
