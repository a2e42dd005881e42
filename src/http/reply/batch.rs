//! What a poll of a group is answered with.

use crate::group::Polled;
use crate::record::ValueForm;
use crate::wire::ndjson;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, BytesMut};

/// The response: 204 when there is nothing to say.
pub fn respond(polled: &Polled, form: ValueForm) -> Response {
    let mut response = if polled.records.is_empty() && polled.fenced.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let mut response = body(polled, form).freeze().into_response();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn body(polled: &Polled, form: ValueForm) -> BytesMut {
    let mut body = BytesMut::from(&b"{\"records\":["[..]);
    for (at, given) in polled.records.iter().enumerate() {
        if at > 0 {
            body.put_u8(b',');
        }
        ndjson::write_held(
            &given.record,
            form,
            (given.attempt, &polled.ids.write(&given.address)),
            &mut body,
        )
        .expect("no form is asked for that a value may not have");
    }
    body.put_u8(b']');
    if let Some(lease) = polled.lease {
        body.put(format!(",\"lease_ms\":{}", lease.as_millis()).as_bytes());
    }
    if !polled.fenced.is_empty() {
        let fenced = serde_json::to_string(&polled.fenced).expect("texts serialize");
        body.put(format!(",\"fenced\":{fenced}").as_bytes());
    }
    body.put_u8(b'}');
    body
}
