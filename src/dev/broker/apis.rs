//! Which APIs are served, in which versions, and by whom: the broker's table of contents.
//!
//! Deliberately absent are the APIs that the engine answers without meaning it: SASL (it takes any password)
//! and DescribeProducers (it knows none). A client then learns that this broker does not have them.

use super::{
    ApiKey, acls,
    cluster::Cluster,
    faults::{Plan, ProduceFault},
    fetch,
    frame::Request,
    groups, offsets, produce, topics, transactions,
};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        ApiVersionsResponse, MetadataRequest, api_versions_response::ApiVersion,
        metadata_response::MetadataResponseTopic,
    },
    protocol::{Encodable, Request as Api, VersionRange},
};
use noida::kafka::engine::EngineState;
use std::io;

/// What is served, up to which version. The lowest is the lowest that Kafka 4 itself serves.
const SERVED: [(ApiKey, i16); 36] = [
    (ApiKey::Produce, 9),
    (ApiKey::Fetch, 13),
    (ApiKey::ListOffsets, 8),
    (ApiKey::Metadata, 12),
    (ApiKey::OffsetCommit, 8),
    (ApiKey::OffsetFetch, 8),
    (ApiKey::FindCoordinator, 4),
    (ApiKey::JoinGroup, 7),
    (ApiKey::Heartbeat, 4),
    (ApiKey::LeaveGroup, 5),
    (ApiKey::SyncGroup, 5),
    (ApiKey::DescribeGroups, 5),
    (ApiKey::ListGroups, 4),
    (ApiKey::ApiVersions, 3),
    (ApiKey::CreateTopics, 7),
    (ApiKey::DeleteTopics, 6),
    (ApiKey::DeleteRecords, 2),
    (ApiKey::InitProducerId, 4),
    (ApiKey::OffsetForLeaderEpoch, 4),
    (ApiKey::AddPartitionsToTxn, 3),
    (ApiKey::AddOffsetsToTxn, 3),
    (ApiKey::EndTxn, 3),
    (ApiKey::TxnOffsetCommit, 3),
    (ApiKey::DescribeAcls, 3),
    (ApiKey::CreateAcls, 3),
    (ApiKey::DeleteAcls, 3),
    (ApiKey::DescribeConfigs, 4),
    (ApiKey::AlterConfigs, 2),
    (ApiKey::DescribeLogDirs, 2),
    (ApiKey::CreatePartitions, 3),
    (ApiKey::DeleteGroups, 2),
    (ApiKey::IncrementalAlterConfigs, 1),
    (ApiKey::OffsetDelete, 0),
    (ApiKey::DescribeCluster, 0),
    (ApiKey::DescribeTransactions, 0),
    (ApiKey::ListTransactions, 1),
];

/// The versions served of an API; `None` when it is not served at all.
fn versions(api: ApiKey) -> Option<VersionRange> {
    let (_, max) = SERVED.iter().find(|(served, _)| *served == api)?;
    Some(VersionRange { min: api.valid_versions().min, max: *max })
}

/// Answers one request with a whole frame; `None` when it wants no answer (acks=0).
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] or [`io::ErrorKind::Unsupported`] when the request cannot be served:
/// Kafka closes such a connection, and so does the caller.
pub async fn answer(
    cluster: &Cluster,
    plan: &Plan,
    request: &Request,
    host: &str,
) -> io::Result<Option<Bytes>> {
    let served = versions(request.api).is_some_and(|v| (v.min..=v.max).contains(&request.version));
    if !served && request.api != ApiKey::ApiVersions {
        return Err(unserved(request));
    }
    let answer = match request.api {
        ApiKey::ApiVersions => return api_versions(request, served).map(Some),
        ApiKey::Produce => return append(cluster, plan, request),
        ApiKey::Fetch => request.reply(&fetch::fetch(cluster, &request.read()?, request.version).await),
        ApiKey::JoinGroup => {
            let joiner = groups::Joiner { client_id: &request.client_id, host };
            request.reply(&groups::join(cluster, &request.read()?, request.version, joiner).await)
        }
        ApiKey::SyncGroup => request.reply(&groups::sync(cluster, &request.read()?, request.version).await),
        ApiKey::DescribeAcls | ApiKey::CreateAcls | ApiKey::DeleteAcls => acls::answer(request),
        ApiKey::Metadata => metadata(cluster, plan, request),
        _ => at_once(cluster, request),
    };
    answer.map(Some)
}

fn unserved(request: &Request) -> io::Error {
    let Request { api, version, .. } = request;
    io::Error::new(io::ErrorKind::Unsupported, format!("{api:?} version {version} is not served"))
}

fn api_versions(request: &Request, served: bool) -> io::Result<Bytes> {
    let listed = SERVED.iter().filter_map(|(api, _)| {
        let versions = versions(*api)?;
        let listed = ApiVersion::default().with_api_key(*api as i16);
        Some(listed.with_min_version(versions.min).with_max_version(versions.max))
    });
    let response = ApiVersionsResponse::default().with_api_keys(listed.collect());
    if served {
        return request.reply(&response);
    }
    // KIP-511: told in version 0, a newer client asks again in a version that it finds there.
    request.reply_in(&response.with_error_code(ResponseError::UnsupportedVersion.code()), 0)
}

fn append(cluster: &Cluster, plan: &Plan, request: &Request) -> io::Result<Option<Bytes>> {
    let body = request.read()?;
    let fault = plan.next_produce();
    if let Some(ProduceFault::Refuse(code)) = fault {
        return request
            .reply(&produce::refused(&body, code))
            .map(|refusal| (body.acks != 0).then_some(refusal));
    }
    let response = produce::produce(&mut cluster.lock(), &body, request.version);
    cluster.logs.ring();
    if fault.is_some() {
        return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "an answer was lost on purpose"));
    }
    if body.acks == 0 {
        return Ok(None);
    }
    request.reply(&response).map(Some)
}

fn metadata(cluster: &Cluster, plan: &Plan, request: &Request) -> io::Result<Bytes> {
    let body: MetadataRequest = request.read()?;
    let named = body.topics.as_ref().is_some_and(|topics| !topics.is_empty());
    let mut response = topics::metadata(&mut cluster.lock(), &body, request.version);
    announce(cluster, request.api);
    if named && plan.next_unheard() {
        for topic in &mut response.topics {
            let unknown = MetadataResponseTopic::default().with_name(topic.name.take());
            *topic = unknown.with_error_code(ResponseError::UnknownTopicOrPartition.code());
        }
    }
    request.reply(&response)
}

/// What the state alone can answer.
fn at_once(cluster: &Cluster, request: &Request) -> io::Result<Bytes> {
    let version = request.version;
    let state = &mut *cluster.lock();
    let answer = match request.api {
        ApiKey::CreateTopics => request.reply(&topics::create(state, &request.read()?, version)),
        ApiKey::DeleteTopics => request.reply(&topics::delete(state, &request.read()?, version)),
        ApiKey::DescribeConfigs => request.reply(&topics::describe_configs(state, &request.read()?, version)),
        ApiKey::ListOffsets => request.reply(&offsets::list(state, &request.read()?)),
        ApiKey::OffsetForLeaderEpoch => request.reply(&offsets::for_leader_epoch(state, &request.read()?)),
        ApiKey::InitProducerId => {
            request.reply(&transactions::init_producer(state, &request.read()?, version))
        }
        ApiKey::EndTxn => request.reply(&transactions::end(state, &request.read()?, version)),
        ApiKey::Heartbeat => request.reply(&groups::heartbeat(state, &request.read()?, version)),
        ApiKey::OffsetCommit => request.reply(&groups::commit(state, &request.read()?, version)),
        ApiKey::LeaveGroup => request.reply(&groups::leave(state, &request.read()?, version)),
        _ => by_the_engine(&mut state.engine, request),
    };
    announce(cluster, request.api);
    answer
}

/// Wakes those whom this API may have given something.
fn announce(cluster: &Cluster, api: ApiKey) {
    match api {
        ApiKey::Metadata
        | ApiKey::CreateTopics
        | ApiKey::DeleteTopics
        | ApiKey::CreatePartitions
        | ApiKey::DeleteRecords
        | ApiKey::InitProducerId
        | ApiKey::EndTxn => cluster.logs.ring(),
        ApiKey::Heartbeat | ApiKey::LeaveGroup | ApiKey::DeleteGroups => cluster.groups.ring(),
        _ => {}
    }
}

/// What the engine answers well as it is.
fn by_the_engine(engine: &mut EngineState, request: &Request) -> io::Result<Bytes> {
    match request.api {
        ApiKey::OffsetFetch => asked(request, |r, v| engine.handle_offset_fetch(r, v)),
        ApiKey::FindCoordinator => asked(request, |r, v| engine.handle_find_coordinator(r, v)),
        ApiKey::DescribeGroups => asked(request, |r, v| engine.handle_describe_groups(r, v)),
        ApiKey::ListGroups => asked(request, |r, v| engine.handle_list_groups(r, v)),
        ApiKey::DeleteGroups => asked(request, |r, v| engine.handle_delete_groups(r, v)),
        ApiKey::DeleteRecords => asked(request, |r, v| engine.handle_delete_records(r, v)),
        ApiKey::CreatePartitions => asked(request, |r, v| engine.handle_create_partitions(r, v)),
        ApiKey::AddPartitionsToTxn => asked(request, |r, v| engine.handle_add_partitions_to_txn(r, v)),
        ApiKey::AddOffsetsToTxn => asked(request, |r, v| engine.handle_add_offsets_to_txn(r, v)),
        ApiKey::TxnOffsetCommit => asked(request, |r, v| engine.handle_txn_offset_commit(r, v)),
        ApiKey::AlterConfigs => asked(request, |r, v| engine.handle_alter_configs(r, v)),
        ApiKey::IncrementalAlterConfigs => {
            asked(request, |r, v| engine.handle_incremental_alter_configs(r, v))
        }
        ApiKey::OffsetDelete => asked(request, |r, v| engine.handle_offset_delete(r, v)),
        ApiKey::DescribeCluster => asked(request, |r, v| engine.handle_describe_cluster(r, v)),
        ApiKey::DescribeLogDirs => asked(request, |r, v| engine.handle_describe_log_dirs(r, v)),
        ApiKey::DescribeTransactions => asked(request, |r, v| engine.handle_describe_transactions(r, v)),
        ApiKey::ListTransactions => asked(request, |r, v| engine.handle_list_transactions(r, v)),
        _ => Err(unserved(request)),
    }
}

fn asked<R: Api<Response: Encodable>>(
    request: &Request,
    handle: impl FnOnce(&R, i16) -> R::Response,
) -> io::Result<Bytes> {
    request.reply(&handle(&request.read()?, request.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::cluster;
    use bytes::{BufMut, BytesMut};
    use std::time::Duration;

    fn request(api: ApiKey, version: i16) -> Request {
        let mut frame = BytesMut::new();
        frame.put_i16(api as i16);
        frame.put_i16(version);
        frame.put_i32(1);
        frame.put_i16(-1);
        if api.request_header_version(version) >= 2 {
            frame.put_u8(0);
        }
        // No body decodes from nothing, or from zeros: what matters is that somebody tries.
        frame.put_bytes(0, 64);
        Request::parse(frame.freeze()).expect("a header")
    }

    async fn kind(api: ApiKey, version: i16) -> Option<io::ErrorKind> {
        let (cluster, plan, request) = (cluster::sample(), Plan::default(), request(api, version));
        let answer = answer(&cluster, &plan, &request, "/127.0.0.1");
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("in time");
        answer.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn what_is_listed_is_served_in_every_version_and_nothing_else_is() {
        for (api, max) in SERVED {
            let served = versions(api).expect("listed");
            assert!(served.min <= max, "{api:?}");
            for version in served.min..=max {
                assert_ne!(kind(api, version).await, Some(io::ErrorKind::Unsupported), "{api:?} {version}");
            }
            if api != ApiKey::ApiVersions {
                assert_eq!(kind(api, max + 1).await, Some(io::ErrorKind::Unsupported), "{api:?} {}", max + 1);
            }
        }
        for api in [ApiKey::SaslHandshake, ApiKey::ConsumerGroupHeartbeat, ApiKey::Vote] {
            assert_eq!(kind(api, 0).await, Some(io::ErrorKind::Unsupported), "{api:?}");
        }
    }
}
