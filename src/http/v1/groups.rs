//! `/v1/groups`: which consumer groups there are, how they stand, and deleting one.

mod here;
pub mod offsets;

use crate::access::{Access, Action, Caller};
use crate::group;
use crate::http::error::ApiError;
use crate::http::extract::authorise;
use crate::http::extract::group::{Group, GroupParameters};
use crate::http::extract::query::Query;
use crate::http::reply;
use crate::http::schema::refusals;
use crate::kafka::groups::{GroupProtocol, GroupState, GroupSummary, Member, Standing};
use crate::kafka::{Error, Groups};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use here::GroupHere;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// Consumer groups, in the order of their names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "groups": [{"name": "billing", "state": "stable", "protocol": "consumer", "members": 2}]
}))]
pub struct GroupList {
    groups: Vec<GroupListItem>,
}

/// A group in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupSummary)]
pub struct GroupListItem {
    /// Its id (`group.id`).
    name: String,
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(required, schema_with = protocols)]
    protocol: Option<&'static str>,
    /// How many members it has; null where Kafka tells of the group but does not describe it.
    #[schema(required, minimum = 0)]
    members: Option<usize>,
}

/// A consumer group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "billing", "state": "stable", "protocol": "classic", "assignor": "range",
    "members": [{
        "id": "till-4-6b1f4d0e-6a0f-4c1e-9a54-2f6a3b1d8c77", "instance_id": null, "client_id": "till-4",
        "host": "192.0.2.7", "partitions": {"orders": [0, 1]}
    }],
    "partitions": [{
        "topic": "orders", "partition": 0, "committed": 1190, "end": 1204, "lag": 14,
        "member": "till-4-6b1f4d0e-6a0f-4c1e-9a54-2f6a3b1d8c77"
    }, {
        "topic": "orders", "partition": 1, "committed": null, "end": 1001, "lag": null,
        "member": "till-4-6b1f4d0e-6a0f-4c1e-9a54-2f6a3b1d8c77"
    }],
    "lag": 14,
    "here": {
        "members": [{"topics": ["orders"], "phase": "consuming", "partitions": 2}],
        "workers": 1, "in_flight": 14, "oldest_lease_ms": 1250, "stalled": []
    }
}))]
pub struct GroupDescription {
    /// Its id (`group.id`).
    name: String,
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(required, schema_with = protocols)]
    protocol: Option<&'static str>,
    /// What assigns the partitions, such as `range` or `uniform`; null where nothing does, as in an empty classic group.
    #[schema(required)]
    assignor: Option<String>,
    /// Its members, by id.
    members: Vec<GroupMember>,
    /// The partitions in which it has committed or has a member, by topic and number.
    partitions: Vec<GroupPartition>,
    /// The sum of the lags that are known.
    #[schema(minimum = 0)]
    lag: i64,
    /// What this gateway has of it, where its clients take part in it; else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    here: Option<GroupHere>,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMember {
    /// Its id in the group, new with each joining.
    id: String,
    /// The id that it keeps over restarts (`group.instance.id`, KIP-345); null where it has none.
    #[schema(required)]
    instance_id: Option<String>,
    /// Its client's own name (`client.id`).
    client_id: String,
    /// The address that it comes from.
    host: String,
    /// The partitions that it has, by topic.
    partitions: BTreeMap<String, Vec<i32>>,
}

/// How a group stands in a partition.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupPartition {
    /// The topic.
    topic: String,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset that is read next by who takes up the partition; null where nothing was committed.
    #[schema(required, minimum = 0)]
    committed: Option<i64>,
    /// Where a reader of committed records ends: the last stable offset. Null where there is no such partition (any more), or
    /// Kafka does not let the gateway see the topic.
    #[schema(required, minimum = 0)]
    end: Option<i64>,
    /// How many offsets lie between `committed` and `end`, those that compaction and transactions left empty among them; null
    /// where one of the two is.
    #[schema(required, minimum = 0)]
    lag: Option<i64>,
    /// The id of the member that has the partition; null where none has.
    #[schema(required)]
    member: Option<String>,
}

/// The words of a state, as the OpenAPI document tells them.
fn states() -> Object {
    let words = ObjectBuilder::new().schema_type(Type::String);
    let words = words.enum_values(Some(GroupState::ALL.map(GroupState::as_str)));
    words
        .description(Some(
            "What it is doing. `rebalancing` is a group of the protocol `consumer` whose partitions are being assigned or \
             handed over; a classic group tells `preparing_rebalance` and `completing_rebalance`.",
        ))
        .build()
}

/// The words of a protocol, as the OpenAPI document tells them.
fn protocols() -> Object {
    let words = GroupProtocol::ALL.map(|protocol| Some(protocol.as_str())).into_iter().chain([None]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(words))
        .description(Some(
            "How its members join: `classic`, in which a member assigns the partitions, or `consumer` (KIP-848), in which the \
             broker does. An empty group has that of its last members. Null where Kafka does not tell.",
        ))
        .build()
}

impl From<GroupSummary> for GroupListItem {
    fn from(group: GroupSummary) -> Self {
        Self {
            name: group.id.to_string(),
            state: group.state.as_str(),
            protocol: group.protocol.map(GroupProtocol::as_str),
            members: group.members,
        }
    }
}

impl From<Member> for GroupMember {
    fn from(member: Member) -> Self {
        let partitions = member.partitions.into_iter().map(|(topic, numbers)| (topic.to_string(), numbers));
        Self {
            id: member.id,
            instance_id: member.instance_id,
            client_id: member.client_id,
            host: member.host,
            partitions: partitions.collect(),
        }
    }
}

impl From<Standing> for GroupPartition {
    fn from(standing: Standing) -> Self {
        Self {
            lag: standing.lag(),
            topic: standing.topic.to_string(),
            partition: standing.partition,
            committed: standing.committed,
            end: standing.end,
            member: standing.member,
        }
    }
}

/// List consumer groups
///
/// State, protocol and members of each. Groups of other kinds, such as share groups and Kafka Connect's, are not among them.
#[utoipa::path(
    get, path = "/v1/groups", operation_id = "list_groups", tag = "groups",
    responses((status = 200, description = "The groups.", body = GroupList), refusals::ListGroups),
)]
pub async fn list(
    State(groups): State<Groups>,
    State(access): State<Access>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::ListGroups)?;
    let groups = groups.list().await?;
    Ok(reply::json(&GroupList { groups: groups.into_iter().map(GroupListItem::from).collect() }))
}

/// Describe a consumer group
///
/// Its members, and in each partition what it has committed and how far that is from the end; and what this gateway's clients
/// hold of it. One that this gateway is just joining is told as `empty` until Kafka knows of it.
#[utoipa::path(
    get, path = "/v1/groups/{group}", operation_id = "describe_group", tag = "groups",
    params(GroupParameters),
    responses((status = 200, description = "The group.", body = GroupDescription), refusals::DescribeGroup),
)]
pub async fn describe(
    (State(groups), State(grouped)): (State<Groups>, State<group::Groups>),
    State(access): State<Access>,
    (caller, Group(group)): (Caller, Group),
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::DescribeGroup(&group))?;
    let described = groups.describe(&group).await;
    let here = grouped.here(&group);
    let (described, standings) = match described {
        Err(Error::GroupNotFound(_)) if here.is_some() => Default::default(),
        described => described?,
    };
    Ok(reply::json(&GroupDescription {
        name: group.to_string(),
        state: described.state.as_str(),
        protocol: described.protocol.map(GroupProtocol::as_str),
        assignor: described.assignor,
        members: described.members.into_iter().map(GroupMember::from).collect(),
        lag: standings.iter().filter_map(Standing::lag).sum(),
        partitions: standings.into_iter().map(GroupPartition::from).collect(),
        here: here.map(GroupHere::from),
    }))
}

/// Delete a consumer group
///
/// With all that it has committed. Kafka deletes no group that has members.
#[utoipa::path(
    delete, path = "/v1/groups/{group}", operation_id = "delete_group", tag = "groups",
    params(GroupParameters),
    responses((status = 204, description = "The group was deleted."), refusals::DeleteGroup),
)]
pub async fn delete(
    State(groups): State<Groups>,
    State(access): State<Access>,
    (caller, Group(group)): (Caller, Group),
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::DeleteGroup(&group))?;
    groups.delete(&group).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
