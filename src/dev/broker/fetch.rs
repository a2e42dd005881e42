//! Fetch, whole: the engine's own answers at once, without bounds, and copies the rest of the log.
//!
//! A fetch is first measured and only then copied: a waiter that is woken in vain costs a few comparisons.
//! Sessions (KIP-227) are deliberately absent: session id 0 in the answer tells a client that it has none,
//! and it goes on with full requests.

use super::{
    batch::{self, Batch, Log},
    cluster::{Aborted, Cluster, State},
};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest, FetchResponse, ProducerId,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData},
    },
};
use noida::kafka::engine::PartitionState;
use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// The first version that names topics by id.
const BY_ID: i16 = 13;

/// No client waits longer for a fetch; a nonsensical `max_wait_ms` shall not hold a task for weeks.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Answers a Fetch: at once when there are `min_bytes` or an error, else when there are, at the latest after
/// `max_wait_ms`. Dropping the future ends the wait.
pub async fn fetch(cluster: &Cluster, request: &FetchRequest, version: i16) -> FetchResponse {
    if request.session_id != 0 {
        return FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait.min(LONGEST_WAIT);
    let wanted = usize::try_from(request.min_bytes.min(request.max_bytes)).unwrap_or(0);
    let mut bell = cluster.logs.listen();
    let mut in_time = true;
    loop {
        {
            let state = cluster.lock();
            let measured = measure(&state, request, version);
            if !in_time || measured.refused || measured.bytes >= wanted {
                return render(&state, request, version, &measured);
            }
        }
        in_time = bell.rung_before(deadline).await;
    }
}

/// What an answer would hold.
struct Measured {
    /// For each partition in the order of the request: which batches, or an error code.
    partitions: Vec<Result<Range<usize>, i16>>,
    bytes: usize,
    refused: bool,
}

fn measure(state: &State, request: &FetchRequest, version: i16) -> Measured {
    let mut left = usize::try_from(request.max_bytes).unwrap_or(0);
    let mut measured = Measured { partitions: Vec::new(), bytes: 0, refused: false };
    for topic in &request.topics {
        let name = topic_name(state, topic, version);
        for asked in &topic.partitions {
            let readable = name.and_then(|name| readable(state, name, asked, request.isolation_level == 1));
            let cut = readable.map(|(log, end)| {
                let limit = left.min(usize::try_from(asked.partition_max_bytes).unwrap_or(0));
                let (batches, bytes) =
                    clip(&log.record_batches, asked.fetch_offset..end, limit, measured.bytes == 0);
                left = left.saturating_sub(bytes);
                measured.bytes += bytes;
                batches
            });
            measured.refused |= cut.is_err();
            measured.partitions.push(cut);
        }
    }
    measured
}

fn topic_name<'a>(state: &'a State, topic: &'a FetchTopic, version: i16) -> Result<&'a str, i16> {
    if version < BY_ID {
        return Ok(topic.topic.as_str());
    }
    // The client learns that its topic was deleted, or made again, from this code.
    state.topic_name(topic.topic_id).ok_or(ResponseError::UnknownTopicId.code())
}

/// The log asked for and where this reader must stop in it.
fn readable<'a>(
    state: &'a State,
    topic: &str,
    asked: &FetchPartition,
    read_committed: bool,
) -> Result<(&'a PartitionState, i64), i16> {
    let log = state.log(topic, asked.partition).ok_or(ResponseError::UnknownTopicOrPartition.code())?;
    if asked.current_leader_epoch > 0 {
        return Err(ResponseError::UnknownLeaderEpoch.code());
    }
    if !(log.log_start_offset..=log.high_watermark).contains(&asked.fetch_offset) {
        return Err(ResponseError::OffsetOutOfRange.code());
    }
    Ok((log, batch::visible_end(log, read_committed)))
}

/// The batches with records in `offsets` that fit into `limit` bytes, and their size. Cut between batches
/// only. With `at_least_one`, the first batch comes whatever its size, or a reader would never pass it.
fn clip(log: &Log, offsets: Range<i64>, limit: usize, at_least_one: bool) -> (Range<usize>, usize) {
    if offsets.is_empty() {
        return (0..0, 0);
    }
    let first = batch::first_at_or_after(log, offsets.start);
    let (mut end, mut bytes) = (first, 0);
    for (base, batch) in &log[first..] {
        let forced = at_least_one && bytes == 0;
        if *base >= offsets.end || (bytes + batch.len() > limit && !forced) {
            break;
        }
        bytes += batch.len();
        end += 1;
    }
    (first..end, bytes)
}

fn render(state: &State, request: &FetchRequest, version: i16, measured: &Measured) -> FetchResponse {
    let mut cuts = measured.partitions.iter();
    let mut response = FetchResponse::default();
    for topic in &request.topics {
        let name = topic_name(state, topic, version).unwrap_or_default();
        let partitions = topic.partitions.iter().zip(&mut cuts);
        let partitions = partitions.map(|(asked, cut)| {
            // Records are never null, also beside an error: librdkafka takes that for a broken answer.
            let data = PartitionData::default().with_partition_index(asked.partition);
            let data = data.with_records(Some(Bytes::new()));
            match (cut, state.log(name, asked.partition)) {
                (Ok(batches), Some(log)) => {
                    let aborted = (request.isolation_level == 1)
                        .then(|| aborted_within(state.aborted(name, asked.partition), asked, log, batches));
                    filled(data, log, batches, aborted)
                }
                (Ok(_), None) => data.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                // Kafka tells no watermarks along with an error.
                (Err(code), _) => data.with_error_code(*code).with_high_watermark(-1),
            }
        });
        let partitions = partitions.collect();
        let answer = FetchableTopicResponse::default().with_topic(topic.topic.clone());
        response.responses.push(answer.with_topic_id(topic.topic_id).with_partitions(partitions));
    }
    response
}

fn filled(
    data: PartitionData,
    log: &PartitionState,
    batches: &Range<usize>,
    aborted: Option<Vec<AbortedTransaction>>,
) -> PartitionData {
    let batches = &log.record_batches[batches.clone()];
    let mut records = Vec::with_capacity(batches.iter().map(|(_, bytes)| bytes.len()).sum());
    for (_, bytes) in batches {
        records.extend_from_slice(bytes);
    }
    data.with_high_watermark(log.high_watermark)
        .with_last_stable_offset(batch::stable_end(log))
        .with_log_start_offset(log.log_start_offset)
        .with_aborted_transactions(aborted)
        .with_records(Some(Bytes::from(records)))
}

/// The aborted transactions that reach into what is sent. One that ended before must not be named: the
/// client takes its producer for aborted until the next marker, and would drop what was committed since.
fn aborted_within(
    aborted: &[Aborted],
    asked: &FetchPartition,
    log: &PartitionState,
    batches: &Range<usize>,
) -> Vec<AbortedTransaction> {
    let sent = &log.record_batches[batches.clone()];
    let Some((_, last)) = sent.last() else { return Vec::new() };
    let last = Batch::new(last).last_offset();
    let mut within: Vec<_> = aborted
        .iter()
        .filter(|one| one.last >= asked.fetch_offset && one.first <= last)
        .map(|one| {
            let named = AbortedTransaction::default().with_first_offset(one.first);
            named.with_producer_id(ProducerId(one.producer_id))
        })
        .collect();
    // Clients take them off in the order of their first records.
    within.sort_by_key(|one| one.first_offset);
    within
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::batch::sample;

    #[test]
    fn a_clip_ends_between_batches_and_never_returns_nothing_where_something_must_come() {
        let log: Vec<_> = (0..10).map(|i| sample::run(i * 10, 10)).collect();
        let size = log[0].1.len();
        assert!(log.iter().all(|(_, bytes)| bytes.len() == size), "one size keeps the table readable");
        let cases = [
            // offsets, limit, at least one, batches
            (0..100, usize::MAX, true, 0..10),
            (0..100, 3 * size, true, 0..3),
            (0..100, 3 * size + size - 1, true, 0..3),
            (0..100, 1, true, 0..1),
            (0..100, 0, true, 0..1),
            (0..100, 1, false, 0..0),
            (0..100, size, false, 0..1),
            (35..100, 2 * size, false, 3..5),
            (35..61, usize::MAX, false, 3..7),
            (35..60, usize::MAX, false, 3..6),
            (100..100, usize::MAX, true, 0..0),
            (Range { start: 50, end: 40 }, usize::MAX, true, 0..0),
        ];
        for (offsets, limit, at_least_one, batches) in cases {
            let expected = (batches.clone(), batches.len() * size);
            let got = clip(&log, offsets.clone(), limit, at_least_one);
            assert_eq!(got, expected, "{offsets:?} in {limit}, at least one: {at_least_one}");
        }
    }

    #[test]
    fn only_transactions_that_reach_into_the_answer_are_named_as_aborted() {
        let mut log = PartitionState::new(0, 1);
        log.record_batches = (0..6).map(|i| sample::run(i * 10, 10)).collect();
        log.high_watermark = 60;
        let one = |producer_id, first, last| Aborted { producer_id, first, last };
        let aborted = [one(1, 0, 9), one(3, 25, 30), one(2, 5, 40), one(4, 50, 55)];
        let named = |fetch_offset, batches: Range<usize>| {
            let asked = FetchPartition::default().with_fetch_offset(fetch_offset);
            let within = aborted_within(&aborted, &asked, &log, &batches);
            within.iter().map(|one| one.producer_id.0).collect::<Vec<_>>()
        };
        assert_eq!(named(0, 0..1), [1, 2]);
        assert_eq!(named(10, 1..2), [2]);
        assert_eq!(named(9, 0..5), [1, 2, 3]);
        assert_eq!(named(41, 4..6), [4]);
        assert_eq!(named(31, 3..4), [2]);
        assert_eq!(named(60, 6..6), [0_i64; 0]);
    }
}
