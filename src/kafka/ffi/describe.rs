//! DescribeCluster and DescribeTopics: brokers, topic ids, partitions. Both ask Metadata and create nothing.

use super::super::admin::Client;
use super::super::catalog::{ClusterDescription, Node, PartitionDescription, Topic};
use super::brokers::ids;
use super::{Error, Event, NO_ERROR, Written, array, c_string, call, text};
use crate::record::TopicName;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::time::Duration;

/// Describes the cluster.
///
/// # Errors
/// When no broker answers in time, or refuses.
pub fn describe_cluster(client: &Client, timeout: Duration) -> Result<ClusterDescription, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER as OP;
    // SAFETY: the borrow keeps the client alive; options and queue live until `call` returns; everything read from the
    // result is copied while its event is held.
    unsafe {
        let event = call(client, OP, timeout, |native, options, queue| {
            sys::rd_kafka_DescribeCluster(native, options, queue);
        })?;
        client.context().admittance().saw_brokers(ids(&event));
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

/// Topics by name, each with a result of its own.
pub type Described = HashMap<TopicName, Result<Topic, Error>>;

/// Describes topics in one request. Never creates a topic.
///
/// # Errors
/// When no broker answers in time. What is wrong with one topic is that topic's result.
pub fn describe_topics(client: &Client, names: &[TopicName], timeout: Duration) -> Result<Described, Error> {
    let event = ask_topics(client, names, timeout, |_| {})?;
    // SAFETY: descriptions are copied while their event is held.
    unsafe {
        let copy = |(name, topic): (TopicName, _)| {
            let described = copy_topic(&name, topic);
            (name, described)
        };
        Ok(topics_of(&event).map(copy).collect())
    }
}

/// The first of these topics that Kafka lets the gateway see but not read; `None` where there is none, or the broker tells no
/// rights (KIP-430).
///
/// # Errors
/// When no broker answers in time.
pub fn unreadable_topic(
    client: &Client,
    names: &[TopicName],
    timeout: Duration,
) -> Result<Option<TopicName>, Error> {
    use sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ as READ;
    let event = ask_topics(client, names, timeout, |options| {
        // SAFETY: the options are alive. Null, for no error, may be destroyed: the option exists for this request.
        unsafe {
            let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            sys::rd_kafka_error_destroy(refused);
        }
    })?;
    // SAFETY: the rights belong to the description, and null stands for none that were told.
    unsafe {
        let unreadable = |(_, topic): &(TopicName, *const sys::rd_kafka_TopicDescription_t)| {
            let mut rights = 0;
            let first = sys::rd_kafka_TopicDescription_authorized_operations(*topic, &mut rights);
            !first.is_null()
                && !std::slice::from_raw_parts(first, rights).iter().any(|right| matches!(*right, READ))
        };
        Ok(topics_of(&event).find(unreadable).map(|(name, _)| name))
    }
}

/// Asks for the descriptions of topics, with options that `prepare` may change.
fn ask_topics(
    client: &Client,
    names: &[TopicName],
    timeout: Duration,
    prepare: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t),
) -> Result<Event, Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS as OP;
    let owned: Vec<CString> = names.iter().map(|name| c_string(name.as_str())).collect();
    let mut pointers: Vec<*const c_char> = owned.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: as for `describe_cluster`; the collection copies the names, and is destroyed after the submission,
    // which copies what it needs of it.
    unsafe {
        call(client, OP, timeout, |client, options, queue| {
            prepare(options);
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(client, topics, options, queue);
            sys::rd_kafka_TopicCollection_destroy(topics);
        })
    }
}

/// The topics that an event describes, by their names.
///
/// # Safety
/// The event is an answer to DescribeTopics, and is held while what is returned is read.
unsafe fn topics_of(
    event: &Event,
) -> impl Iterator<Item = (TopicName, *const sys::rd_kafka_TopicDescription_t)> {
    let mut count = 0;
    // SAFETY: by contract.
    let topics = unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        array(sys::rd_kafka_DescribeTopics_result_topics(result, &mut count), count)
    };
    topics.iter().filter_map(|topic| {
        // SAFETY: by contract.
        let name = unsafe { text(sys::rd_kafka_TopicDescription_name(*topic)) }?;
        Some((TopicName::parse(&name).ok()?, *topic))
    })
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
