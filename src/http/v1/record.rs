//! `/v1/topics/{topics}/partitions/{partition}/records/{offset}`: one record, by an address that never changes.

use crate::access::{Access, Action, Caller};
use crate::broadcast::{Address, Broadcast, Found};
use crate::http::error::{ApiError, code};
use crate::http::extract::accept::{Accepted, accepted};
use crate::http::extract::query::Query;
use crate::http::extract::reading::{isolation, value_form};
use crate::http::extract::{AddressParameters, Condition, OneTopicParameters, authorise};
use crate::http::reply::record;
use crate::http::schema::{record::Binary, refusals};
use crate::record::{Isolation, ValueForm};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::IntoParams;

/// The query, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct RecordParameters {
    /// Whether a record of a transaction is seen that is not yet, or never, committed.
    #[param(required = false, inline, default = "committed")]
    isolation: Isolation,
    /// How the value stands in the envelope: `auto` is JSON, else text, else base64.
    #[param(required = false, inline, default = "auto")]
    value: ValueForm,
}

/// Read one record by its address
///
/// Without more words the value, byte for byte. JSON and plain text are served as what they are (by the record header
/// `content-type`, or by looking); anything else is bytes to save, and a policy keeps a browser from running any of it.
/// Where `Accept` names `application/json` the answer is the record's envelope (`Record`).
#[utoipa::path(
    get, path = "/v1/topics/{topics}/partitions/{partition}/records/{offset}", operation_id = "read_record",
    tag = "records",
    params(OneTopicParameters, AddressParameters, RecordParameters, Condition),
    responses(
        (status = 200, description = "The value; or the envelope, where `Accept` names `application/json`.",
            content(
                (inline(Binary) = "application/octet-stream"),
                (String = "text/plain"),
                (serde_json::Value = "application/json", example = json!({"total": 12.5})),
            ),
            headers(
                ("ETag" = String, description = "Changes with what is sent."),
                ("Content-Disposition" = String, description = "`attachment`, where a browser is to save the value."),
            )),
        (status = 204, description = "The record is a tombstone.", headers(
            ("Kafka-Record-Tombstone" = String, description = "`true`: the value is null."),
        )),
        (status = 304, description = "`If-None-Match` names what would be sent.", headers(
            ("ETag" = String, description = "The tag of what would be sent."),
            ("Content-Disposition" = String, description = "As with 200."),
        )),
        refusals::ReadRecord,
    ),
)]
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
