//! What this gateway has of a group, as `GET /v1/groups/{group}` tells it.

use crate::group::{MemberHere, Presence};
use crate::http::schema::group::{GroupStalled, millis};
use crate::kafka::member::Phase;
use crate::record::TopicName;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// What this gateway has of a group, all its members here together. Another gateway tells its own.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupHere {
    /// The members: one for each list of topics that is asked for.
    members: Vec<GroupHereMember>,
    /// Requests under way that take records.
    #[schema(minimum = 0)]
    workers: usize,
    /// Records that wait for their acknowledgement.
    #[schema(minimum = 0)]
    in_flight: usize,
    /// How long the one of them waits that was handed out first, in milliseconds; null where none does.
    #[schema(required, minimum = 0)]
    oldest_lease_ms: Option<u64>,
    /// The partitions whose first record was handed out ten times, or held for five minutes, and is not acknowledged.
    stalled: Vec<GroupStalled>,
}

/// A member of this gateway's.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupHereMember {
    /// The topics that it subscribes to.
    topics: Vec<String>,
    #[schema(schema_with = phases)]
    phase: &'static str,
    /// How many partitions it hands records out of; those that it is just giving up do not count.
    #[schema(minimum = 0)]
    partitions: usize,
}

/// The words of a phase, as the OpenAPI document tells them.
fn phases() -> Object {
    // One that has left is here no more.
    let here = [Phase::Joining, Phase::Consuming, Phase::Draining];
    let words = ObjectBuilder::new().schema_type(Type::String);
    let words = words.enum_values(Some(here.map(Phase::as_str)));
    words
        .description(Some(
            "How far it has come: it waits for its first partitions, is in the group, or commits what is left before it leaves.",
        ))
        .build()
}

impl From<Presence> for GroupHere {
    fn from(presence: Presence) -> Self {
        Self {
            members: presence.members.into_iter().map(GroupHereMember::from).collect(),
            workers: presence.workers,
            in_flight: presence.in_flight,
            oldest_lease_ms: presence.oldest_lease.map(millis),
            stalled: presence.stalled.into_iter().map(GroupStalled::from).collect(),
        }
    }
}

impl From<MemberHere> for GroupHereMember {
    fn from(member: MemberHere) -> Self {
        Self {
            topics: member.topics.iter().map(TopicName::to_string).collect(),
            phase: member.phase.as_str(),
            partitions: member.partitions,
        }
    }
}
