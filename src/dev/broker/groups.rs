//! Group membership (the classic protocol): the engine's state machine, with waiting and silence made ours.
//!
//! The engine's own JoinGroup and SyncGroup look every 20 ms whether their round is over, and a member that
//! died is noticed only when its round times out. Here they wait for a bell, and a member that sends nothing
//! for its session timeout is taken out. A member inside JoinGroup or SyncGroup sends no heartbeats and is
//! not silent; when its connection ends it is no longer inside, and its session runs from there.
//! The new group protocol (KIP-848) is deliberately absent: the engine has none.

mod rounds;

use super::cluster::{Cluster, State};
use kafka_protocol::{
    ResponseError,
    messages::{
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
        LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse, SyncGroupRequest, SyncGroupResponse,
        join_group_response::JoinGroupResponseMember, leave_group_request::MemberIdentity,
    },
    protocol::StrBytes,
};
use noida::kafka::engine::{GroupLifecycleState, GroupState};
use std::time::{Duration, Instant};

/// The first version of LeaveGroup that names several members.
const LEAVE_BY_LIST: i16 = 3;

/// Who joins: the client's own name, and its address as Kafka writes it.
#[derive(Debug, Clone, Copy)]
pub struct Joiner<'a> {
    /// The client id of the connection's requests.
    pub client_id: &'a str,
    /// A slash and the address.
    pub host: &'a str,
}

/// Joins, and answers when the round is complete: all members have joined, or the round's time is over.
pub async fn join(
    cluster: &Cluster,
    request: &JoinGroupRequest,
    version: i16,
    joiner: Joiner<'_>,
) -> JoinGroupResponse {
    let mut bell = cluster.groups.listen();
    let joined = {
        let mut state = cluster.lock();
        rounds::within(&mut state, request.group_id.as_str(), |engine| {
            engine.handle_join_group(request, version, joiner.client_id, joiner.host)
        })
    };
    if joined.error_code != 0 {
        return joined;
    }
    let member = joined.member_id;
    let _inside = Inside::enter(cluster, request.group_id.as_str(), member.as_str());
    cluster.groups.ring();
    loop {
        let until = match round(&mut cluster.lock(), request, &member) {
            Round::Over(answer) => {
                cluster.groups.ring();
                return answer;
            }
            Round::Open(until) => until,
        };
        bell.rung_before(until).await;
    }
}

enum Round {
    Over(JoinGroupResponse),
    /// Look again at this time at the latest.
    Open(Instant),
}

fn round(state: &mut State, request: &JoinGroupRequest, member: &StrBytes) -> Round {
    let refused = |error: ResponseError| {
        let answer = JoinGroupResponse::default().with_error_code(error.code());
        Round::Over(answer.with_generation_id(-1).with_member_id(member.clone()))
    };
    let now = state.engine.now_ms();
    let Some(group) = state.engine.groups.get_mut(request.group_id.as_str()) else {
        return refused(ResponseError::UnknownMemberId);
    };
    if !group.members.contains_key(member.as_str()) {
        // Taken out while it waited: expired, or replaced by a newer instance of a static member (KIP-345).
        let replaced = request.group_instance_id.is_some();
        return refused(if replaced {
            ResponseError::FencedInstanceId
        } else {
            ResponseError::UnknownMemberId
        });
    }
    rounds::complete(group);
    if group.state != GroupLifecycleState::PreparingRebalance {
        return Round::Over(joined(group, member));
    }
    let longest = group.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
    let left = group.rebalance_start_ms + i64::from(longest) - now;
    if left > 0 {
        let by_timeout = Instant::now() + Duration::from_millis(left.unsigned_abs());
        let first_round = group.initial_until.filter(|until| *until > Instant::now());
        return Round::Open(first_round.map_or(by_timeout, |until| until.min(by_timeout)));
    }
    // The round's time is over: who has not joined again is out.
    let late = group.members.keys().filter(|id| !group.awaiting_members.contains_key(*id));
    let late: Vec<String> = late.cloned().collect();
    group.initial_until = None;
    remove(state, request.group_id.as_str(), &late);
    let Some(group) = state.engine.groups.get_mut(request.group_id.as_str()) else {
        return refused(ResponseError::UnknownMemberId);
    };
    rounds::complete(group);
    Round::Over(joined(group, member))
}

/// The answer at the end of a round. Only the leader is told who is in the group.
fn joined(group: &GroupState, member: &StrBytes) -> JoinGroupResponse {
    let leader = group.leader_id.clone().unwrap_or_default();
    let protocol = group.protocol_name.as_deref();
    let mut answer = JoinGroupResponse::default()
        .with_generation_id(group.generation_id)
        .with_protocol_type(Some(StrBytes::from_string(group.protocol_type.clone())))
        .with_protocol_name(Some(StrBytes::from_string(protocol.unwrap_or_default().to_owned())))
        .with_member_id(member.clone());
    if leader == member.as_str() {
        let members = group.members.values().map(|member| {
            let metadata = member.protocols.iter().find(|(name, _)| Some(name.as_str()) == protocol);
            let metadata = metadata.map(|(_, metadata)| metadata.clone()).unwrap_or_default();
            JoinGroupResponseMember::default()
                .with_member_id(StrBytes::from_string(member.member_id.clone()))
                .with_group_instance_id(member.group_instance_id.clone().map(StrBytes::from_string))
                .with_metadata(metadata.into())
        });
        answer.members = members.collect();
    }
    answer.with_leader(StrBytes::from_string(leader))
}

/// Hands the leader's assignments in, or waits for them.
pub async fn sync(cluster: &Cluster, request: &SyncGroupRequest, version: i16) -> SyncGroupResponse {
    let group_id = request.group_id.as_str();
    let mut bell = cluster.groups.listen();
    let _inside = Inside::enter(cluster, group_id, request.member_id.as_str());
    let started = Instant::now();
    loop {
        let patience = {
            let mut state = cluster.lock();
            let patience = state.engine.groups.get(group_id).and_then(|group| patience(group, request));
            let Some(patience) = patience else {
                let answer = state.engine.handle_sync_group(request, version);
                cluster.groups.ring();
                return answer;
            };
            patience
        };
        if started.elapsed() >= patience {
            return SyncGroupResponse::default().with_error_code(ResponseError::RebalanceInProgress.code());
        }
        bell.rung_before(started + patience).await;
    }
}

/// How long this member waits for its leader; `None` when it can be answered now.
fn patience(group: &GroupState, request: &SyncGroupRequest) -> Option<Duration> {
    let member = group.members.get(request.member_id.as_str())?;
    let waits = group.state == GroupLifecycleState::CompletingRebalance
        && request.assignments.is_empty()
        && group.leader_id.as_deref() != Some(request.member_id.as_str())
        && request.generation_id == group.generation_id;
    waits.then(|| Duration::from_millis(u64::try_from(member.rebalance_timeout_ms).unwrap_or(0)))
}

/// Answers a heartbeat. Any heartbeat keeps the member, also one that is told to join again: the engine
/// counts only those of a stable group.
pub fn heartbeat(state: &mut State, request: &HeartbeatRequest, version: i16) -> HeartbeatResponse {
    seen(state, request.group_id.as_str(), request.member_id.as_str());
    state.engine.handle_heartbeat(request, version)
}

/// Takes members out on their own wish.
pub fn leave(state: &mut State, request: &LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
    rounds::within(state, request.group_id.as_str(), |engine| engine.handle_leave_group(request, version))
}

/// Commits offsets; for a member that is a sign of life too.
pub fn commit(state: &mut State, request: &OffsetCommitRequest, version: i16) -> OffsetCommitResponse {
    seen(state, request.group_id.as_str(), request.member_id.as_str());
    state.engine.handle_offset_commit(request, version)
}

/// Takes out every member that was silent for longer than its session timeout. `true` when there were any.
pub fn expire(state: &mut State) -> bool {
    let now = state.engine.now_ms();
    let mut silent: Vec<(String, Vec<String>)> = Vec::new();
    for (group_id, group) in &state.engine.groups {
        let members = group.members.values().filter(|member| {
            now - member.last_heartbeat_ms > i64::from(member.session_timeout_ms)
                && !state.waiting.contains_key(&(group_id.clone(), member.member_id.clone()))
        });
        let members: Vec<String> = members.map(|member| member.member_id.clone()).collect();
        if !members.is_empty() {
            silent.push((group_id.clone(), members));
        }
    }
    for (group_id, members) in &silent {
        remove(state, group_id, members);
    }
    !silent.is_empty()
}

fn remove(state: &mut State, group_id: &str, members: &[String]) {
    if members.is_empty() {
        return;
    }
    let identity = |id: &String| MemberIdentity::default().with_member_id(StrBytes::from_string(id.clone()));
    let request = LeaveGroupRequest::default()
        .with_group_id(StrBytes::from_string(group_id.to_owned()).into())
        .with_members(members.iter().map(identity).collect());
    leave(state, &request, LEAVE_BY_LIST);
}

/// Notes that a member is alive.
fn seen(state: &mut State, group_id: &str, member_id: &str) {
    let now = state.engine.now_ms();
    let group = state.engine.groups.get_mut(group_id);
    if let Some(member) = group.and_then(|group| group.members.get_mut(member_id)) {
        member.last_heartbeat_ms = now;
    }
}

/// A member inside a request that waits. Leaving it, by an answer or by a lost connection, is a sign of life.
struct Inside<'a> {
    cluster: &'a Cluster,
    member: (String, String),
}

impl<'a> Inside<'a> {
    fn enter(cluster: &'a Cluster, group_id: &str, member_id: &str) -> Self {
        let member = (group_id.to_owned(), member_id.to_owned());
        *cluster.lock().waiting.entry(member.clone()).or_default() += 1;
        Self { cluster, member }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.cluster.lock();
        if let Some(open) = state.waiting.get_mut(&self.member) {
            *open -= 1;
            if *open == 0 {
                state.waiting.remove(&self.member);
            }
        }
        seen(&mut state, &self.member.0, &self.member.1);
    }
}

#[cfg(test)]
mod tests;
