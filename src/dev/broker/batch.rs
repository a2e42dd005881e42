//! Reading the fixed part of a stored record batch, and finding batches in a log. Pure.
//!
//! Offsets in Kafka's message format v2 (magic 2, the only one the engine stores): base offset 0, length 8,
//! leader epoch 12, magic 16, checksum 17, attributes 21, last offset delta 23, base timestamp 27, max
//! timestamp 35, producer id 43, producer epoch 51, base sequence 53, record count 57, records 61.
//! The checksum covers what follows it, so the base offset and leader epoch may be written by the broker.
//! Records inside a batch may be compressed and are not looked at here.

use noida::kafka::engine::PartitionState;

/// A log as the engine keeps it: base offset and bytes of each batch, in order of offset.
pub type Log = [(i64, Vec<u8>)];

/// The fixed part of one stored batch.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a>(&'a [u8]);

impl<'a> Batch<'a> {
    /// Looks at a batch of the log, which the engine let in only after checking its form.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The offset of its last record.
    pub fn last_offset(self) -> i64 {
        i64::from_be_bytes(self.field(0)) + i64::from(i32::from_be_bytes(self.field(23)))
    }

    /// The largest timestamp among its records, in milliseconds since the epoch.
    pub fn max_timestamp(self) -> i64 {
        i64::from_be_bytes(self.field(35))
    }

    /// Whether it is a commit or abort marker instead of data.
    pub fn is_control(self) -> bool {
        i16::from_be_bytes(self.field(21)) & 0x20 != 0
    }

    /// Producer id, epoch and first sequence number: what tells a repeated batch. Id -1 when the
    /// producer is not idempotent.
    pub fn sequence(self) -> (i64, i16, i32) {
        (
            i64::from_be_bytes(self.field(43)),
            i16::from_be_bytes(self.field(51)),
            i32::from_be_bytes(self.field(53)),
        )
    }

    fn field<const N: usize>(self, at: usize) -> [u8; N] {
        *self.0[at..].first_chunk().expect("a stored batch holds at least its fixed part")
    }
}

/// Writes the partition's leader epoch, always 0 here, as a broker does on append: producers send -1.
pub fn stamp_leader_epoch(batch: &mut [u8]) {
    batch[12..16].copy_from_slice(&0_i32.to_be_bytes());
}

/// The index of the first batch with a record at or after `offset`: compaction leaves gaps, so the batch
/// that once held it may be gone.
pub fn first_at_or_after(log: &Log, offset: i64) -> usize {
    let after = log.partition_point(|(base, _)| *base <= offset);
    match after.checked_sub(1) {
        Some(before) if Batch::new(&log[before].1).last_offset() >= offset => before,
        _ => after,
    }
}

/// The last stable offset: no record at or after it is known to be committed (KIP-98).
/// Never before the log's start, even when retention has cut into an open transaction.
pub fn stable_end(partition: &PartitionState) -> i64 {
    let open = partition.active_txns.values().copied().min().unwrap_or(partition.high_watermark);
    open.min(partition.high_watermark).max(partition.log_start_offset)
}

/// Where a reader of this isolation level must stop.
pub fn visible_end(partition: &PartitionState, read_committed: bool) -> i64 {
    if read_committed { stable_end(partition) } else { partition.high_watermark }
}

#[cfg(test)]
pub mod sample {
    //! Batches for the tests of this room.

    use bytes::{Bytes, BytesMut};
    use kafka_protocol::records::{
        Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };

    /// One data record: sequence number -1 and no producer.
    pub fn record(offset: i64, timestamp: i64, value: &[u8]) -> Record {
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: -1,
            timestamp,
            key: None,
            value: Some(Bytes::copy_from_slice(value)),
            headers: Default::default(),
        }
    }

    /// The records as one batch, with its base offset, as the engine stores it.
    pub fn batch(records: &[Record]) -> (i64, Vec<u8>) {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, records, &options).expect("plain records encode");
        (records[0].offset, bytes.to_vec())
    }

    /// A batch of `count` records from `base` on.
    pub fn run(base: i64, count: i64) -> (i64, Vec<u8>) {
        // Sequences rise with offsets, or the encoder starts another batch.
        let one = |i| kafka_protocol::records::Record {
            sequence: i as i32,
            ..record(base + i, 1_000 + base + i, b"some value")
        };
        batch(&(0..count).map(one).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_part_is_read_as_it_was_written() {
        let mut record = sample::record(40, 1_234, b"x");
        (record.producer_id, record.producer_epoch, record.sequence) = (9, 3, 17);
        let (_, mut bytes) = sample::batch(&[record]);
        stamp_leader_epoch(&mut bytes);
        let batch = Batch::new(&bytes);
        assert_eq!(batch.last_offset(), 40);
        assert_eq!(batch.max_timestamp(), 1_234);
        assert_eq!(batch.sequence(), (9, 3, 17));
        assert!(!batch.is_control());
        assert_eq!(bytes[12..16], [0; 4]);
        let (_, run) = sample::run(10, 5);
        assert_eq!(Batch::new(&run).last_offset(), 14);
    }

    #[test]
    fn a_batch_is_found_by_any_offset_in_it_and_over_gaps() {
        // Offsets 0–2, 3–5, then a gap that compaction left, then 10–11.
        let log = [sample::run(0, 3), sample::run(3, 3), sample::run(10, 2)];
        for (offset, index) in
            [(0, 0), (2, 0), (3, 1), (5, 1), (6, 2), (9, 2), (10, 2), (11, 2), (12, 3), (99, 3)]
        {
            assert_eq!(first_at_or_after(&log, offset), index, "offset {offset}");
        }
        assert_eq!(first_at_or_after(&[], 0), 0);
    }

    #[test]
    fn the_stable_end_stops_at_the_first_open_transaction_but_not_before_the_log_starts() {
        let mut partition = PartitionState::new(0, 1);
        partition.high_watermark = 100;
        assert_eq!(stable_end(&partition), 100);
        partition.active_txns.extend([(1, 60), (2, 40)]);
        assert_eq!((visible_end(&partition, true), visible_end(&partition, false)), (40, 100));
        partition.log_start_offset = 50;
        assert_eq!(stable_end(&partition), 50);
    }
}
