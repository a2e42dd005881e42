//! ListOffsets: where logs begin and end, and which offset a time stands for.

use super::super::admin::Client;
use super::super::catalog::OffsetSpec;
use super::partitions::Partitions;
use super::{Error, NO_ERROR, Written, array, call, text};
use crate::record::TopicName;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::collections::BTreeMap;
use std::time::Duration;

/// A topic's offsets by partition number, or the first error one of its partitions reports.
pub type Listed = BTreeMap<TopicName, Result<Vec<i64>, Error>>;

/// What stands in the place of an offset until a leader has told it.
const UNASKED: i64 = sys::RD_KAFKA_OFFSET_INVALID as i64;

/// Looks up one offset for each partition `0..n` of each topic, `n` being what `topics` says. A topic without partitions
/// is answered without being asked for.
///
/// # Errors
/// When the leaders are not known or do not answer in time. What is wrong with one topic is that topic's result.
pub fn list_offsets(
    client: &Client,
    topics: &BTreeMap<TopicName, usize>,
    spec: OffsetSpec,
    timeout: Duration,
) -> Result<Listed, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS as OP;
    let mut listed: Listed = topics.iter().map(|(name, n)| (name.clone(), Ok(vec![0; *n]))).collect();
    if topics.values().all(|partitions| *partitions == 0) {
        return Ok(listed);
    }
    let (sought, isolation) = native(spec);
    let sought = topics.iter().flat_map(|(name, partitions)| {
        let numbers = 0..i32::try_from(*partitions).unwrap_or(i32::MAX);
        numbers.map(move |partition| (name, partition, sought))
    });
    let list = Partitions::of(sought);
    // SAFETY: as for `describe_cluster`; the list is ours until the end of this function, and the submission copies it.
    unsafe {
        let event = call(client, OP, timeout, |client, options, queue| {
            // Null, for no error, may be destroyed: the option exists for this request.
            sys::rd_kafka_error_destroy(sys::rd_kafka_AdminOptions_set_isolation_level(options, isolation));
            sys::rd_kafka_ListOffsets(client, list.0, options, queue);
        })?;
        let result = sys::rd_kafka_event_ListOffsets_result(event.0);
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
        for info in array(infos, count) {
            let found = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
            let name = text(found.topic).and_then(|name| TopicName::parse(&name).ok());
            let Some((name, slot)) = name.and_then(|name| listed.get_mut(&name).map(|slot| (name, slot)))
            else {
                continue;
            };
            match (found.err, &mut *slot) {
                (_, Err(_)) => {}
                // librdkafka (2.12) forgets the error of a leader that did not answer, and leaves what stood there before.
                (NO_ERROR, Ok(_)) if found.offset == UNASKED => {
                    *slot = Err(Error::unavailable("a partition's leader did not answer"));
                }
                (NO_ERROR, Ok(offsets)) => {
                    if let Some(offset) =
                        usize::try_from(found.partition).ok().and_then(|p| offsets.get_mut(p))
                    {
                        *offset = found.offset;
                    }
                }
                (code, _) => {
                    let code = RDKafkaErrorCode::from(code);
                    *slot = Err(Error::from_code(code, Some(&name), Written::No));
                }
            }
        }
    }
    Ok(listed)
}

/// What librdkafka calls the offset sought: a number below zero, or a time.
fn native(spec: OffsetSpec) -> (i64, sys::rd_kafka_IsolationLevel_t) {
    use sys::rd_kafka_IsolationLevel_t::{
        RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED as COMMITTED,
        RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED as UNCOMMITTED,
    };
    use sys::rd_kafka_OffsetSpec_t as Spec;
    match spec {
        OffsetSpec::Earliest => (Spec::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64, UNCOMMITTED),
        OffsetSpec::LastStable => (Spec::RD_KAFKA_OFFSET_SPEC_LATEST as i64, COMMITTED),
        OffsetSpec::HighWatermark => (Spec::RD_KAFKA_OFFSET_SPEC_LATEST as i64, UNCOMMITTED),
        OffsetSpec::Time(timestamp) => (timestamp, UNCOMMITTED),
    }
}
