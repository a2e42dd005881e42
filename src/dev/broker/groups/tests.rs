//! Rounds, silence and waiting, on a clock that the test moves.

use super::*;
use crate::dev::broker::cluster;
use kafka_protocol::messages::{
    join_group_request::JoinGroupRequestProtocol,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};
use noida::kafka::engine::{PartitionState, TopicState};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const SESSION_MS: i32 = 10_000;

fn on_clock() -> (Arc<Cluster>, Arc<AtomicU64>) {
    let (cluster, clock) = (cluster::sample(), Arc::new(AtomicU64::new(1_000_000)));
    let told = Arc::clone(&clock);
    cluster.lock().engine.clock = Some(Arc::new(move || told.load(Ordering::Relaxed)));
    (Arc::new(cluster), clock)
}

fn request(member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name("range".into());
    JoinGroupRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_member_id(StrBytes::from_string(member.to_owned()))
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type("consumer".into())
        .with_protocols(vec![protocol])
}

/// Joins as librdkafka does: once for an id, once with it.
async fn member(cluster: Arc<Cluster>) -> JoinGroupResponse {
    let joiner = Joiner { client_id: "c", host: "/127.0.0.1" };
    let first = join(&cluster, &request(""), 7, joiner).await;
    assert_eq!(first.error_code, ResponseError::MemberIdRequired.code());
    join(&cluster, &request(&first.member_id), 7, joiner).await
}

async fn synced(cluster: &Cluster, joined: &JoinGroupResponse) -> SyncGroupResponse {
    let request = SyncGroupRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_member_id(joined.member_id.clone())
        .with_generation_id(joined.generation_id);
    sync(cluster, &request, 5).await
}

fn beat(cluster: &Cluster, joined: &JoinGroupResponse) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_member_id(joined.member_id.clone())
        .with_generation_id(joined.generation_id);
    heartbeat(&mut cluster.lock(), &request, 4).error_code
}

#[tokio::test]
async fn two_members_that_start_together_land_in_one_round() {
    let (cluster, _) = on_clock();
    let (one, two) = tokio::join!(member(Arc::clone(&cluster)), member(Arc::clone(&cluster)));
    assert_eq!((one.error_code, two.error_code), (0, 0));
    assert_eq!(one.generation_id, two.generation_id);
    assert_eq!(one.leader, two.leader);
    let (leader, follower) = if one.leader == one.member_id { (&one, &two) } else { (&two, &one) };
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    // The follower syncs first and waits for the leader.
    let (followed, led) = tokio::join!(synced(&cluster, follower), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        synced(&cluster, leader).await
    });
    assert_eq!((followed.error_code, led.error_code), (0, 0));
}

#[tokio::test]
async fn a_silent_member_is_taken_out_and_one_that_beats_stays() {
    let (cluster, clock) = on_clock();
    let (one, two) = tokio::join!(member(Arc::clone(&cluster)), member(Arc::clone(&cluster)));
    let (leader, _) = if one.leader == one.member_id { (&one, &two) } else { (&two, &one) };
    synced(&cluster, leader).await;
    clock.fetch_add(SESSION_MS as u64, Ordering::Relaxed);
    assert_eq!(beat(&cluster, &one), 0);
    assert!(!expire(&mut cluster.lock()), "at the limit, not over it");
    clock.fetch_add(1, Ordering::Relaxed);
    assert!(expire(&mut cluster.lock()));
    let left: Vec<String> = cluster.lock().engine.groups["g"].members.keys().cloned().collect();
    assert_eq!(left, [one.member_id.to_string()]);
    assert_eq!(beat(&cluster, &one), ResponseError::RebalanceInProgress.code());
    // Being told to join again, it is alive all the same.
    clock.fetch_add(SESSION_MS as u64 - 1, Ordering::Relaxed);
    assert_eq!(beat(&cluster, &one), ResponseError::RebalanceInProgress.code());
    clock.fetch_add(SESSION_MS as u64 - 1, Ordering::Relaxed);
    assert!(!expire(&mut cluster.lock()));
    assert_eq!(beat(&cluster, &two), ResponseError::UnknownMemberId.code());
}

#[tokio::test]
async fn a_member_that_waits_in_a_join_is_not_silent_until_its_connection_ends() {
    let (cluster, clock) = on_clock();
    let first = member(Arc::clone(&cluster)).await;
    synced(&cluster, &first).await;
    let waiting = tokio::spawn(member(Arc::clone(&cluster)));
    let joined = async {
        while cluster.lock().waiting.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), joined).await.expect("the second member waits in its join");
    clock.fetch_add(SESSION_MS as u64, Ordering::Relaxed);
    assert_eq!(beat(&cluster, &first), ResponseError::RebalanceInProgress.code());
    clock.fetch_add(1, Ordering::Relaxed);
    assert!(!expire(&mut cluster.lock()), "the one beats, the other waits");

    waiting.abort();
    assert!(waiting.await.expect_err("aborted").is_cancelled());
    assert!(cluster.lock().waiting.is_empty());
    clock.fetch_add(SESSION_MS as u64, Ordering::Relaxed);
    assert_eq!(beat(&cluster, &first), ResponseError::RebalanceInProgress.code());
    clock.fetch_add(1, Ordering::Relaxed);
    assert!(expire(&mut cluster.lock()));
    assert_eq!(cluster.lock().engine.groups["g"].members.len(), 1);
}

#[tokio::test]
async fn a_round_ends_without_the_member_that_does_not_join_again() {
    let (cluster, clock) = on_clock();
    let first = member(Arc::clone(&cluster)).await;
    synced(&cluster, &first).await;
    let waiting = tokio::spawn(member(Arc::clone(&cluster)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "the first member has not joined again");
    // It beats and never joins; the round's time passes.
    clock.fetch_add(60_000, Ordering::Relaxed);
    beat(&cluster, &first);
    cluster.groups.ring();
    let answer =
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("in time").expect("joined");
    assert_eq!(answer.error_code, 0);
    assert_eq!(answer.leader, answer.member_id);
    assert_eq!(answer.members.len(), 1);
}

#[tokio::test]
async fn what_a_member_owns_it_may_commit_until_the_next_round_is_complete() {
    let (cluster, _) = on_clock();
    let partitions = HashMap::from([(0, PartitionState::new(0, 1))]);
    let topic = TopicState { name: "t".to_owned(), is_internal: false, partitions, configs: HashMap::new() };
    cluster.lock().engine.topics.insert("t".to_owned(), topic);
    let commits = |joined: &JoinGroupResponse, offset| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default().with_name(StrBytes::from_static_str("t").into());
        let request = OffsetCommitRequest::default()
            .with_group_id(StrBytes::from_static_str("g").into())
            .with_member_id(joined.member_id.clone())
            .with_generation_id_or_member_epoch(joined.generation_id)
            .with_topics(vec![topic.with_partitions(vec![partition])]);
        commit(&mut cluster.lock(), &request, 8).topics[0].partitions[0].error_code
    };
    let first = member(Arc::clone(&cluster)).await;
    assert_eq!(first.generation_id, 1);
    assert_eq!(commits(&first, 1), ResponseError::RebalanceInProgress.code(), "nothing is assigned yet");
    synced(&cluster, &first).await;
    assert_eq!(commits(&first, 2), 0);

    let second = tokio::spawn(member(Arc::clone(&cluster)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(beat(&cluster, &first), ResponseError::RebalanceInProgress.code());
    assert_eq!(commits(&first, 3), 0, "told of the rebalance, it commits what it did");
    let joiner = Joiner { client_id: "c", host: "/127.0.0.1" };
    let again = join(&cluster, &request(&first.member_id), 7, joiner).await;
    let second = second.await.expect("joined");
    assert_eq!((again.generation_id, second.generation_id), (2, 2));
    assert_eq!(commits(&first, 4), ResponseError::IllegalGeneration.code());
    synced(&cluster, &again).await;
    assert_eq!(commits(&again, 5), 0);
    // One leaves; the other is still of this generation until it has joined again.
    remove(&mut cluster.lock(), "g", &[second.member_id.to_string()]);
    assert_eq!(commits(&again, 6), 0);
}
