//! Produce: the engine checks and appends; the rest of what a broker does on append is here.
//!
//! That rest: the leader epoch in the batch, the right offset for a repeated batch (the engine answers every
//! repetition with the offset of the producer's last one), short segments, and the limit on bytes.

use super::{
    batch::{self, Batch},
    cluster::State,
    retention,
};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
};
use noida::kafka::{engine::PartitionState, log::Segment};

/// The engine adds up the active segment's batches on every append; this many at most keep that short.
const SEGMENT_BATCHES: usize = 1024;

/// Appends what the request holds. The caller rings for readers.
pub fn produce(state: &mut State, request: &ProduceRequest, version: i16) -> ProduceResponse {
    let topics = request.topic_data.iter();
    let partitions = topics.flat_map(|topic| topic.partition_data.iter().map(move |p| (topic, p.index)));
    let ends: Vec<Option<i64>> = partitions
        .map(|(topic, index)| state.log(topic.name.as_str(), index).map(|log| log.high_watermark))
        .collect();
    admit_orphans(state, request);
    let mut response = state.engine.handle_produce(request, version);
    let mut ends = ends.into_iter();
    for (asked, answered) in request.topic_data.iter().zip(&mut response.responses) {
        for (asked_of, answer) in asked.partition_data.iter().zip(&mut answered.partition_responses) {
            let end = ends.next().flatten();
            settle(state, asked.name.as_str(), asked_of.records.as_ref(), end, answer);
        }
    }
    response
}

fn admit_orphans(state: &mut State, request: &ProduceRequest) {
    let State { engine, orphans, .. } = state;
    for topic in &request.topic_data {
        let Some(log) = engine.topics.get_mut(topic.name.as_str()) else { continue };
        for data in &topic.partition_data {
            if let (Some(log), Some(batch)) = (log.partitions.get_mut(&data.index), &data.records) {
                orphans.admit(topic.name.as_str(), log, batch);
            }
        }
    }
}

fn settle(
    state: &mut State,
    topic: &str,
    records: Option<&Bytes>,
    end_before: Option<i64>,
    answer: &mut PartitionProduceResponse,
) {
    if answer.error_code != 0 {
        (answer.base_offset, answer.log_append_time_ms) = (-1, -1);
        return;
    }
    let Some((log, ours)) = state.partition_mut(topic, answer.index) else { return };
    let Some(records) = records else { return };
    answer.log_start_offset = log.log_start_offset;
    if log.high_watermark == end_before.unwrap_or(-1) {
        repeated(log, records, answer);
        return;
    }
    if let Some((_, appended)) = log.record_batches.last_mut() {
        batch::stamp_leader_epoch(appended);
        ours.bytes += appended.len() as u64;
    }
    roll(log);
    retention::trim_if_over(state, topic, answer.index);
}

/// A batch that was there already: answered with the offset it has. One that is too old to be found is
/// refused as Kafka does, and the client takes that for a success without an offset.
fn repeated(log: &PartitionState, records: &Bytes, answer: &mut PartitionProduceResponse) {
    let sequence = Batch::new(records).sequence();
    let found = log.record_batches.iter().rev().find(|(_, batch)| Batch::new(batch).sequence() == sequence);
    match found {
        Some((base, _)) => answer.base_offset = *base,
        None => {
            answer.error_code = ResponseError::DuplicateSequenceNumber.code();
            answer.base_offset = -1;
        }
    }
}

fn roll(log: &mut PartitionState) {
    let Some(active) = log.segments.last() else { return };
    let first = log.record_batches.partition_point(|(base, _)| *base < active.base_offset);
    if log.record_batches.len() - first >= SEGMENT_BATCHES {
        let created_ms = active.created_ms;
        log.segments.push(Segment { base_offset: log.high_watermark, created_ms });
    }
}

/// The answer to a produce that is refused whole, with one error code for every partition.
pub fn refused(request: &ProduceRequest, code: i16) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            let answer = PartitionProduceResponse::default().with_index(partition.index);
            answer.with_error_code(code).with_base_offset(-1)
        });
        let answer = TopicProduceResponse::default().with_name(topic.name.clone());
        answer.with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::{batch::sample, cluster};
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use noida::kafka::engine::TopicState;
    use std::collections::HashMap;

    fn with_topic() -> cluster::Cluster {
        let cluster = cluster::sample();
        let mut state = cluster.lock();
        let partitions = HashMap::from([(0, PartitionState::new(0, 1))]);
        let topic =
            TopicState { name: "t".to_owned(), is_internal: false, partitions, configs: HashMap::new() };
        state.engine.topics.insert("t".to_owned(), topic);
        state.settle_topics();
        drop(state);
        cluster
    }

    fn send(state: &mut State, batch: Vec<u8>) -> (i16, i64) {
        let data = PartitionProduceData::default().with_records(Some(Bytes::from(batch)));
        let topic = TopicProduceData::default().with_name("t".into_name()).with_partition_data(vec![data]);
        let response = produce(state, &ProduceRequest::default().with_topic_data(vec![topic]), 9);
        let answer = &response.responses[0].partition_responses[0];
        (answer.error_code, answer.base_offset)
    }

    trait IntoName {
        fn into_name(self) -> kafka_protocol::messages::TopicName;
    }
    impl IntoName for &'static str {
        fn into_name(self) -> kafka_protocol::messages::TopicName {
            kafka_protocol::protocol::StrBytes::from_static_str(self).into()
        }
    }

    fn idempotent(sequence: i32) -> Vec<u8> {
        let mut record = sample::record(0, 1, b"v");
        (record.producer_id, record.producer_epoch, record.sequence) = (7, 0, sequence);
        sample::batch(&[record]).1
    }

    #[test]
    fn each_repeated_batch_is_answered_with_its_own_offset() {
        let cluster = with_topic();
        let mut state = cluster.lock();
        for sequence in 0..4 {
            assert_eq!(send(&mut state, idempotent(sequence)), (0, i64::from(sequence)));
        }
        for sequence in 0..4 {
            assert_eq!(send(&mut state, idempotent(sequence)), (0, i64::from(sequence)), "again");
        }
        let log = state.log("t", 0).expect("log");
        assert_eq!((log.high_watermark, log.record_batches.len()), (4, 4));
    }

    #[test]
    fn who_wrote_to_a_deleted_topic_goes_on_in_the_new_one_and_others_begin_with_zero() {
        let out_of_order = ResponseError::OutOfOrderSequenceNumber.code();
        let cluster = with_topic();
        let mut state = cluster.lock();
        assert_eq!(send(&mut state, idempotent(1)).0, out_of_order, "nobody knows it yet");
        assert_eq!(send(&mut state, idempotent(0)), (0, 0));
        let State { engine, orphans, .. } = &mut *state;
        let topic = engine.topics.get_mut("t").expect("the topic");
        orphans.remember(topic);
        topic.partitions.insert(0, PartitionState::new(0, 1));
        assert_eq!(send(&mut state, idempotent(1)), (0, 0), "it goes on");
        assert_eq!(send(&mut state, idempotent(3)).0, out_of_order, "once, and in order");
        assert_eq!(send(&mut state, idempotent(2)), (0, 1));
    }

    #[test]
    fn an_appended_batch_carries_the_leader_epoch_and_a_refused_one_no_offset() {
        let cluster = with_topic();
        let mut state = cluster.lock();
        assert_eq!(send(&mut state, sample::run(0, 3).1), (0, 0));
        assert_eq!(state.log("t", 0).expect("log").record_batches[0].1[12..16], [0; 4]);
        let mut corrupt = sample::run(0, 3).1;
        *corrupt.last_mut().expect("bytes") ^= 1;
        assert_eq!(send(&mut state, corrupt), (ResponseError::CorruptMessage.code(), -1));
    }

    #[test]
    fn segments_stay_short_however_small_the_batches() {
        let cluster = with_topic();
        let mut state = cluster.lock();
        for _ in 0..2 * SEGMENT_BATCHES + 1 {
            assert_eq!(send(&mut state, sample::run(0, 1).1).0, 0);
        }
        let bases: Vec<_> = state.log("t", 0).expect("log").segments.iter().map(|s| s.base_offset).collect();
        assert_eq!(bases, [0, SEGMENT_BATCHES as i64, 2 * SEGMENT_BATCHES as i64]);
    }
}
