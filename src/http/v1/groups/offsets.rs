//! `PUT /v1/groups/{group}/offsets`: moves a group that nobody reads by.

mod wanted;

use crate::access::{Access, Action, Caller};
use crate::http::error::{ApiError, code};
use crate::http::extract::authorise;
use crate::http::extract::body::Bodies;
use crate::http::extract::group::{Group, GroupParameters};
use crate::http::extract::query::Query;
use crate::http::reply;
use crate::http::schema::refusals;
use crate::kafka::Groups;
use crate::kafka::groups::Moved;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wanted::Wanted;

/// The longest body taken: an offset for each of some ten thousand partitions.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The query, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the value is taken by itself")]
pub struct MoveParameters {
    /// Changes nothing, and answers what would be changed.
    #[param(required = false, default = false)]
    dry_run: bool,
}

/// Where a group stood, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "billing",
    "partitions": [
        {"topic": "orders", "partition": 0, "before": 1190, "after": 0},
        {"topic": "orders", "partition": 1, "before": null, "after": 0}
    ]
}))]
pub struct GroupMove {
    /// The group's id.
    name: String,
    /// The partitions that were named, or that the named topics have, by topic and number.
    partitions: Vec<PartitionMove>,
}

/// Where a group stood in a partition, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionMove {
    /// The topic.
    topic: String,
    /// The partition.
    #[schema(minimum = 0)]
    partition: i32,
    /// The offset that was committed; null where none was.
    #[schema(required, minimum = 0)]
    before: Option<i64>,
    /// The offset that is committed now, or would be.
    #[schema(minimum = 0)]
    after: i64,
}

impl From<Moved> for PartitionMove {
    fn from(moved: Moved) -> Self {
        let Moved { topic, partition, before, after } = moved;
        Self { topic: topic.to_string(), partition, before, after }
    }
}

/// Move a consumer group
///
/// Commits other offsets in the place of a group that has no members: Kafka lets nobody do so under one that has. All that is
/// asked for is looked at before anything is changed. The body is read as JSON whatever its Content-Type says, and has at most
/// 1 MiB.
#[utoipa::path(
    put, path = "/v1/groups/{group}/offsets", operation_id = "move_group", tag = "groups",
    params(GroupParameters, MoveParameters),
    request_body(content = Wanted, content_type = "application/json"),
    responses(
        (status = 200, description = "The group was moved, or with `dry_run=true` would be.", body = GroupMove),
        refusals::MoveGroup,
    ),
)]
pub async fn put(
    State(groups): State<Groups>,
    State(access): State<Access>,
    (caller, Group(group)): (Caller, Group),
    mut query: Query,
    (State(bodies), request): (State<Bodies>, Request),
) -> Result<Response, ApiError> {
    let dry_run = query.flag("dry_run")?;
    query.finish()?;
    authorise(&access, &caller, Action::MoveGroup(&group))?;
    let body = bodies.take(request, MAX_BODY_BYTES).await?;
    let targets = wanted::parse(&body).map_err(|reason| ApiError::new(code::INVALID_BODY, reason))?;
    targets.keys().try_for_each(|topic| authorise(&access, &caller, Action::Read(topic)))?;
    let moved = groups.reposition(&group, &targets, dry_run).await?;
    let partitions = moved.into_iter().map(PartitionMove::from).collect();
    Ok(reply::json(&GroupMove { name: group.to_string(), partitions }))
}
