//! Reading a request's body whole, within its size, its time, and the room that all bodies share.
//!
//! A slow body costs what has come of it. So that many slow ones together cannot take the process's memory, each takes
//! its room as it comes in, not as it is announced. A route that reads a body as a stream does not pass through here.

use super::super::error::{ApiError, code};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What of a refused body is taken in and dropped: so much, for so long.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// What bodies may take while they come in. Clones share one room.
#[derive(Clone, Debug)]
pub struct Bodies {
    timeout: Duration,
    room: Arc<Semaphore>,
}

/// Why a body was not read.
enum Failed {
    TooLarge,
    NoRoom,
    Broken,
}

impl Bodies {
    /// Each may take `timeout`, and all together `most_bytes` at a time.
    pub fn new(timeout: Duration, most_bytes: usize) -> Self {
        Self { timeout, room: Arc::new(Semaphore::new(most_bytes.min(Semaphore::MAX_PERMITS))) }
    }

    /// The whole body of a request whose handler reads it as JSON, of at most `limit` bytes.
    ///
    /// # Errors
    /// As of [`read`](Self::read); a larger one is 400 `invalid_body`.
    pub async fn take(&self, request: Request, limit: usize) -> Result<Bytes, ApiError> {
        let (parts, body) = request.into_parts();
        let too_large = || ApiError::new(code::INVALID_BODY, format!("it has more than {limit} bytes"));
        self.read(body, &parts.headers, limit, too_large).await
    }

    /// The whole body, of at most `limit` bytes; `too_large` makes the refusal of a larger one.
    ///
    /// # Errors
    /// `too_large`; 408 `body_timed_out`; 503 `overloaded`; 400 `invalid_body` where it breaks off.
    pub async fn read(
        &self,
        mut body: Body,
        headers: &HeaderMap,
        limit: usize,
        too_large: impl FnOnce() -> ApiError,
    ) -> Result<Bytes, ApiError> {
        if let Some(length) = announced(headers).filter(|length| *length > limit as u64) {
            // Who waits for a word before sending the body has not begun to.
            if length <= DISCARDED_BYTES as u64 && !headers.contains_key(header::EXPECT) {
                discard(body).await;
            }
            return Err(too_large());
        }
        let error = match tokio::time::timeout(self.timeout, self.collect(&mut body, limit)).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Err(_) => {
                let detail = format!("the body was not whole after {} ms", self.timeout.as_millis());
                return Err(ApiError::new(code::BODY_TIMED_OUT, detail));
            }
            Ok(Err(Failed::Broken)) => {
                let detail = "the body ended before its announced end";
                return Err(ApiError::new(code::INVALID_BODY, detail));
            }
            Ok(Err(Failed::TooLarge)) => too_large(),
            Ok(Err(Failed::NoRoom)) => {
                ApiError::new(code::OVERLOADED, "too many bodies are on their way to the gateway; try again")
            }
        };
        discard(body).await;
        Err(error)
    }

    async fn collect(&self, body: &mut Body, limit: usize) -> Result<Bytes, Failed> {
        // Most bodies come in one piece, which is not copied.
        let (mut pieces, mut permits, mut taken) = (Vec::new(), Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Failed::Broken)?.into_data() else { continue };
            taken += data.len();
            if taken > limit {
                return Err(Failed::TooLarge);
            }
            let bytes = u32::try_from(data.len()).map_err(|_| Failed::TooLarge)?;
            permits.push(self.room.try_acquire_many(bytes).map_err(|_| Failed::NoRoom)?);
            pieces.push(data);
        }
        Ok(match pieces.len() {
            0 | 1 => pieces.pop().unwrap_or_default(),
            _ => pieces.concat().into(),
        })
    }
}

/// The length that the head tells.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes in and drops what a client is still sending, within reason: a connection that is closed while it writes
/// looks broken to it, and it never reads the answer.
async fn discard(mut body: Body) {
    let mut left = DISCARDED_BYTES;
    let drained = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // What is not over by then gets the broken connection.
    let _ = tokio::time::timeout(DISCARD_TIME, drained).await;
}
