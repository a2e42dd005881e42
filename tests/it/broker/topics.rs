//! Topics, ids and look-ups: what the gateway's catalog relies on.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::{BrokerWire, Test, wire_text as text};
use kafka_protocol::{
    ResponseError,
    messages::{
        CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
        FetchRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse, OffsetForLeaderEpochRequest,
        create_topics_request::CreatableTopic,
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        fetch_request::{FetchPartition, FetchTopic},
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    },
};
use rdkafka::{producer::FutureRecord, types::RDKafkaErrorCode, util::Timeout};
use sluicegate::{
    config,
    dev::Broker,
    kafka::{Catalog, Settings, admin::connect},
    record::TopicName,
};
use std::collections::BTreeMap;
use uuid::Uuid;

pub fn tests() -> Vec<Test> {
    blocking_tests![
        the_gateways_catalog_is_told_ids_partitions_and_the_ends_of_logs,
        the_cluster_id_is_new_at_every_start,
        a_topic_made_again_has_another_id_and_readers_of_the_old_one_are_told,
        a_reader_hears_that_its_topic_was_deleted,
        a_topic_is_deleted_by_its_id_once,
        a_topic_is_made_on_the_way_only_where_the_request_allows,
        a_dry_run_makes_no_topic_and_tells_what_would_happen,
        a_topic_of_more_partitions_than_kafka_makes_at_once_is_refused,
        a_topics_own_configs_can_be_told_from_the_brokers_and_from_kafkas,
        offsets_are_found_by_time_and_epoch,
    ]
}

fn metadata(broker: &Broker, topic: MetadataRequestTopic, create: bool) -> MetadataResponse {
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    BrokerWire::to(broker.address()).ask(12, &request.with_allow_auto_topic_creation(create))
}

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(text(name).into()))
}

fn id_of(broker: &Broker, name: &str) -> Uuid {
    let response = metadata(broker, named(name), false);
    assert_eq!(response.topics[0].error_code, 0, "{name}");
    response.topics[0].topic_id
}

fn the_gateways_catalog_is_told_ids_partitions_and_the_ends_of_logs() {
    let broker = broker();
    create_topic(&broker, "t", 3, &[]);
    for value in ["a", "b"] {
        send(&producer(&broker, &[]), "t", value.as_bytes());
    }
    let kafka = config::Kafka { bootstrap_servers: broker.bootstrap(), ..config::Kafka::default() };
    let settings = Settings::new(kafka, config::Produce::default(), config::Streams::default());
    let catalog = Catalog::new(connect(&settings).expect("a client"), &settings);
    let topic = wait(catalog.refresh(&TopicName::parse("t").expect("a name"))).expect("the topic");
    assert_eq!(topic.id.map(Uuid::from_bytes), Some(id_of(&broker, "t")));
    assert_eq!(topic.partitions.len(), 3);
    let ends = &wait(catalog.watermarks(std::slice::from_ref(&topic))).expect("watermarks")[0];
    assert_eq!(
        (&ends.earliest, &ends.last_stable, &ends.high),
        (&vec![0; 3], &vec![2, 0, 0], &vec![2, 0, 0])
    );
    let cluster = wait(catalog.cluster()).expect("the cluster");
    let told = BrokerWire::to(broker.address()).ask(0, &DescribeClusterRequest::default()).cluster_id;
    assert_eq!(cluster.id, told.as_str());
    assert_eq!((cluster.nodes.len(), cluster.nodes[0].port), (1, broker.address().port()));
}

fn the_cluster_id_is_new_at_every_start() {
    let id = || {
        let broker = broker();
        let described =
            BrokerWire::to(broker.address()).ask(0, &DescribeClusterRequest::default()).cluster_id;
        let told =
            BrokerWire::to(broker.address()).ask(12, &MetadataRequest::default().with_topics(Some(vec![])));
        assert_eq!(told.cluster_id.as_ref(), Some(&described));
        assert!(told.topics.is_empty(), "no topic was asked for");
        described
    };
    let (one, other) = (id(), id());
    assert_eq!((one.len(), other.len()), (22, 22));
    assert_ne!(one, other);
}

fn a_topic_made_again_has_another_id_and_readers_of_the_old_one_are_told() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let old = id_of(&broker, "t");
    assert!(!old.is_nil());
    assert_eq!(id_of(&broker, "t"), old);
    let by_id = metadata(&broker, MetadataRequestTopic::default().with_topic_id(old).with_name(None), false);
    assert_eq!(by_id.topics[0].name.as_ref().map(|name| name.as_str()), Some("t"));
    let as_java_asks = metadata(&broker, named("").with_topic_id(old), false);
    assert_eq!(as_java_asks.topics, by_id.topics);

    delete_topic(&broker, "t");
    create_topic(&broker, "t", 1, &[]);
    assert_ne!(id_of(&broker, "t"), old);
    let gone = metadata(&broker, MetadataRequestTopic::default().with_topic_id(old).with_name(None), false);
    let told: Vec<_> = gone.topics.iter().map(|topic| (topic.error_code, topic.topic_id)).collect();
    assert_eq!(told, [(ResponseError::UnknownTopicId.code(), old)]);
    let topic = FetchTopic::default().with_topic_id(old).with_partitions(vec![FetchPartition::default()]);
    let fetch = FetchRequest::default().with_max_bytes(1_000).with_max_wait_ms(20_000).with_min_bytes(1);
    let fetched = BrokerWire::to(broker.address()).ask(13, &fetch.with_topics(vec![topic]));
    let code = fetched.responses[0].partitions[0].error_code;
    assert_eq!((code, fetched.responses[0].topic_id), (ResponseError::UnknownTopicId.code(), old));
}

fn a_reader_hears_that_its_topic_was_deleted() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    send(&producer(&broker, &[]), "t", b"last");
    let quick =
        [("topic.metadata.propagation.max.ms", "500"), ("topic.metadata.refresh.fast.interval.ms", "50")];
    let reader = reader(&broker, "t", 0, &quick);
    assert_eq!(values(&reader, 1), ["last"]);
    delete_topic(&broker, "t");
    let error = next(&reader).expect_err("there is no topic to read");
    // librdkafka's word for a topic whose partitions are gone.
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownPartition));
}

fn a_topic_is_deleted_by_its_id_once() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    create_topic(&broker, "other", 1, &[]);
    let id = id_of(&broker, "t");
    let topic = DeleteTopicState::default().with_name(None).with_topic_id(id);
    let request = DeleteTopicsRequest::default().with_topics(vec![topic]);
    let codes = [(); 2].map(|()| BrokerWire::to(broker.address()).ask(6, &request).responses[0].error_code);
    assert_eq!(codes, [0, ResponseError::UnknownTopicId.code()]);
    id_of(&broker, "other");
}

fn a_topic_is_made_on_the_way_only_where_the_request_allows() {
    let broker = broker();
    let asked = metadata(&broker, named("t"), false);
    assert_eq!(asked.topics[0].error_code, ResponseError::UnknownTopicOrPartition.code());
    let asked = metadata(&broker, named("t"), false);
    assert_eq!(
        asked.topics[0].error_code,
        ResponseError::UnknownTopicOrPartition.code(),
        "asking makes none"
    );
    let made = metadata(&broker, named("t"), true);
    assert_eq!((made.topics[0].error_code, made.topics[0].partitions.len()), (0, 1));
    assert_eq!(made.topics[0].topic_id, id_of(&broker, "t"));
    assert!(!made.topics[0].topic_id.is_nil());
}

fn a_dry_run_makes_no_topic_and_tells_what_would_happen() {
    let broker = broker();
    let topic = |name: &str, partitions| {
        let topic = CreatableTopic::default().with_name(text(name).into()).with_num_partitions(partitions);
        topic.with_replication_factor(1)
    };
    let request = |topics, dry| CreateTopicsRequest::default().with_topics(topics).with_validate_only(dry);
    let mut wire = BrokerWire::to(broker.address());
    let made = wire.ask(7, &request(vec![topic("t", 2), topic("bad", 0)], true));
    let codes: Vec<_> = made.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [0, ResponseError::InvalidPartitions.code()]);
    assert!(made.topics[0].topic_id.is_nil(), "there is no topic to have an id");
    let asked = metadata(&broker, named("t"), false);
    assert_eq!(asked.topics[0].error_code, ResponseError::UnknownTopicOrPartition.code());
    let made = wire.ask(7, &request(vec![topic("t", 2)], false));
    assert_eq!(made.topics[0].topic_id, id_of(&broker, "t"));
    let again = wire.ask(7, &request(vec![topic("t", 2)], true));
    assert_eq!(again.topics[0].error_code, ResponseError::TopicAlreadyExists.code());
}

fn a_topic_of_more_partitions_than_kafka_makes_at_once_is_refused() {
    let broker = broker();
    let topic = |name: &str, partitions| {
        let topic = CreatableTopic::default().with_name(text(name).into()).with_num_partitions(partitions);
        topic.with_replication_factor(1)
    };
    let wanted = vec![topic("huge", i32::MAX), topic("small", 1), topic("large", 10_001)];
    let made = BrokerWire::to(broker.address()).ask(7, &CreateTopicsRequest::default().with_topics(wanted));
    let codes: BTreeMap<_, _> =
        made.topics.iter().map(|topic| (topic.name.to_string(), topic.error_code)).collect();
    let refused = ResponseError::PolicyViolation.code();
    let expected = [("huge", refused), ("large", refused), ("small", 0)];
    assert_eq!(codes, expected.map(|(name, code)| (name.to_owned(), code)).into());
    for (name, exists) in [("huge", false), ("small", true)] {
        let told = metadata(&broker, named(name), false).topics[0].error_code;
        assert_eq!(told == 0, exists, "{name}");
    }
}

fn a_topics_own_configs_can_be_told_from_the_brokers_and_from_kafkas() {
    let broker = broker();
    create_topic(&broker, "plain", 2, &[]);
    create_topic(&broker, "own", 1, &[("retention.bytes", "1000"), ("cleanup.policy", "compact")]);
    let sources = |name: &str| -> BTreeMap<String, (String, i8)> {
        let resource =
            DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(name));
        let request =
            DescribeConfigsRequest::default().with_resources(vec![resource.with_configuration_keys(None)]);
        let described = BrokerWire::to(broker.address()).ask(4, &request);
        assert_eq!(described.results[0].error_code, 0);
        let configs = described.results[0].configs.iter();
        let config = configs.map(|config| {
            let value = config.value.as_ref().map(ToString::to_string).unwrap_or_default();
            (config.name.to_string(), (value, config.config_source))
        });
        config.filter(|(_, (_, source))| *source != 5).collect()
    };
    let table = |rows: &[(&str, &str, i8)]| -> BTreeMap<String, (String, i8)> {
        rows.iter().map(|(k, v, source)| ((*k).to_owned(), ((*v).to_owned(), *source))).collect()
    };
    assert_eq!(sources("plain"), table(&[("retention.bytes", &(128 << 20).to_string(), 4)]));
    let own = [("cleanup.policy", "compact", 1), ("retention.bytes", "1000", 1)];
    assert_eq!(sources("own"), table(&own));
}

fn offsets_are_found_by_time_and_epoch() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[("retention.ms", "-1")]);
    let producer = producer(&broker, &[("compression.type", "zstd")]);
    for time in [100, 300, 200] {
        let record =
            FutureRecord::<(), str>::to("t").partition(0).timestamp(time).payload("compressible....");
        wait(producer.send(record, Timeout::After(DEADLINE))).expect("delivered");
    }
    let mut wire = BrokerWire::to(broker.address());
    let mut at = |timestamp| {
        let partition =
            ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(text("t").into()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
        let found = &wire.ask(8, &request).topics[0].partitions[0];
        assert_eq!(found.error_code, 0);
        (found.offset, found.timestamp)
    };
    assert_eq!([at(-2), at(-1), at(-3)], [(0, -1), (3, -1), (1, 300)]);
    assert_eq!([at(0), at(101), at(301)], [(0, 100), (1, 300), (-1, -1)]);

    let mut end_of = |epoch| {
        let partition =
            OffsetForLeaderPartition::default().with_leader_epoch(epoch).with_current_leader_epoch(0);
        let topic = OffsetForLeaderTopic::default().with_topic(text("t").into());
        let request = OffsetForLeaderEpochRequest::default();
        let request = request.with_topics(vec![topic.with_partitions(vec![partition])]);
        let end = &wire.ask(4, &request).topics[0].partitions[0];
        (end.error_code, end.leader_epoch, end.end_offset)
    };
    assert_eq!([end_of(0), end_of(1)], [(0, 0, 3), (0, -1, -1)]);
}
