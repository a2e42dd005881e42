//! What is refused before any route looks at it: a connection that is one too many, a head that is too large, and a
//! request that two servers might understand differently (request smuggling).
//!
//! hyper parses strictly and refuses most such shapes itself; here stands what it lets pass. Where it finds both a length
//! and a coding it goes by the coding, hides the length, and closes behind the answer (RFC 9112, section 6.3).

use super::arrival::{Arrival, Full, is_operation};
use super::error::{ApiError, code};
use super::extract::accept::{Accepted, accepted};
use super::state::Limits;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rand::RngExt;
use std::time::Duration;

/// The longest target taken, in bytes: four cursors of the default size.
const MAX_TARGET_BYTES: usize = 16 * 1024;

/// What a header has besides its name and value.
const HEADER_EXTRA_BYTES: usize = ": \r\n".len();

/// Refuses what is to be refused, and closes the connection behind it.
pub async fn guard(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let checked = shape(&request).and_then(|()| size(&request, &limits)).and_then(|()| room(&request));
    // A connection that was let in to be told so is not kept, whatever was answered.
    let keeps = request.version() >= Version::HTTP_2
        || (checked.is_ok() && Arrival::of(request.extensions()).full.is_none());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if !keeps {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether there is only one way to read the head.
fn shape(request: &Request) -> Result<(), ApiError> {
    let refuse = |detail: &str| Err(ApiError::new(code::INVALID_HEADER, detail));
    if Arrival::of(request.extensions()).bare_lf {
        return refuse("a line of the head ends in LF alone, not in CR LF");
    }
    let headers = request.headers();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return refuse("Transfer-Encoding may be `chunked` and nothing else");
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return refuse("there is more than one Host");
    }
    let authority = request.uri().authority().map(Authority::as_str);
    let Some(host) = host else {
        // HTTP/2 has it in the target (RFC 9113, section 8.3.1), and HTTP/1.0 need not have it.
        return if request.version() == Version::HTTP_11 { refuse("there is no Host") } else { Ok(()) };
    };
    let Some(host) = host.to_str().ok().filter(|host| is_host(host)) else {
        return refuse("Host is not `host` or `host:port`");
    };
    match authority {
        Some(authority) if !authority.eq_ignore_ascii_case(host) => {
            refuse("Host is another than the target's")
        }
        _ => Ok(()),
    }
}

fn is_host(text: &str) -> bool {
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}

fn size(request: &Request, limits: &Limits) -> Result<(), ApiError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        let detail = format!("the target has {target} bytes, and {MAX_TARGET_BYTES} are allowed");
        return Err(ApiError::new(code::TARGET_TOO_LONG, detail));
    }
    let headers = request.headers().iter();
    let bytes = target
        + headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_EXTRA_BYTES).sum::<usize>();
    if bytes > limits.max_head_bytes {
        let detail = format!(
            "target and headers have {bytes} bytes together, and {} are allowed",
            limits.max_head_bytes
        );
        return Err(ApiError::new(code::HEADERS_TOO_LARGE, detail));
    }
    Ok(())
}

/// Whether the connection may stay. Probes are answered on any: a gateway that is full is well.
fn room(request: &Request) -> Result<(), ApiError> {
    let Some(full) = Arrival::of(request.extensions()).full.filter(|_| !is_operation(request.uri().path()))
    else {
        return Ok(());
    };
    let error = match full {
        Full::InAll => {
            ApiError::new(code::OVERLOADED, "the gateway has as many connections as it may; try again later")
        }
        Full::ForAddress => ApiError::new(
            code::TOO_MANY_CONNECTIONS,
            "this address has as many connections as it may; close some, or share one by HTTP/2",
        ),
    };
    // Rather late: who comes back at once finds the same.
    let error = error.after(Duration::from_millis(rand::rng().random_range(10_000..30_000)));
    Err(match accepted(request.headers(), "text/event-stream") {
        Accepted::Named(_) => error.as_event(brought(request)),
        _ => error,
    })
}

/// The cursor that an EventSource brings back, which the fault repeats: some clients forget it when an event without an
/// id comes first.
fn brought(request: &Request) -> Option<String> {
    let brought = request.headers().get("last-event-id")?.to_str().ok()?;
    let plain = brought.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (plain && !brought.is_empty()).then(|| brought.to_owned())
}
