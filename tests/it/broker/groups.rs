//! Consumer groups: joining, committing, and the death of a member.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::{BrokerWire, Test, wire_text as text};
use bytes::{BufMut, BytesMut};
use kafka_protocol::{
    messages::{
        ConsumerProtocolAssignment, ConsumerProtocolSubscription, DescribeGroupsRequest, JoinGroupRequest,
        JoinGroupResponse, SyncGroupRequest, consumer_protocol_assignment::TopicPartition,
        join_group_request::JoinGroupRequestProtocol, sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::Encodable,
};
use rdkafka::{
    Offset,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use sluicegate::dev::Broker;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    blocking_tests![
        members_share_the_partitions_and_the_last_one_takes_all,
        a_committed_offset_is_where_the_next_member_begins,
        a_member_that_was_killed_is_expired_and_its_partitions_go_to_the_living,
    ]
}

fn member(broker: &Broker) -> BaseConsumer {
    let properties = [
        ("group.id", "g"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("partition.assignment.strategy", "range"),
    ];
    let consumer: BaseConsumer = config(broker, &properties).create().expect("a consumer");
    consumer.subscribe(&["t"]).expect("subscribed");
    consumer
}

/// Polls all until one holds this many partitions; what it polls is thrown away.
fn until_assigned(consumers: &[&BaseConsumer], which: usize, partitions: usize) {
    until("the partitions are assigned", || {
        for consumer in consumers {
            consumer.poll(Duration::from_millis(20));
        }
        consumers[which].assignment().expect("an assignment").count() == partitions
    });
}

fn versioned(message: &impl Encodable) -> bytes::Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    message.encode(&mut bytes, 1).expect("a message");
    bytes.freeze()
}

/// Joins by hand, as the only member and so the leader, and takes both partitions.
fn join_by_hand(wire: &mut BrokerWire) -> JoinGroupResponse {
    let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text("t")]);
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let protocol = protocol.with_metadata(versioned(&subscription));
    let mut request = JoinGroupRequest::default()
        .with_group_id(text("g").into())
        .with_session_timeout_ms(6_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    request.member_id = wire.ask(7, &request).member_id;
    let joined = wire.ask(7, &request);
    assert_eq!(joined.error_code, 0);
    let partitions = TopicPartition::default().with_topic(text("t").into()).with_partitions(vec![0, 1]);
    let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![partitions]);
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(versioned(&assignment));
    let sync = SyncGroupRequest::default()
        .with_group_id(text("g").into())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    assert_eq!(wire.ask(5, &sync).error_code, 0);
    joined
}

fn members(broker: &Broker) -> usize {
    let request = DescribeGroupsRequest::default().with_groups(vec![text("g").into()]);
    BrokerWire::to(broker.address()).ask(5, &request).groups[0].members.len()
}

fn members_share_the_partitions_and_the_last_one_takes_all() {
    let broker = broker();
    create_topic(&broker, "t", 2, &[]);
    let (one, two) = (member(&broker), member(&broker));
    until_assigned(&[&one, &two], 0, 1);
    until_assigned(&[&one, &two], 1, 1);
    drop(two);
    until_assigned(&[&one], 0, 2);
}

fn a_committed_offset_is_where_the_next_member_begins() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let producer = producer(&broker, &[]);
    for value in ["a", "b", "c"] {
        send(&producer, "t", value.as_bytes());
    }
    let one = member(&broker);
    assert_eq!(values(&one, 3), ["a", "b", "c"]);
    let mut offsets = rdkafka::TopicPartitionList::new();
    offsets.add_partition_offset("t", 0, Offset::Offset(2)).expect("an offset");
    one.commit(&offsets, CommitMode::Sync).expect("committed");
    drop(one);
    assert_eq!(values(&member(&broker), 1), ["c"]);
}

fn a_member_that_was_killed_is_expired_and_its_partitions_go_to_the_living() {
    let broker = broker();
    create_topic(&broker, "t", 2, &[]);
    let mut wire = BrokerWire::to(broker.address());
    join_by_hand(&mut wire);
    assert_eq!(members(&broker), 1);
    // Killed: the connection ends, and nothing is said.
    drop(wire);
    let killed = Instant::now();
    let living = member(&broker);
    until_assigned(&[&living], 0, 2);
    assert!(killed.elapsed() > Duration::from_secs(5), "its session is 6 s: it might have come back");
    assert_eq!(members(&broker), 1);
}
