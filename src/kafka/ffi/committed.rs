//! ListConsumerGroupOffsets and AlterConsumerGroupOffsets: what a group has committed, and committing in its place. Both are
//! sent to its coordinator by number, for the reason that `groups.rs` tells.

use super::super::admin::Client;
use super::super::groups::Offsets;
use super::groups::verdict;
use super::partitions::{Partitions, elements};
use super::{Error, NO_ERROR, array, c_string, call, to_broker};
use crate::record::GroupId;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ptr;
use std::time::Duration;

/// Owns what ListConsumerGroupOffsets asks for.
struct Asked(*mut sys::rd_kafka_ListConsumerGroupOffsets_t);

impl Drop for Asked {
    fn drop(&mut self) {
        // SAFETY: made by `committed_offsets`, destroyed once.
        unsafe { sys::rd_kafka_ListConsumerGroupOffsets_destroy(self.0) }
    }
}

/// Owns what AlterConsumerGroupOffsets is to change.
struct Change(*mut sys::rd_kafka_AlterConsumerGroupOffsets_t);

impl Drop for Change {
    fn drop(&mut self) {
        // SAFETY: made by `alter_offsets`, destroyed once.
        unsafe { sys::rd_kafka_AlterConsumerGroupOffsets_destroy(self.0) }
    }
}

/// All that a group has committed in topics that Kafka lets the gateway see. A group that is not there has committed nothing.
///
/// # Errors
/// Kafka's refusal, or what kept it from answering.
pub fn committed_offsets(
    client: &Client,
    broker: i32,
    group: &GroupId,
    timeout: Duration,
) -> Result<Offsets, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS as OP;
    let id = c_string(group.as_str());
    // SAFETY: as for `describe_cluster`; null asks for all partitions; what is asked for is ours until the end of this function,
    // and the submission copies it. The partitions belong to the result.
    unsafe {
        let mut asked = Asked(sys::rd_kafka_ListConsumerGroupOffsets_new(id.as_ptr(), ptr::null()));
        let event = call(client, OP, timeout, |native, options, queue| {
            to_broker(options, broker);
            sys::rd_kafka_ListConsumerGroupOffsets(native, &mut asked.0, 1, options, queue);
        })?;
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event.0);
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        let mut offsets = Offsets::new();
        for told in array(groups, count) {
            verdict(sys::rd_kafka_group_result_error(*told), group)?;
            for (topic, committed) in elements(sys::rd_kafka_group_result_partitions(*told)) {
                match committed.err {
                    NO_ERROR if committed.offset >= 0 => {
                        offsets.insert((topic, committed.partition), committed.offset);
                    }
                    NO_ERROR => {}
                    code => return Err(Error::of_group(RDKafkaErrorCode::from(code), group)),
                }
            }
        }
        Ok(offsets)
    }
}

/// Commits these offsets in the place of a group without members, all in one request.
///
/// # Errors
/// [`Error::GroupActive`], Kafka's refusal, or what kept it from answering; of several partitions' errors one is told.
pub fn alter_offsets(
    client: &Client,
    broker: i32,
    group: &GroupId,
    offsets: &Offsets,
    timeout: Duration,
) -> Result<(), Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS as OP;
    let id = c_string(group.as_str());
    let list =
        Partitions::of(offsets.iter().map(|((topic, partition), offset)| (topic, *partition, *offset)));
    // SAFETY: as for `committed_offsets`; the change copies the list.
    unsafe {
        let mut change = Change(sys::rd_kafka_AlterConsumerGroupOffsets_new(id.as_ptr(), list.0));
        let event = call(client, OP, timeout, |native, options, queue| {
            to_broker(options, broker);
            sys::rd_kafka_AlterConsumerGroupOffsets(native, &mut change.0, 1, options, queue);
        });
        let event = event.map_err(Error::unconfirmed)?;
        let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event.0);
        let mut count = 0;
        let groups = sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
        for told in array(groups, count) {
            verdict(sys::rd_kafka_group_result_error(*told), group).map_err(Error::unconfirmed)?;
            let refused = elements(sys::rd_kafka_group_result_partitions(*told))
                .find(|(_, partition)| partition.err != NO_ERROR);
            if let Some((_, partition)) = refused {
                let error = Error::of_group(RDKafkaErrorCode::from(partition.err), group);
                return Err(error.unconfirmed());
            }
        }
        Ok(())
    }
}
