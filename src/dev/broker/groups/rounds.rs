//! Where a round begins and ends: what the engine gets wrong about it.
//!
//! The engine counts a generation up when a round begins; Kafka does when it is complete. Between the two the
//! members still own what they own and commit it under the old generation: counted up early, every commit that
//! a rebalance asks for is refused, and records are delivered twice.

use crate::dev::broker::cluster::State;
use noida::kafka::engine::{EngineState, GroupLifecycleState, GroupState};

/// Does something that may begin or end a round of a group, and sets right what the engine makes of it.
pub fn within<R>(state: &mut State, group_id: &str, act: impl FnOnce(&mut EngineState) -> R) -> R {
    let was = state.engine.groups.get(group_id).map_or((GroupLifecycleState::Empty, 0), stand);
    let result = act(&mut state.engine);
    let now = state.engine.now_ms();
    if let Some(group) = state.engine.groups.get_mut(group_id) {
        settle(group, was);
        if group.state == GroupLifecycleState::PreparingRebalance && group.state != was.0 {
            // The engine forgets it when a round begins by a leave; that round would be over at once.
            group.rebalance_start_ms = now;
        }
    }
    result
}

/// Ends the group's round when all its members have joined.
pub fn complete(group: &mut GroupState) {
    let was = stand(group);
    group.try_complete_join();
    settle(group, was);
}

fn stand(group: &GroupState) -> (GroupLifecycleState, i32) {
    (group.state, group.generation_id)
}

fn settle(group: &mut GroupState, (was, generation): (GroupLifecycleState, i32)) {
    let begun = was == GroupLifecycleState::PreparingRebalance || group.generation_id != generation;
    match group.state {
        GroupLifecycleState::PreparingRebalance => group.generation_id = generation,
        GroupLifecycleState::CompletingRebalance if begun => group.generation_id = generation + 1,
        _ => {}
    }
}
