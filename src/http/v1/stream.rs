//! `/v1/topics/{topics}/stream`: records as they come, by server-sent events or as lines of JSON.

mod grouped;

use crate::access::{Access, Caller};
use crate::broadcast::{Broadcast, Client};
use crate::group::Groups;
use crate::http::arrival::Arrival;
use crate::http::error::ApiError;
use crate::http::extract::filter::FilterParameters;
use crate::http::extract::manner::{Form, StreamParameters, manner, negotiate};
use crate::http::extract::query::Query;
use crate::http::extract::reading::{ReadingHeaders, ReadingParameters, reading};
use crate::http::extract::working::{WorkingParameters, working};
use crate::http::extract::{RequestId, Topics, TopicsParameters, authorise_reading};
use crate::http::reply::stream;
use crate::http::schema::refusals;
use crate::http::schema::stream::{EVENTS, EventStream, LINES, LineStream, Loss};
use crate::http::state::Limits;
use crate::record::Cursor;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Stream records
///
/// History from a position, then the tail, until the client leaves, the stream's lifetime is over, or `until` is reached.
/// Server-sent events, or lines of JSON with `Accept: application/x-ndjson`. Every record has a cursor: bring back the last
/// one, and the stream goes on behind it.
///
/// Filters choose among the records; all kinds that are given must be met. Beside `key`, `key_base64` or `key_prefix`, and
/// `where`, there is `header.<name>=value`: a record header of that name, exact in case, has that value. It may be repeated: of
/// one name any value will do, up to 100, and each of up to 16 names must be met; of several headers of one name in a record
/// any will do. What is filtered out moves the position: a `checkpoint` tells it, at most once in 5 s.
///
/// With `group` the stream works a consumer group off. Then the ids are those of records, and acknowledge them; what is not
/// acknowledged is handed out again. Filters and settings belong to the group: while a stream is open or a record is held all
/// must ask for the same ones.
#[utoipa::path(
    get, path = "/v1/topics/{topics}/stream", operation_id = "open_stream", tag = "records",
    params(TopicsParameters, ReadingParameters, FilterParameters, StreamParameters, ReadingHeaders, WorkingParameters),
    responses(
        (status = 200, description = "The stream. Its events, and the data of each, are those of `StreamEvents`; its \
            lines are those of `StreamLine`. It ends between two of them.",
            content(
                (inline(EventStream) = "text/event-stream", example = json!(EVENTS)),
                (inline(LineStream) = "application/x-ndjson", example = json!(LINES)),
            ),
            headers(
                ("Kafka-Stream-Start" = String, description = "The cursor at which the stream begins; left out where \
                    it is long, for `ready` has it."),
                ("Kafka-Stream-Loss" = inline(Loss), description = "The worst that happened to the position."),
                ("Kafka-Stream-Status" = u16, description = "The status that the stream's only event, a `fault`, \
                    stands for."),
            )),
        (status = 204, description = "The cursor is finished: the stream that wrote it reached its `until`. An \
            EventSource stops for good."),
        refusals::OpenStream,
    ),
    extensions(("x-fault-codes" = json!(refusals::faults()))),
)]
pub async fn open(
    (State(broadcast), State(groups)): (State<Broadcast>, State<Groups>),
    (State(access), State(limits)): (State<Access>, State<Limits>),
    (caller, arrival, Topics(topics), RequestId(id)): (Caller, Arrival, Topics, RequestId),
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let form = negotiate(&headers)?;
    let client = Client { address: arrival.peer, principal: caller.to_string() };
    if let Some(group) = query.one("group")? {
        let working = working(&topics, &group, (form, query), &headers, limits)?;
        return grouped::open((broadcast, groups), (&access, &caller, &client), working, (form, id)).await;
    }
    let reading = reading(topics, &mut query, &headers, limits)?;
    let (manner, as_status) = manner(form, query, limits, &id)?;
    authorise_reading(&access, &caller, &reading.topics)?;
    if reading.cursor().is_some_and(|cursor| cursor.finished) {
        // The stream that wrote this cursor reached its end: 204 tells an EventSource to stop for good.
        let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok((StatusCode::NO_CONTENT, [no_store]).into_response());
    }
    let (format, brought) = (manner.format, reading.cursor().map(Cursor::to_string));
    match broadcast.open(reading, manner, &client).await.map_err(ApiError::from) {
        Ok(stream) => Ok(stream::respond(stream, format, id)),
        Err(error) if form == Form::Events { named: true } && !as_status => Err(error.as_event(brought)),
        Err(error) => Err(error),
    }
}
