//! A client of newline-delimited JSON: each line as it came, and what it says.

use super::declared::{Asked, exchange};
use super::wait::within;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An open stream of lines.
pub struct Lines {
    asked: Asked,
    pub status: u16,
    pub headers: HeaderMap,
    /// Everything that came so far, byte for byte.
    pub raw: Vec<u8>,
    /// How much of it was given out as lines.
    told: usize,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
}

impl Lines {
    /// Sends the request and reads the head.
    pub async fn open(request: reqwest::RequestBuilder) -> Self {
        let (asked, response) = within("a stream's head", exchange(request)).await;
        asked.expect(response.status().as_u16(), response.headers(), None);
        Self {
            asked,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            raw: Vec::new(),
            told: 0,
            body: response.bytes_stream().boxed(),
        }
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    /// The next line, or `None` when the stream ended in good order, which is between two lines.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let rest = &self.raw[self.told..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = serde_json::from_slice(&rest[..end]);
                let line = line
                    .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&rest[..end])));
                self.told += end + 1;
                if self.status == 200 {
                    self.asked.expect_line(&line);
                }
                return Some(line);
            }
            let Some(chunk) = within("more of the stream", self.body.next()).await else {
                assert_eq!(rest, b"", "it ends amid a line");
                return None;
            };
            self.raw.extend_from_slice(&chunk.expect("the stream goes on"));
        }
    }

    /// The next line, which must be of this name; a record's is empty.
    #[track_caller]
    pub fn expect(&mut self, name: &'static str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let line =
                self.next().await.unwrap_or_else(|| panic!("{caller}: the stream ended before `{name}`"));
            assert_eq!(line["@"].as_str().unwrap_or(""), name, "{caller}: {line}");
            line
        }
    }
}
