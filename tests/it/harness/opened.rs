//! A reply whose head is there and whose body is still coming: what clients of events and of lines share.

use super::declared::{Asked, exchange};
use super::wait::within;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::HeaderMap;

/// An open stream.
pub struct Opened {
    pub asked: Asked,
    pub status: u16,
    pub headers: HeaderMap,
    /// Everything that came so far, byte for byte.
    pub raw: Vec<u8>,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
}

impl Opened {
    /// Sends the request and reads the head.
    pub async fn by(request: reqwest::RequestBuilder) -> Self {
        let (asked, response) = within("a stream's head", exchange(request)).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        asked.expect(status, &headers, None);
        Self { asked, status, headers, raw: Vec::new(), body: response.bytes_stream().boxed() }
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    /// Reads on; what came, or `None` when the stream ended in good order.
    pub async fn more(&mut self) -> Option<Bytes> {
        let chunk = within("more of the stream", self.body.next()).await?;
        let chunk = chunk.expect("the stream goes on");
        self.raw.extend_from_slice(&chunk);
        Some(chunk)
    }
}
