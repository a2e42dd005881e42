//! ListConsumerGroups, DescribeConsumerGroups and DeleteGroups. A group is described by the protocol of its members: librdkafka
//! asks ConsumerGroupDescribe (KIP-848) first, and DescribeGroups where that finds none.
//!
//! Every request names the broker that it is for, and librdkafka never looks for a coordinator itself. Once such a look has
//! timed out it is forgotten only by half: when the coordinator can be reached again librdkafka (2.12) answers what it has
//! freed, and ends the process (its issues 3663 and 4605). So a coordinator is found by asking the brokers for the group.

use super::super::admin::Client;
use super::super::error::Remedy;
use super::super::groups::{GroupDescription, GroupProtocol, GroupState, GroupSummary, Member};
use super::partitions::elements;
use super::{
    Error, Event, NO_ERROR, Written, array, c_string, call, calls, describe_cluster, text, to_broker,
};
use crate::record::{GroupId, TopicName};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_consumer_group_state_t as NativeState;
use rdkafka_sys::rd_kafka_consumer_group_type_t as NativeType;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::time::Duration;

/// The consumer groups that a broker coordinates, in no order, without their members.
///
/// # Errors
/// When it does not answer in time, or refuses.
pub fn list_groups(client: &Client, broker: i32, timeout: Duration) -> Result<Vec<GroupSummary>, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS as OP;
    // SAFETY: as for `describe_cluster`; listings and errors belong to the result, and are copied while its event is held.
    unsafe {
        let event = call(client, OP, timeout, |native, options, queue| {
            to_broker(options, broker);
            sys::rd_kafka_ListConsumerGroups(native, options, queue);
        })?;
        let result = sys::rd_kafka_event_ListConsumerGroups_result(event.0);
        let mut count = 0;
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
        if let Some(error) = array(errors, count).first() {
            let code = RDKafkaErrorCode::from(sys::rd_kafka_error_code(*error));
            return Err(Error::from_code(code, None, Written::No));
        }
        let listed = sys::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
        let copy = |group: &*const sys::rd_kafka_ConsumerGroupListing_t| {
            let id = text(sys::rd_kafka_ConsumerGroupListing_group_id(*group))?;
            let protocol = protocol(sys::rd_kafka_ConsumerGroupListing_type(*group));
            let state = state(sys::rd_kafka_ConsumerGroupListing_state(*group), protocol);
            Some(GroupSummary { id: GroupId::parse(&id).ok()?, state, protocol, members: None })
        };
        Ok(array(listed, count).iter().filter_map(copy).collect())
    }
}

/// A group as it is described, or why it is not.
pub type Described = Result<GroupDescription, Error>;

/// Describes groups that a broker coordinates, each with a result of its own, in the order of `groups`.
///
/// # Errors
/// When nothing is answered in time. What is wrong with one group is that group's result.
pub fn describe_groups(
    client: &Client,
    broker: i32,
    groups: &[GroupId],
    timeout: Duration,
) -> Result<Vec<Described>, Error> {
    let owned: Vec<CString> = groups.iter().map(|group| c_string(group.as_str())).collect();
    let mut pointers: Vec<*const c_char> = owned.iter().map(|group| group.as_ptr()).collect();
    // SAFETY: as for `describe_cluster`; the ids are copied by the submission, and outlive it.
    unsafe {
        let event = call(client, DESCRIBE, timeout, |native, options, queue| {
            let (first, count) = (pointers.as_mut_ptr(), pointers.len());
            to_broker(options, broker);
            sys::rd_kafka_DescribeConsumerGroups(native, first, count, options, queue);
        })?;
        Ok(groups.iter().zip(descriptions(&event)).map(|(id, group)| copy_group(id, *group)).collect())
    }
}

/// A group, and the broker that coordinates it; `None` where every broker says that it is another.
///
/// # Errors
/// [`Error::GroupNotFound`], the coordinator's refusal, or that not all brokers answered and none of those that did is the
/// coordinator.
pub fn find_group(
    client: &Client,
    group: &GroupId,
    timeout: Duration,
) -> Result<Option<(i32, GroupDescription)>, Error> {
    use sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NOT_COORDINATOR as ELSEWHERE;
    let brokers = describe_cluster(client, timeout)?.nodes;
    let id = c_string(group.as_str());
    let (mut answers, mut silent) = (0, None);
    // SAFETY: as for `describe_groups`; each request copies its options. Answers that come when the queue is gone are
    // dropped by librdkafka.
    unsafe {
        let submit = |native, options, queue| {
            for broker in &brokers {
                let mut groups = [id.as_ptr()];
                to_broker(options, broker.id);
                sys::rd_kafka_DescribeConsumerGroups(native, groups.as_mut_ptr(), 1, options, queue);
            }
        };
        calls(client, DESCRIBE, timeout, submit, |answer| {
            answers += 1;
            match answer.as_ref().map(|event| descriptions(event).first().copied()) {
                Ok(Some(described)) => match error_of(described) {
                    ELSEWHERE => {}
                    _ => match copy_group(group, described) {
                        // A broker that is away hides no other.
                        Err(error) if error.remedy() == Remedy::Retry => silent = Some(error),
                        Err(error) => return Some(Err(error)),
                        Ok(found) => {
                            let coordinator = sys::rd_kafka_ConsumerGroupDescription_coordinator(described);
                            return Some(Ok(Some((sys::rd_kafka_Node_id(coordinator), found))));
                        }
                    },
                },
                Ok(None) => {}
                Err(error) => silent = Some(error.clone()),
            }
            (answers >= brokers.len()).then(|| silent.take().map_or(Ok(None), Err))
        })
    }
}

const DESCRIBE: sys::rd_kafka_admin_op_t = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;

/// The groups that an event describes.
///
/// # Safety
/// The event is an answer to DescribeConsumerGroups, and is held while what is returned is read.
unsafe fn descriptions(event: &Event) -> &[*const sys::rd_kafka_ConsumerGroupDescription_t] {
    let mut count = 0;
    // SAFETY: by contract.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.0);
        array(sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count), count)
    }
}

/// # Safety
/// `group` points to a description that outlives the call.
unsafe fn error_of(group: *const sys::rd_kafka_ConsumerGroupDescription_t) -> sys::rd_kafka_resp_err_t {
    // SAFETY: by contract; of null, for no error, the code is that of no error.
    unsafe { sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group)) }
}

/// Deletes a group that a broker coordinates, and has described.
///
/// # Errors
/// [`Error::GroupNotFound`], [`Error::GroupActive`], the broker's refusal, or what kept it from answering.
pub fn delete_group(client: &Client, broker: i32, group: &GroupId, timeout: Duration) -> Result<(), Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEGROUPS as OP;
    let id = c_string(group.as_str());
    // SAFETY: as for `describe_cluster`; what is submitted is copied by the submission, and destroyed once after it.
    unsafe {
        let event = call(client, OP, timeout, |native, options, queue| {
            to_broker(options, broker);
            let mut group = sys::rd_kafka_DeleteGroup_new(id.as_ptr());
            sys::rd_kafka_DeleteGroups(native, &mut group, 1, options, queue);
            sys::rd_kafka_DeleteGroup_destroy(group);
        });
        let event = event.map_err(Error::unconfirmed)?;
        let result = sys::rd_kafka_event_DeleteGroups_result(event.0);
        let mut count = 0;
        let deleted = sys::rd_kafka_DeleteGroups_result_groups(result, &mut count);
        array(deleted, count).iter().try_for_each(|deleted| {
            verdict(sys::rd_kafka_group_result_error(*deleted), group).map_err(Error::unconfirmed)
        })
    }
}

/// # Safety
/// `error` is null or points to an error that outlives the call.
pub(super) unsafe fn verdict(error: *const sys::rd_kafka_error_t, group: &GroupId) -> Result<(), Error> {
    // SAFETY: by contract; of null the code is that of no error.
    match unsafe { sys::rd_kafka_error_code(error) } {
        NO_ERROR => Ok(()),
        code => Err(Error::of_group(RDKafkaErrorCode::from(code), group)),
    }
}

/// # Safety
/// `group` points to a description that outlives the call.
unsafe fn copy_group(id: &GroupId, group: *const sys::rd_kafka_ConsumerGroupDescription_t) -> Described {
    // SAFETY: by contract; all that is read belongs to the description, and members are asked for by numbers that it has.
    unsafe {
        match error_of(group) {
            NO_ERROR => {}
            // A group of another kind has the name, such as one of Kafka Connect's.
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__INVALID_ARG => {
                return Err(Error::GroupNotFound(id.clone()));
            }
            code => return Err(Error::of_group(RDKafkaErrorCode::from(code), id)),
        }
        let state = state(sys::rd_kafka_ConsumerGroupDescription_state(group), protocol_of(group));
        if state == GroupState::Dead {
            // What Kafka calls a group that is not there.
            return Err(Error::GroupNotFound(id.clone()));
        }
        let count = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
        let member = |number| copy_member(sys::rd_kafka_ConsumerGroupDescription_member(group, number));
        let mut members: Vec<_> = (0..count).map(member).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        let assignor = text(sys::rd_kafka_ConsumerGroupDescription_partition_assignor(group));
        Ok(GroupDescription {
            state,
            protocol: protocol_of(group),
            assignor: assignor.filter(|name| !name.is_empty()),
            members,
        })
    }
}

/// # Safety
/// `group` points to a description that outlives the call.
unsafe fn protocol_of(group: *const sys::rd_kafka_ConsumerGroupDescription_t) -> Option<GroupProtocol> {
    // SAFETY: by contract.
    protocol(unsafe { sys::rd_kafka_ConsumerGroupDescription_type(group) })
}

/// # Safety
/// `member` points to a description that outlives the call.
unsafe fn copy_member(member: *const sys::rd_kafka_MemberDescription_t) -> Member {
    // SAFETY: by contract; texts and the assignment belong to the description, which may have no assignment.
    unsafe {
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        let mut partitions: BTreeMap<TopicName, Vec<i32>> = BTreeMap::new();
        if !assignment.is_null() {
            for (topic, assigned) in elements(sys::rd_kafka_MemberAssignment_partitions(assignment)) {
                partitions.entry(topic).or_default().push(assigned.partition);
            }
        }
        partitions.values_mut().for_each(|numbers| numbers.sort_unstable());
        let host = text(sys::rd_kafka_MemberDescription_host(member)).unwrap_or_default();
        Member {
            id: text(sys::rd_kafka_MemberDescription_consumer_id(member)).unwrap_or_default(),
            instance_id: text(sys::rd_kafka_MemberDescription_group_instance_id(member)),
            client_id: text(sys::rd_kafka_MemberDescription_client_id(member)).unwrap_or_default(),
            // Java writes an address with the name in front that it was not looked up by: none.
            host: host.strip_prefix('/').unwrap_or(&host).to_owned(),
            partitions,
        }
    }
}

fn protocol(native: NativeType) -> Option<GroupProtocol> {
    match native {
        NativeType::RD_KAFKA_CONSUMER_GROUP_TYPE_CLASSIC => Some(GroupProtocol::Classic),
        NativeType::RD_KAFKA_CONSUMER_GROUP_TYPE_CONSUMER => Some(GroupProtocol::Consumer),
        _ => None,
    }
}

fn state(native: NativeState, protocol: Option<GroupProtocol>) -> GroupState {
    match native {
        NativeState::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY => GroupState::Empty,
        NativeState::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE => GroupState::Stable,
        NativeState::RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE => GroupState::PreparingRebalance,
        NativeState::RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE => GroupState::CompletingRebalance,
        NativeState::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD => GroupState::Dead,
        _ if protocol == Some(GroupProtocol::Consumer) => GroupState::Rebalancing,
        _ => GroupState::Unknown,
    }
}
