//! Topics by the admin APIs: the engine's answers, completed with ids, defaults and Kafka's small print.

use super::{cluster::State, retention};
use kafka_protocol::{
    ResponseError,
    messages::{
        CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        DescribeConfigsRequest, DescribeConfigsResponse, MetadataRequest, MetadataResponse, TopicName,
        create_topics_response::CreatableTopicResult, delete_topics_response::DeletableTopicResult,
        metadata_response::MetadataResponseTopic,
    },
    protocol::StrBytes,
};
use uuid::Uuid;

/// A topic's resource type, and the source of what the broker and not the topic sets (DescribeConfigs).
const TOPIC: i8 = 2;
const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 4;

/// Answers Metadata; topics may be asked for by id (KIP-516), and are made on the way when the request allows.
pub fn metadata(state: &mut State, request: &MetadataRequest, version: i16) -> MetadataResponse {
    let (mut by_name, mut unknown) = (request.clone(), Vec::new());
    if let Some(topics) = &mut by_name.topics {
        topics.retain_mut(|topic| {
            topic.name = meant(state, topic.name.take(), topic.topic_id);
            if topic.name.is_none() {
                unknown.push(unknown_id(topic.topic_id));
            }
            topic.name.is_some()
        });
    }
    let nothing_asked = by_name.topics.as_ref().is_some_and(Vec::is_empty);
    let mut response = state.engine.handle_metadata(&by_name, version);
    state.settle_topics();
    if nothing_asked && (version > 0 || !unknown.is_empty()) {
        // The engine takes an empty list for all topics, which it meant in version 0 only.
        response.topics.clear();
    }
    for topic in &mut response.topics {
        let name = topic.name.as_ref().map(|name| name.as_str()).unwrap_or_default();
        topic.topic_id = state.topic_id(name).unwrap_or_default();
        for partition in &mut topic.partitions {
            partition.leader_epoch = 0;
        }
    }
    response.topics.extend(unknown);
    response
}

/// The most partitions that a topic is made with: what Kafka's controller makes in one request. The engine knows no
/// bound, and would fill the memory.
const MAX_PARTITIONS: i32 = 10_000;

/// Makes topics, and tells their ids; `validate_only` makes none.
pub fn create(state: &mut State, request: &CreateTopicsRequest, version: i16) -> CreateTopicsResponse {
    let (mut within, mut refused) = (request.clone(), Vec::new());
    within.topics.retain(|topic| {
        let fits = topic.num_partitions <= MAX_PARTITIONS;
        if !fits {
            let answer = CreatableTopicResult::default().with_name(topic.name.clone());
            refused.push(answer.with_error_code(ResponseError::PolicyViolation.code()));
        }
        fits
    });
    let mut response = state.engine.handle_create_topics(&within, version);
    response.topics.extend(refused);
    state.settle_topics();
    for topic in &mut response.topics {
        if topic.error_code == 0 && !request.validate_only {
            topic.topic_id = state.topic_id(topic.name.as_str()).unwrap_or_default();
        }
    }
    response
}

/// Deletes topics, by name or by id, and forgets their ids.
pub fn delete(state: &mut State, request: &DeleteTopicsRequest, version: i16) -> DeleteTopicsResponse {
    let (mut by_name, mut unknown) = (request.clone(), Vec::new());
    by_name.topics.retain_mut(|topic| {
        topic.name = meant(state, topic.name.take(), topic.topic_id);
        if topic.name.is_none() {
            let refused = DeletableTopicResult::default().with_topic_id(topic.topic_id).with_name(None);
            unknown.push(refused.with_error_code(ResponseError::UnknownTopicId.code()));
        }
        topic.name.is_some()
    });
    let ids = by_name.topics.iter().map(|topic| topic.name.as_ref().and_then(|n| state.topic_id(n.as_str())));
    let ids: Vec<Uuid> = ids.map(Option::unwrap_or_default).collect();
    // Versions before 6 have a list of names.
    let named = by_name.topics.iter().filter_map(|topic| topic.name.as_ref()).chain(&by_name.topic_names);
    for topic in named {
        if let Some(topic) = state.engine.topics.get(topic.as_str()) {
            state.orphans.remember(topic);
        }
    }
    let mut response = state.engine.handle_delete_topics(&by_name, version);
    state.settle_topics();
    for (answer, id) in response.responses.iter_mut().zip(ids) {
        answer.topic_id = id;
    }
    response.responses.extend(unknown);
    response
}

/// Tells configs with their sources. What the broker keeps of a topic is the broker's setting, not the
/// topic's, so that a topic shows as its own only what it was given.
pub fn describe_configs(
    state: &State,
    request: &DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResponse {
    let mut response = state.engine.handle_describe_configs(request, version);
    for result in response.results.iter_mut().filter(|result| result.resource_type == TOPIC) {
        let Some(topic) = state.engine.topics.get(result.resource_name.as_str()) else { continue };
        let limit = retention::default_limit(state.topic_bytes, topic.partitions.len());
        let inherited = |name: &str, source| name == retention::LIMIT && source != FROM_TOPIC;
        for config in &mut result.configs {
            if inherited(config.name.as_str(), config.config_source) {
                config.value = Some(StrBytes::from_string(limit.to_string()));
                config.config_source = FROM_BROKER;
            }
        }
    }
    response
}

/// The name of the topic that a request means. An id goes before a name: Java sends an empty name along.
fn meant(state: &State, name: Option<TopicName>, id: Uuid) -> Option<TopicName> {
    if id.is_nil() {
        return name;
    }
    state.topic_name(id).map(|name| StrBytes::from_string(name.to_owned()).into())
}

fn unknown_id(id: Uuid) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default().with_topic_id(id).with_name(None);
    answer.with_error_code(ResponseError::UnknownTopicId.code())
}
