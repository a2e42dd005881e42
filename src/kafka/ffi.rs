//! Calls that librdkafka has and its Rust binding lacks. The only `unsafe` code of the house.
//!
//! Every admin call follows one pattern: options and a queue of its own are made, the request is submitted, the
//! result event is awaited on that queue, its contents are copied into owned values, and all is destroyed by the
//! guards in reverse. Calls block for at most their time-out plus a second; [`super::catalog`] keeps them off the
//! async threads.

use super::admin::Client;
use super::catalog::{ClusterDescription, Node, OffsetSpec, PartitionDescription, Topic};
use super::error::{Error, Written};
use crate::record::{Header, TopicName};
use bytes::Bytes;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::{RDKafka, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::Duration;

/// How long past its own time-out a result event is waited for: librdkafka always sends one.
const GRACE: Duration = Duration::from_secs(1);

/// The partition Java's default partitioner gives a non-null key.
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    // SAFETY: the function hashes `keylen` bytes at `key`, which the slice provides, and uses neither the topic
    // handle nor the opaques (they are there because it is also a callback).
    unsafe {
        sys::rd_kafka_msg_partitioner_murmur2(
            ptr::null(),
            key.as_ptr().cast(),
            key.len(),
            partitions,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    }
}

/// What librdkafka knows of a failed record's fate.
pub fn written(message: &BorrowedMessage<'_>) -> Written {
    // SAFETY: the message is alive for as long as it is borrowed, and the call only reads it.
    match unsafe { sys::rd_kafka_message_status(message.ptr()) } {
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Written::No,
        _ => Written::Unknown,
    }
}

/// A message's headers. The binding panics on a header name that is not UTF-8; here such a name is read with
/// U+FFFD in place of what is not, so that a stranger's record cannot end a reader.
pub fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let mut list = Vec::new();
    let mut native = ptr::null_mut();
    // SAFETY: the message outlives this call; librdkafka keeps ownership of the header list, and of the names and
    // values in it, which are copied before the next call. `all` stops at the first index past the end.
    unsafe {
        if sys::rd_kafka_message_headers(message.ptr(), &mut native) != NO_ERROR {
            return list;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        while sys::rd_kafka_header_get_all(native, list.len(), &mut name, &mut value, &mut size) == NO_ERROR {
            let bytes = (!value.is_null())
                .then(|| Bytes::copy_from_slice(std::slice::from_raw_parts(value.cast::<u8>(), size)));
            list.push((CStr::from_ptr(name).to_string_lossy().into(), bytes));
        }
    }
    list
}

/// Describes the cluster.
///
/// # Errors
/// When no broker answers in time, or refuses.
pub fn describe_cluster(client: &Client, timeout: Duration) -> Result<ClusterDescription, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER as OP;
    let client = client.inner().native_ptr();
    // SAFETY: the borrow keeps the client alive; options and queue live until `call` returns; everything read from the
    // result is copied while its event is held.
    unsafe {
        let event = call(client, OP, timeout, None, |options, queue| {
            sys::rd_kafka_DescribeCluster(client, options, queue);
        })?;
        let result = sys::rd_kafka_event_DescribeCluster_result(event.0);
        let mut count = 0;
        let nodes = sys::rd_kafka_DescribeCluster_result_nodes(result, &mut count);
        let mut nodes: Vec<Node> = array(nodes, count).iter().map(|node| copy_node(*node)).collect();
        nodes.sort_by_key(|node| node.id);
        let controller = sys::rd_kafka_DescribeCluster_result_controller(result);
        Ok(ClusterDescription {
            id: text(sys::rd_kafka_DescribeCluster_result_cluster_id(result)).unwrap_or_default(),
            controller: (!controller.is_null()).then(|| sys::rd_kafka_Node_id(controller)),
            nodes,
        })
    }
}

/// One topic's part of an answer to [`describe_topics`].
pub type Described = (TopicName, Result<Topic, Error>);

/// Describes topics; each has a result of its own, in no particular order. Never creates a topic.
///
/// # Errors
/// When no broker answers in time. What is wrong with one topic is that topic's result.
pub fn describe_topics(
    client: &Client,
    names: &[TopicName],
    timeout: Duration,
) -> Result<Vec<Described>, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS as OP;
    let client = client.inner().native_ptr();
    let owned: Vec<CString> = names.iter().map(|name| c_string(name.as_str())).collect();
    let mut pointers: Vec<*const c_char> = owned.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: as for `describe_cluster`; the collection copies the names, and is destroyed after the submission,
    // which copies what it needs of it.
    unsafe {
        let event = call(client, OP, timeout, None, |options, queue| {
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(client, topics, options, queue);
            sys::rd_kafka_TopicCollection_destroy(topics);
        })?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        Ok(array(topics, count)
            .iter()
            .filter_map(|topic| {
                let name = text(sys::rd_kafka_TopicDescription_name(*topic))?;
                let name = names.iter().find(|known| known.as_str() == name)?;
                Some((name.clone(), copy_topic(name, *topic)))
            })
            .collect())
    }
}

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
        let event = call(client, OP, timeout, Some(isolation), |options, queue| {
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

const NO_ERROR: sys::rd_kafka_resp_err_t = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Owns a result event.
struct Event(*mut sys::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by a poll that returned non-null, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

/// Owns an admin call's options and queue.
struct Call {
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: both were made together for this call and are destroyed once.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_AdminOptions_destroy(self.options);
        }
    }
}

/// Runs one admin request to its result event.
///
/// # Safety
/// `client` is alive for the whole call, and `submit` hands its two arguments to one admin request on that client.
unsafe fn call(
    client: *mut RDKafka,
    op: sys::rd_kafka_admin_op_t,
    timeout: Duration,
    isolation: Option<sys::rd_kafka_IsolationLevel_t>,
    submit: impl FnOnce(*const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
) -> Result<Event, Error> {
    // SAFETY: by contract; the error text buffer is given with its size, and a returned error object is ours to
    // destroy (destroying null is allowed).
    unsafe {
        let call = Call {
            options: sys::rd_kafka_AdminOptions_new(client, op),
            queue: sys::rd_kafka_queue_new(client),
        };
        let mut reason = [0 as c_char; 256];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            call.options,
            millis(timeout),
            reason.as_mut_ptr(),
            reason.len(),
        );
        if let Some(isolation) = isolation {
            let refused = sys::rd_kafka_AdminOptions_set_isolation_level(call.options, isolation);
            sys::rd_kafka_error_destroy(refused);
        }
        submit(call.options, call.queue);
        let event = sys::rd_kafka_queue_poll(call.queue, millis(timeout + GRACE));
        if event.is_null() {
            return Err(Error::TimedOut { written: Written::No });
        }
        let event = Event(event);
        match sys::rd_kafka_event_error(event.0) {
            NO_ERROR => Ok(event),
            code => Err(Error::from_code(RDKafkaErrorCode::from(code), None, Written::No)),
        }
    }
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("a topic name holds no NUL")
}

/// # Safety
/// `pointer` is null or a NUL-terminated string that outlives the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: by contract.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// # Safety
/// `first` is null or points to `count` elements that outlive `'a`.
unsafe fn array<'a, T>(first: *mut *const T, count: usize) -> &'a [*const T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: by contract.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// # Safety
/// `node` points to a node that outlives the call.
unsafe fn copy_node(node: *const sys::rd_kafka_Node_t) -> Node {
    // SAFETY: by contract; the strings belong to the node.
    unsafe {
        Node {
            id: sys::rd_kafka_Node_id(node),
            host: text(sys::rd_kafka_Node_host(node)).unwrap_or_default(),
            port: sys::rd_kafka_Node_port(node),
            rack: text(sys::rd_kafka_Node_rack(node)),
        }
    }
}

/// # Safety
/// `topic` points to a description that outlives the call.
unsafe fn copy_topic(
    name: &TopicName,
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> Result<Topic, Error> {
    // SAFETY: by contract; all that is read belongs to the description.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = sys::rd_kafka_error_code(error);
        if !error.is_null() && code != NO_ERROR {
            return Err(Error::from_code(RDKafkaErrorCode::from(code), Some(name), Written::No));
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let high = sys::rd_kafka_Uuid_most_significant_bits(id) as u64;
        let low = sys::rd_kafka_Uuid_least_significant_bits(id) as u64;
        let id = (u128::from(high) << 64) | u128::from(low);
        let mut count = 0;
        let partitions = sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let mut partitions: Vec<_> =
            array(partitions, count).iter().map(|partition| copy_partition(*partition)).collect();
        partitions.sort_by_key(|partition| partition.partition);
        Ok(Topic { name: name.clone(), id: (id != 0).then(|| id.to_be_bytes()), partitions })
    }
}

/// # Safety
/// `partition` points to a description that outlives the call.
unsafe fn copy_partition(partition: *const sys::rd_kafka_TopicPartitionInfo_t) -> PartitionDescription {
    // SAFETY: by contract; the node arrays belong to the description.
    unsafe {
        let ids = |nodes: *mut *const sys::rd_kafka_Node_t, count| -> Vec<i32> {
            array(nodes, count).iter().map(|node| sys::rd_kafka_Node_id(*node)).collect()
        };
        let leader = sys::rd_kafka_TopicPartitionInfo_leader(partition);
        let (mut replicas, mut in_sync) = (0, 0);
        let replica_nodes = sys::rd_kafka_TopicPartitionInfo_replicas(partition, &mut replicas);
        let in_sync_nodes = sys::rd_kafka_TopicPartitionInfo_isr(partition, &mut in_sync);
        PartitionDescription {
            partition: sys::rd_kafka_TopicPartitionInfo_partition(partition),
            leader: (!leader.is_null()).then(|| sys::rd_kafka_Node_id(leader)).filter(|id| *id >= 0),
            replicas: ids(replica_nodes, replicas),
            in_sync: ids(in_sync_nodes, in_sync),
        }
    }
}
