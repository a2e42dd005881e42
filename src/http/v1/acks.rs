//! `POST /v1/groups/{group}/acks`: acknowledging records of a group, or giving them back.

use crate::access::{Access, Action, Caller};
use crate::group::Groups;
use crate::http::error::ApiError;
use crate::http::extract::authorise;
use crate::http::extract::body::Bodies;
use crate::http::extract::group::{Group, GroupParameters};
use crate::http::extract::grouped::{self, AckRequest, MAX_BODY_BYTES};
use crate::http::extract::query::Query;
use crate::http::schema::refusals;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Acknowledge records
///
/// Idempotent: what is acknowledged already, or committed, is fine. Ids that stand for nothing any more, because their
/// partition is another member's by now or their group is delivered otherwise, are named by a 409, and the rest is done. The
/// body is read as JSON whatever its Content-Type says.
#[utoipa::path(
    post, path = "/v1/groups/{group}/acks", operation_id = "acknowledge", tag = "groups",
    params(GroupParameters),
    request_body(content = AckRequest, content_type = "application/json"),
    responses(
        (status = 204, description = "It is done."),
        refusals::Acknowledge,
    ),
)]
pub async fn acknowledge(
    State(groups): State<Groups>,
    State(access): State<Access>,
    (caller, Group(group)): (Caller, Group),
    query: Query,
    (State(bodies), request): (State<Bodies>, Request),
) -> Result<Response, ApiError> {
    query.finish()?;
    authorise(&access, &caller, Action::JoinGroup(&group))?;
    let body = bodies.take(request, MAX_BODY_BYTES).await?;
    groups.acknowledge(&group, &grouped::acks(&body)?)?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::NO_CONTENT, [no_store]).into_response())
}
