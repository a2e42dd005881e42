//! The stream of a group, behind the same route.

use crate::access::{Access, Caller};
use crate::broadcast::{Broadcast, Client};
use crate::group::{AckMode, Groups};
use crate::http::error::ApiError;
use crate::http::extract::authorise_work;
use crate::http::extract::manner::Form;
use crate::http::extract::working::Working;
use crate::http::reply::stream;
use axum::response::Response;

/// Opens it. The id that the client brings only acknowledges, and does so even where no stream can be opened.
pub async fn open(
    (broadcast, groups): (Broadcast, Groups),
    (access, caller, client): (&Access, &Caller, &Client),
    working: Working,
    (form, request_id): (Form, String),
) -> Result<Response, ApiError> {
    let Working { work, manner, as_status, brought } = working;
    authorise_work(access, caller, &work)?;
    let resumes = work.delivery.ack == AckMode::Reconnect;
    let resumed = brought.as_deref().filter(|_| resumes).map(|id| groups.resume(&work.group, id));
    let opened = async {
        let admitted = broadcast.admit(client, &work.topics)?;
        let stream = groups.stream(work, manner, resumed).await?;
        Ok(stream::respond_held(stream, admitted, manner.format, request_id))
    };
    opened.await.map_err(|error: ApiError| match form {
        Form::Events { named: true } if !as_status => error.as_event(brought),
        _ => error,
    })
}
