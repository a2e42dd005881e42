//! `POST /v1/groups/{group}/poll`: records of a consumer group, without being a member of it.

use crate::access::{Access, Action, Caller};
use crate::group::Groups;
use crate::http::error::ApiError;
use crate::http::extract::body::Bodies;
use crate::http::extract::group::{Group, GroupParameters};
use crate::http::extract::grouped::{self, MAX_BODY_BYTES, PollRequest};
use crate::http::extract::query::Query;
use crate::http::extract::{authorise, authorise_work};
use crate::http::reply;
use crate::http::schema::record::Batch;
use crate::http::schema::refusals;
use crate::http::state::Limits;
use axum::extract::{Request, State};
use axum::response::Response;

/// Poll a group
///
/// Acknowledges what the body lists, then answers as soon as there is anything to hand out. The gateway is the group's member,
/// not the client, so polls that come and go cause no rebalance. What is handed out is held for the client until it is
/// acknowledged or its time is over; a partition whose records one client holds is no other client's meanwhile, so its order
/// is kept. The body is read as JSON whatever its Content-Type says.
///
/// Filters and settings belong to the group: while a request waits or a record is held all must ask for the same ones.
#[utoipa::path(
    post, path = "/v1/groups/{group}/poll", operation_id = "poll_group", tag = "groups",
    params(GroupParameters),
    request_body(content = PollRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Records, or ids that acknowledged nothing, or both.", body = Batch),
        (status = 204, description = "There was nothing in time."),
        refusals::PollGroup,
    ),
)]
pub async fn poll(
    State(groups): State<Groups>,
    (State(access), State(limits)): (State<Access>, State<Limits>),
    (caller, Group(group)): (Caller, Group),
    query: Query,
    (State(bodies), request): (State<Bodies>, Request),
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::JoinGroup(&group))?;
    let body = bodies.take(request, MAX_BODY_BYTES).await?;
    let (poll, form) = grouped::poll(group, &body, limits)?;
    authorise_work(&access, &caller, &poll.work)?;
    Ok(reply::batch::respond(&groups.poll(poll).await?, form))
}
