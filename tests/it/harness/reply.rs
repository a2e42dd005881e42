//! A whole HTTP reply, with what tests ask of it.

use super::declared::exchange;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A reply that was read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// Sends a request and reads the whole reply, which must be one that the OpenAPI document declares.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let (asked, response) = exchange(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("a whole body");
        asked.expect(status, &headers, Some(&body));
        Self { status, headers, body }
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    /// The body as JSON, of a reply with this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The detail of a refusal, which must be a whole problem (RFC 9457) of this status and code.
    #[track_caller]
    pub fn refusal(&self, status: u16, code: &str) -> String {
        let problem = self.problem(status, code);
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    /// The body of a refusal, which must be a whole problem (RFC 9457) of this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:sluicegate:error:{code}"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert!(problem["retryable"].is_boolean(), "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "one id in body and header");
        assert!(!self.header("x-request-id").is_empty(), "every reply has an id");
        problem
    }

    /// Where a produced record went: partition and offset.
    #[track_caller]
    pub fn receipt(&self) -> (i32, i64) {
        let receipt = self.json(200);
        let number = |name: &str| receipt[name].as_i64().unwrap_or_else(|| panic!("{name} in {receipt}"));
        (number("partition") as i32, number("offset"))
    }
}
