//! ListOffsets: where logs begin and end.

use super::super::admin::Client;
use super::super::catalog::OffsetSpec;
use super::{Error, NO_ERROR, Written, array, c_string, call};
use crate::record::TopicName;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ffi::c_int;
use std::time::Duration;

/// Looks up one offset for each of a topic's partitions `0..partitions`, by partition number.
///
/// # Errors
/// When a partition's leader does not answer in time, or the first error a partition reports.
pub fn list_offsets(
    client: &Client,
    topic: &TopicName,
    partitions: usize,
    spec: OffsetSpec,
    timeout: Duration,
) -> Result<Vec<i64>, Error> {
    use sys::rd_kafka_IsolationLevel_t as Isolation;
    use sys::rd_kafka_OffsetSpec_t as Spec;
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS as OP;
    let (sought, isolation) = match spec {
        OffsetSpec::Earliest => {
            (Spec::RD_KAFKA_OFFSET_SPEC_EARLIEST, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED)
        }
        OffsetSpec::LastStable => {
            (Spec::RD_KAFKA_OFFSET_SPEC_LATEST, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED)
        }
        OffsetSpec::HighWatermark => {
            (Spec::RD_KAFKA_OFFSET_SPEC_LATEST, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED)
        }
    };
    let client = client.inner().native_ptr();
    let name = c_string(topic.as_str());
    // SAFETY: as for `describe_cluster`; the list is ours, is filled within the bounds librdkafka grows, is copied
    // by the submission and destroyed after it.
    unsafe {
        let event = call(client, OP, timeout, |options, queue| {
            // Null, for no error, may be destroyed: the option exists for this request.
            sys::rd_kafka_error_destroy(sys::rd_kafka_AdminOptions_set_isolation_level(options, isolation));
            let list = sys::rd_kafka_topic_partition_list_new(partitions as c_int);
            for partition in 0..partitions {
                let element = sys::rd_kafka_topic_partition_list_add(list, name.as_ptr(), partition as i32);
                (*element).offset = sought as i64;
            }
            sys::rd_kafka_ListOffsets(client, list, options, queue);
            sys::rd_kafka_topic_partition_list_destroy(list);
        })?;
        let result = sys::rd_kafka_event_ListOffsets_result(event.0);
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
        let mut offsets = vec![0; partitions];
        for info in array(infos, count) {
            let found = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
            if found.err != NO_ERROR {
                return Err(Error::from_code(RDKafkaErrorCode::from(found.err), Some(topic), Written::No));
            }
            if let Some(offset) = usize::try_from(found.partition).ok().and_then(|p| offsets.get_mut(p)) {
                *offset = found.offset;
            }
        }
        Ok(offsets)
    }
}
