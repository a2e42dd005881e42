//! Entity tags (RFC 9110, section 8.8.3): what may be kept, and is asked for anew each time.
//!
//! Compaction, retention and rules of access change what stands at a position, so a tag is a hash of what is sent.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// `body` as `content_type`, or 304 when the client has it already. `scope` is what else it is the body of.
pub fn respond(request: &HeaderMap, scope: &str, content_type: &'static str, body: Bytes) -> Response {
    let hash =
        Sha256::new().chain_update(scope).chain_update([0]).chain_update(content_type).chain_update([0]);
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.chain_update(&body).finalize()[..16]));
    let mut response = if has(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.extend(HeaderValue::try_from(tag).map(|tag| (header::ETAG, tag)));
    response
}

/// Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2).
fn has(request: &HeaderMap, tag: &str) -> bool {
    let given = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(condition: Option<&str>, body: &'static str) -> (StatusCode, HeaderValue) {
        let mut request = HeaderMap::new();
        request.extend(condition.map(|tag| (header::IF_NONE_MATCH, tag.parse().expect("a header value"))));
        let response = respond(&request, "t/0/7", "text/plain", Bytes::from_static(body.as_bytes()));
        (response.status(), response.headers()[header::ETAG].clone())
    }

    #[test]
    fn who_has_it_already_is_not_sent_it_again() {
        let (status, tag) = ask(None, "a");
        assert_eq!(status, StatusCode::OK);
        let tag = tag.to_str().expect("ASCII");
        for condition in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            assert_eq!(ask(Some(&condition), "a").0, StatusCode::NOT_MODIFIED, "{condition}");
        }
        assert_eq!(ask(Some(tag), "b").0, StatusCode::OK);
        assert_eq!(ask(Some("\"x\""), "a").0, StatusCode::OK);
    }
}
