//! Refusals and failures as RFC 9457 problems.
//!
//! A handler returns an [`ApiError`]; it travels in the response's extensions and becomes a body in one layer
//! ([`render`]), which knows the request's id and whether the client reads events. Making one has no side effects, and
//! what is meant for the log never enters the body.

pub mod code;

use crate::broadcast;
use crate::group;
use crate::kafka::Error as KafkaError;
use crate::kafka::error::Written;
use crate::record::ValueForm;
use crate::wire::{Event, Format};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
pub use code::Code;
use rand::RngExt;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// The status that a fault stands for: a plain one would end an EventSource for ever.
pub const STREAM_STATUS: HeaderName = HeaderName::from_static("kafka-stream-status");

/// How long a client is asked to wait before it tries again.
const RETRY_SECONDS: u64 = 1;

/// A refusal or failure on its way to the client.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: &'static Code,
    detail: String,
    written: Option<Written>,
    /// What the log says besides.
    cause: Option<String>,
    as_event: Option<Told>,
    /// When to come back, where that is known.
    retry: Option<Duration>,
    /// Ids that stand for nothing any more.
    fenced: Option<Box<[String]>>,
}

/// How a failure is told as an event.
#[derive(Clone, Debug)]
struct Told {
    /// The cursor that the client brought.
    cursor: Option<String>,
}

/// What went wrong (RFC 9457). Branch on `code`: names and statuses never change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'a> {
    /// `urn:sluicegate:error:` and the code.
    #[schema(format = "uri")]
    r#type: String,
    /// A few words for people, the same for every problem of the code.
    title: &'a str,
    /// The HTTP status that belongs to the code.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    #[schema(schema_with = code::schema)]
    code: &'a str,
    /// What happened in this case.
    detail: &'a str,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Of a failed produce: whether the record may have been written all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = written)]
    written: Option<&'static str>,
    /// Of acknowledgements: the ids that stand for nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, value_type = Vec<String>)]
    fenced: Option<&'a [String]>,
    /// The request's id, as in `X-Request-Id`.
    request_id: &'a str,
}

/// What is known of a record, as the OpenAPI document describes it.
fn written() -> Object {
    let words = [Written::No, Written::Unknown].map(Written::as_str);
    let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    words
        .description(Some("Of a failed produce: whether the record may have been written all the same."))
        .build()
}

impl ApiError {
    /// An error of a registered code, with what the client should know of this case.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            written: None,
            cause: None,
            as_event: None,
            retry: None,
            fenced: None,
        }
    }

    /// The same, told as an event in a stream where a status would make the client give up for ever. `cursor` is what the
    /// client brought: some forget it when an event without an id comes first.
    pub fn as_event(mut self, cursor: Option<String>) -> Self {
        self.as_event = matches!(self.code.status, 429 | 500 | 502 | 503 | 504).then_some(Told { cursor });
        self
    }

    /// The same, with when to come back.
    pub fn after(self, retry: Duration) -> Self {
        Self { retry: Some(retry), ..self }
    }

    /// The same, with what the log alone is told besides.
    pub fn caused_by(self, cause: String) -> Self {
        Self { cause: Some(cause), ..self }
    }

    /// The code it stands under in the registry.
    pub fn code(&self) -> &'static Code {
        self.code
    }

    /// What the client is told of this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What is told to the log alone, if anything.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The problem as JSON on one line.
    pub fn problem(&self, request_id: &str) -> String {
        let problem = Problem {
            r#type: format!("urn:sluicegate:error:{}", self.code.name),
            title: self.code.title,
            status: self.code.status,
            code: self.code.name,
            detail: &self.detail,
            retryable: self.code.retryable,
            written: self.written.map(Written::as_str),
            fenced: self.fenced.as_deref(),
            request_id,
        };
        serde_json::to_string(&problem).expect("texts and numbers serialize")
    }

    /// The `fault` that ends a stream.
    pub fn fault(&self, request_id: &str, format: Format, out: &mut BytesMut) {
        let data = self.fault_data(request_id, true);
        format.write_event(Event { name: "fault", data: &data, ..Event::default() }, out);
    }

    /// The `fault` in place of a status, which tells the client when to come back.
    fn refusal(&self, request_id: &str, told: &Told) -> BytesMut {
        let (mut out, format) = (BytesMut::new(), Format::Events(ValueForm::Auto));
        format.write_preamble(&mut out);
        let data = self.fault_data(request_id, false);
        let jittered = || Duration::from_millis(rand::rng().random_range(2000..5000));
        let retry = Some(self.retry.unwrap_or_else(jittered));
        let id = told.cursor.as_deref();
        format.write_event(Event { name: "fault", id, retry, data: &data }, &mut out);
        out
    }

    fn fault_data(&self, request_id: &str, r#final: bool) -> String {
        format!(r#"{{"problem":{},"final":{}}}"#, self.problem(request_id), r#final)
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status).expect("the registry holds legal statuses")
    }
}

/// Leaves the error to [`render`], which is in front of every route.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a response that carries an [`ApiError`] its head and body.
pub fn render(response: Response, request_id: &str) -> Response {
    let Some(error) = response.extensions().get::<ApiError>().cloned() else {
        return response;
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(told) = &error.as_event {
        let frames = error.refusal(request_id, told);
        parts.headers.insert(STREAM_STATUS, error.code.status.into());
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        parts.status = StatusCode::OK;
        return Response::from_parts(parts, Body::from(frames.freeze()));
    }
    if matches!(error.code.status, 429 | 503) {
        let seconds = error.retry.map_or(RETRY_SECONDS, |retry| retry.as_secs().saturating_add(1));
        parts.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    Response::from_parts(parts, Body::from(error.problem(request_id)))
}

/// What Kafka's trouble is to an HTTP client.
impl From<KafkaError> for ApiError {
    fn from(error: KafkaError) -> Self {
        let detail = error.to_string();
        match error {
            KafkaError::TopicNotFound(_) => Self::new(code::TOPIC_NOT_FOUND, detail),
            KafkaError::PartitionOutOfRange { .. } => Self::new(code::PARTITION_OUT_OF_RANGE, detail),
            KafkaError::RecordTooLarge => Self::new(code::RECORD_TOO_LARGE, detail),
            KafkaError::Forbidden(_) => Self::new(code::FORBIDDEN, detail),
            KafkaError::Refused(_) | KafkaError::OffsetOutOfRange => {
                Self::new(code::REFUSED_BY_KAFKA, detail)
            }
            KafkaError::OffsetOutsideLog { .. } => Self::new(code::OFFSET_OUT_OF_RANGE, detail),
            KafkaError::GroupNotFound(_) => Self::new(code::GROUP_NOT_FOUND, detail),
            KafkaError::GroupActive(_) => Self::new(code::GROUP_ACTIVE, detail),
            KafkaError::TopicExists => Self::new(code::TOPIC_DIFFERS, detail),
            KafkaError::QueueFull => {
                Self::new(code::OVERLOADED, "too many records are on their way to Kafka; try again")
            }
            KafkaError::Unavailable { written, .. } | KafkaError::ProducerLost { written, .. } => Self {
                written: Some(written),
                cause: Some(detail),
                ..Self::new(
                    code::KAFKA_UNAVAILABLE,
                    "Kafka cannot be reached, or has too few replicas, just now",
                )
            },
            KafkaError::TimedOut { written } => {
                Self { written: Some(written), ..Self::new(code::DELIVERY_TIMED_OUT, detail) }
            }
            KafkaError::Unreadable { .. } => Self {
                cause: Some(detail),
                ..Self::new(
                    code::KAFKA_UNAVAILABLE,
                    "Kafka holds records that cannot be read; the gateway's log says which",
                )
            },
            KafkaError::Misconfigured { written, .. } => Self {
                written: Some(written),
                cause: Some(detail),
                ..Self::new(
                    code::KAFKA_UNAVAILABLE,
                    "the gateway is not let in to Kafka as it is configured; its log says why",
                )
            },
        }
    }
}

impl From<broadcast::Error> for ApiError {
    fn from(error: broadcast::Error) -> Self {
        match error {
            broadcast::Error::Kafka(error) => error.into(),
            broadcast::Error::Draining(after) => {
                Self { retry: Some(after), ..Self::new(code::NOT_READY, error.to_string()) }
            }
            broadcast::Error::Lost(_) => Self::new(code::POSITION_LOST, error.to_string()),
            broadcast::Error::TooWide(_) => Self::new(code::SELECTION_TOO_WIDE, error.to_string()),
            broadcast::Error::Crowded(crowded) if crowded.is_own_doing() => {
                Self::new(code::TOO_MANY_STREAMS, crowded.to_string())
            }
            broadcast::Error::Crowded(_) => Self::new(code::OVERLOADED, error.to_string()),
            broadcast::Error::Full(_) => {
                Self::new(code::OVERLOADED, "the log is read for as many as it may be; try again")
            }
        }
    }
}

impl From<group::Error> for ApiError {
    fn from(error: group::Error) -> Self {
        let detail = error.to_string();
        match error {
            group::Error::Kafka(error) => error.into(),
            group::Error::SettingsDiffer(_) => Self::new(code::GROUP_SETTINGS_DIFFER, detail),
            group::Error::Crowded(_) => Self::new(code::OVERLOADED, detail),
            group::Error::NoId(_) => Self::new(code::INVALID_ID, detail),
            group::Error::Fenced(ids) => Self { fenced: Some(ids.into()), ..Self::new(code::FENCED, detail) },
            group::Error::Draining => Self::new(code::NOT_READY, detail),
        }
    }
}
