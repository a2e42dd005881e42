//! The line that the log gets of a request, and what gathers it while bodies flow.
//!
//! `docs/operations.md` lists the fields. Queries, bodies and headers that may hold secrets are not among them; what a
//! stranger chose (the path, the agent) is cut in length and cannot forge lines.

use super::super::arrival::{Arrival, is_operation};
use super::super::error::ApiError;
use crate::telemetry::{Metrics, RequestLabels, Tally, Traffic, plain, plain_path};
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, Method, Version, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The trace a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long a path, an agent, and what is said of an error may be in a line, in bytes.
const MAX_PATH_BYTES: usize = 512;
const MAX_AGENT_BYTES: usize = 128;
const MAX_DETAIL_BYTES: usize = 1024;

/// Told when a client left before there was an answer (nginx's number).
const LEFT: u16 = 499;

/// What a response is about, for its line: put into its extensions by whoever makes it.
#[derive(Debug)]
pub struct Outcome {
    /// Records given, and why it ended.
    pub tally: Arc<Tally>,
    /// The fault that ended it.
    fault: OnceLock<ApiError>,
}

impl Outcome {
    /// Of a response whose records are counted by `tally`.
    pub fn new(tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self { tally, fault: OnceLock::new() })
    }

    /// It ends with this fault.
    pub fn fails(&self, fault: ApiError) {
        // The first is the one that ended it.
        let _ = self.fault.set(fault);
    }
}

/// What the log will say of a request.
pub struct Line {
    id: String,
    traceparent: Option<String>,
    peer: Option<IpAddr>,
    version: Version,
    method: Method,
    path: String,
    agent: Option<String>,
    labels: RequestLabels,
    metrics: Arc<Metrics>,
    traffic: Traffic,
    received: Arc<AtomicU64>,
    begun: Instant,
    answer: Option<Answer>,
    sent: u64,
    ended: bool,
}

struct Answer {
    status: u16,
    error: Option<ApiError>,
    outcome: Option<Arc<Outcome>>,
    head: Duration,
}

impl Line {
    /// A request has come.
    pub fn begin(request: &Request, id: String, metrics: Arc<Metrics>) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
        let labels = RequestLabels { method: known(request.method()), route };
        let text = |name: &HeaderName| text(request.headers(), name);
        Self {
            id,
            traceparent: text(&TRACEPARENT).filter(|parent| is_traceparent(parent)),
            peer: Arrival::of(request.extensions()).peer,
            version: request.version(),
            method: request.method().clone(),
            path: plain_path(request.uri().path(), MAX_PATH_BYTES).into_owned(),
            agent: text(&header::USER_AGENT).map(|agent| plain(&agent, MAX_AGENT_BYTES).into_owned()),
            traffic: metrics.http.begun(&labels),
            labels,
            metrics,
            received: Arc::default(),
            begun: Instant::now(),
            answer: None,
            sent: 0,
            ended: false,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The request's body, whose bytes are counted as they are read.
    pub fn count(&self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let (counter, received) = (self.traffic.received.clone(), self.received.clone());
        Body::new(body.inspect_frame(move |frame| {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            received.fetch_add(bytes, Relaxed);
            counter.inc_by(bytes);
        }))
    }

    /// The response's head is ready.
    pub fn answered(&mut self, response: &Response, error: Option<ApiError>) {
        let (status, head) = (response.status().as_u16(), self.begun.elapsed());
        let outcome = response.extensions().get::<Arc<Outcome>>().cloned();
        self.metrics.http.answered(&self.labels, status, error.as_ref().map(|error| error.code().name), head);
        self.ended = response.body().is_end_stream();
        self.answer = Some(Answer { status, error, outcome, head });
    }

    /// The response's body, with whose end the line is written.
    pub fn follow(self, body: Body) -> Body {
        Body::new(Logged { body, line: self })
    }

    fn wrote(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.traffic.sent.inc_by(bytes as u64);
    }
}

/// A method may be any token: only the known ones become labels.
fn known(method: &Method) -> &'static str {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    methods.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// `00-<trace>-<parent>-<flags>`, and longer in versions to come.
fn is_traceparent(text: &str) -> bool {
    (55..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Writes the line at a level that must be known when it is compiled.
macro_rules! write_line {
    ($level:ident, $line:expr, $answer:expr, $error:expr) => {
        tracing::$level!(
            target: "sluicegate::request",
            request_id = $line.id,
            traceparent = $line.traceparent,
            remote = $line.peer.map(|peer| tracing::field::display(peer.to_canonical())),
            principal = "anonymous",
            method = %$line.method,
            path = $line.path,
            route = $line.labels.route,
            version = ?$line.version,
            user_agent = $line.agent,
            status = $answer.map_or(LEFT, |answer| answer.status),
            code = $error.map(|error| error.code().name),
            detail = $error.map(|error| plain(error.detail(), MAX_DETAIL_BYTES)).as_deref(),
            cause = $error.and_then(ApiError::cause).map(|cause| plain(cause, MAX_DETAIL_BYTES)).as_deref(),
            request_bytes = $line.received.load(Relaxed),
            response_bytes = $line.sent,
            records = $answer.and_then(|answer| answer.outcome.as_ref()).map(|outcome| outcome.tally.records()),
            end = $answer.and_then(|answer| answer.outcome.as_ref()).and_then(|outcome| outcome.tally.end()),
            head_us = $answer.map(|answer| answer.head.as_micros() as u64),
            total_us = $line.begun.elapsed().as_micros() as u64,
            cut_short = !$line.ended,
        )
    };
}

impl Drop for Line {
    fn drop(&mut self) {
        self.metrics.http.in_flight.dec();
        let answer = self.answer.as_ref();
        if answer.is_none() {
            self.metrics.http.answered(&self.labels, LEFT, None, self.begun.elapsed());
        }
        let fault = answer.and_then(|answer| answer.outcome.as_ref()?.fault.get());
        if let Some(fault) = fault {
            self.metrics.http.failed(fault.code().name);
        }
        let error = fault.or_else(|| answer.and_then(|answer| answer.error.as_ref()));
        let status = error.map(|error| error.code().status).or(answer.map(|answer| answer.status));
        match status.unwrap_or(LEFT) {
            500 => write_line!(error, self, answer, error),
            501.. => write_line!(warn, self, answer, error),
            // Whoever probes does so every few seconds.
            200..=299 if is_operation(&self.labels.route) => {
                write_line!(debug, self, answer, error);
            }
            _ => write_line!(info, self, answer, error),
        }
    }
}

/// A response's body that counts its bytes, and has its line written when it is done with. The body is dropped first:
/// a stream then knows why it ended.
struct Logged {
    body: Body,
    line: Line,
}

impl http_body::Body for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.line.wrote(bytes);
                self.line.ended = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.ended = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
