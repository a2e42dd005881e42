//! ListOffsets and OffsetForLeaderEpoch, whole. The engine decodes the log from its beginning for every
//! look-up by time; here only the batch that has the answer is decoded.
//!
//! There was never another leader: the leader epoch is 0 everywhere, and ends where the log ends.

use super::{
    batch::{self, Batch},
    cluster::State,
};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
        offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
    },
    records::{Record, RecordBatchDecoder},
};
use noida::kafka::engine::PartitionState;
use std::ops::Range;

/// Where an offset is looked for: the special timestamps of ListOffsets (KIP-79, KIP-734, KIP-405).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;

/// Answers ListOffsets. Latest under read_committed is the last stable offset.
pub fn list(state: &State, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let answer = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            let Some(log) = state.log(topic.name.as_str(), asked.partition_index) else {
                return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            if asked.current_leader_epoch > 0 {
                return answer.with_error_code(ResponseError::UnknownLeaderEpoch.code());
            }
            let visible = log.log_start_offset..batch::visible_end(log, request.isolation_level == 1);
            match find(log, visible, asked.timestamp) {
                Some((offset, timestamp)) => {
                    answer.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(0)
                }
                None => answer,
            }
        });
        let answer = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
        answer.with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Offset and timestamp of what was asked for; the timestamp is -1 for the ends of the log.
fn find(log: &PartitionState, visible: Range<i64>, timestamp: i64) -> Option<(i64, i64)> {
    match timestamp {
        LATEST => Some((visible.end, -1)),
        EARLIEST | EARLIEST_LOCAL => Some((visible.start, -1)),
        MAX_TIMESTAMP => {
            let largest = data_batches(log, &visible).map(|(_, batch)| batch.max_timestamp()).max()?;
            first_at_or_after_time(log, &visible, largest)
        }
        timestamp if timestamp >= 0 => first_at_or_after_time(log, &visible, timestamp),
        _ => None,
    }
}

/// The earliest record with this timestamp or a later one. Markers have timestamps too, and never match.
fn first_at_or_after_time(log: &PartitionState, visible: &Range<i64>, from: i64) -> Option<(i64, i64)> {
    data_batches(log, visible).filter(|(_, batch)| batch.max_timestamp() >= from).find_map(|(bytes, _)| {
        let records = records(bytes)?;
        let matches = |record: &&Record| record.timestamp >= from && visible.contains(&record.offset);
        records.iter().find(matches).map(|record| (record.offset, record.timestamp))
    })
}

fn data_batches<'a>(
    log: &'a PartitionState,
    visible: &'a Range<i64>,
) -> impl Iterator<Item = (&'a [u8], Batch<'a>)> {
    let batches = log.record_batches.iter().take_while(|(base, _)| *base < visible.end);
    let batches = batches.map(|(_, bytes)| (bytes.as_slice(), Batch::new(bytes)));
    batches.filter(|(_, batch)| !batch.is_control() && batch.last_offset() >= visible.start)
}

fn records(batch: &[u8]) -> Option<Vec<Record>> {
    // The producer's compression may be one that does not unpack: then nothing is known of its times.
    RecordBatchDecoder::decode(&mut Bytes::copy_from_slice(batch)).ok().map(|set| set.records)
}

/// Answers OffsetForLeaderEpoch (KIP-320): how a reader finds out whether its log was cut.
pub fn for_leader_epoch(
    state: &State,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let answer = EpochEndOffset::default().with_partition(asked.partition);
            let Some(log) = state.log(topic.topic.as_str(), asked.partition) else {
                return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            match (asked.current_leader_epoch, asked.leader_epoch) {
                (1.., _) => answer.with_error_code(ResponseError::UnknownLeaderEpoch.code()),
                (_, 0) => answer.with_leader_epoch(0).with_end_offset(log.high_watermark),
                // An epoch that never was has no end: -1, as the answer's defaults say.
                _ => answer,
            }
        });
        let answer = OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone());
        answer.with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::batch::sample;

    /// Offsets 0..6, in batches of two, with times that do not rise evenly.
    fn log() -> PartitionState {
        let mut log = PartitionState::new(0, 1);
        for (base, times) in [(0, [100, 300]), (2, [200, 250]), (4, [500, 400])] {
            let mut records = times.map(|time| sample::record(base, time, b"v"));
            (records[1].offset, records[1].sequence) = (base + 1, 0);
            log.append_batch(sample::batch(&records).1, 2, 0, None);
        }
        log
    }

    #[test]
    fn an_offset_is_found_by_time_in_the_order_of_offsets() {
        let log = log();
        for (timestamp, expected) in [
            (0, Some((0, 100))),
            (100, Some((0, 100))),
            (101, Some((1, 300))),
            (301, Some((4, 500))),
            (500, Some((4, 500))),
            (501, None),
            (LATEST, Some((6, -1))),
            (EARLIEST, Some((0, -1))),
            (EARLIEST_LOCAL, Some((0, -1))),
            (MAX_TIMESTAMP, Some((4, 500))),
            (-5, None),
        ] {
            assert_eq!(find(&log, 0..6, timestamp), expected, "timestamp {timestamp}");
        }
    }

    #[test]
    fn what_is_not_visible_is_not_found() {
        let log = log();
        assert_eq!(find(&log, 1..3, 0), Some((1, 300)), "the first batch is cut by the start of the log");
        assert_eq!(find(&log, 0..4, MAX_TIMESTAMP), Some((1, 300)));
        assert_eq!(find(&log, 0..4, 400), None);
        assert_eq!(find(&log, 0..4, LATEST), Some((4, -1)));
        assert_eq!(find(&log, 6..6, MAX_TIMESTAMP), None);
    }
}
