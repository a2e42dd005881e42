//! `/v1/topics/{topics}/partitions/{partition}/records/{offset}`: one record, by an address that never changes.

use crate::access::{Access, Action, Caller};
use crate::broadcast::{Address, Broadcast, Found};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::{Accepted, accepted};
use crate::http::extract::authorise;
use crate::http::extract::query::Query;
use crate::http::extract::reading::{isolation, value_form};
use crate::http::reply::record;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

/// `GET /v1/topics/{topics}/partitions/{partition}/records/{offset}`: the value as it was written; the envelope, where
/// `Accept` names `application/json`.
pub async fn show(
    State(broadcast): State<Broadcast>,
    State(access): State<Access>,
    (caller, address): (Caller, Address),
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let isolation = isolation(&mut query)?;
    let form = value_form(&mut query)?.unwrap_or_default();
    query.finish()?;
    authorise(&access, &caller, Action::Read(&address.topic))?;
    let Address { topic, partition, offset } = &address;
    match broadcast.record(&address, isolation).await? {
        Found::Record(found) => match accepted(&headers, "application/json") {
            Accepted::Named(_) => record::envelope(&found, form, &headers),
            _ => Ok(record::value(&found, &headers)),
        },
        Found::Nothing => {
            let detail = format!("no record stands at {topic}, partition {partition}, offset {offset}");
            Err(ApiError::new(code::OFFSET_NOT_FOUND, detail))
        }
        Found::Expired => {
            let detail = format!("the log of {topic}, partition {partition} begins behind offset {offset}");
            Err(ApiError::new(code::OFFSET_EXPIRED, detail))
        }
    }
}
