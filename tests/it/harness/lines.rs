//! A client of newline-delimited JSON: each line as it came, and what it says.

use super::opened::Opened;
use serde_json::Value;
use std::ops::Deref;

/// An open stream of lines.
pub struct Lines {
    opened: Opened,
    /// How much of what came was given out as lines.
    told: usize,
}

impl Deref for Lines {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

impl Lines {
    /// Sends the request and reads the head.
    pub async fn open(request: reqwest::RequestBuilder) -> Self {
        Self { opened: Opened::by(request).await, told: 0 }
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
            if self.opened.more().await.is_none() {
                assert_eq!(&self.raw[self.told..], b"", "it ends amid a line");
                return None;
            }
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
