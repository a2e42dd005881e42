//! An event-stream client that follows the WHATWG's rules and no more: what a browser's EventSource would dispatch,
//! and beside it the bytes as they came.
//!
//! It never reconnects: tests do that by hand, with the id that they were given.

use super::opened::Opened;
use serde_json::Value;
use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Duration;

/// One dispatched event (HTML, "9.2.6 Interpreting an event stream").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` where none was named.
    pub kind: String,
    /// The last event id when it was dispatched.
    pub id: String,
    /// Its data, lines joined by LF.
    pub data: String,
    /// The reconnection time its block set, if it did.
    pub retry: Option<Duration>,
}

impl Event {
    /// The data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Partition and offset of a record in its envelope.
    #[track_caller]
    pub fn address(&self) -> (i64, i64) {
        let data = self.json();
        let number = |name: &str| data[name].as_i64().unwrap_or_else(|| panic!("{name} in {data}"));
        (number("partition"), number("offset"))
    }

    /// The value of a record in its envelope, which is JSON of a kind or text.
    #[track_caller]
    pub fn value(&self) -> Value {
        self.json()["value"].clone()
    }
}

/// The parser: bytes in, events out, however the bytes are cut.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    begun: bool,
    data: String,
    kind: String,
    id: String,
    retry: Option<Duration>,
    /// Comment lines so far.
    pub comments: usize,
}

impl Parser {
    /// Takes the next bytes and appends the events that they complete.
    pub fn take(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        for byte in bytes {
            let ends_line = match byte {
                b'\n' if self.after_cr => {
                    self.after_cr = false;
                    continue;
                }
                b'\n' | b'\r' => true,
                _ => false,
            };
            self.after_cr = *byte == b'\r';
            if !ends_line {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let text = String::from_utf8_lossy(&line);
            let first = !std::mem::replace(&mut self.begun, true);
            let text = if first { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
            self.line(text, events);
        }
    }

    fn line(&mut self, line: &str, events: &mut VecDeque<Event>) {
        if line.is_empty() {
            return self.dispatch(events);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
    }

    /// A block without data is dispatched to nobody; its id stays.
    fn dispatch(&mut self, events: &mut VecDeque<Event>) {
        let (kind, mut data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        let retry = self.retry.take();
        if data.is_empty() {
            return;
        }
        data.pop();
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        events.push_back(Event { kind, id: self.id.clone(), data, retry });
    }
}

/// An open stream.
pub struct Sse {
    opened: Opened,
    pub parser: Parser,
    ready: VecDeque<Event>,
}

impl Deref for Sse {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

impl Sse {
    /// Sends the request and reads the head.
    pub async fn open(request: reqwest::RequestBuilder) -> Self {
        Self { opened: Opened::by(request).await, parser: Parser::default(), ready: VecDeque::new() }
    }

    /// The next event, or `None` when the stream ended in good order. A connection that breaks is a failure.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if self.status == 200 {
                    self.asked.expect_event(&event.kind, &event.data);
                }
                return Some(event);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads on; whether there was more.
    pub async fn more(&mut self) -> bool {
        let Some(chunk) = self.opened.more().await else { return false };
        self.parser.take(&chunk, &mut self.ready);
        true
    }

    /// The next event, which must be of this type.
    #[track_caller]
    pub fn expect(&mut self, kind: &'static str) -> impl Future<Output = Event> {
        let caller = std::panic::Location::caller();
        async move {
            let Some(event) = self.next().await else {
                let (status, told) = (self.status, String::from_utf8_lossy(&self.raw));
                panic!("{caller}: the stream, of status {status}, ended before `{kind}`: {told}")
            };
            assert_eq!(event.kind, kind, "{caller}: {event:?}");
            event
        }
    }

    /// The next `count` records, whatever control events come between.
    pub async fn records(&mut self, count: usize) -> Vec<Event> {
        let mut records = Vec::new();
        while records.len() < count {
            let event = self.next().await;
            let event =
                event.unwrap_or_else(|| panic!("the stream ended after {} of {count}", records.len()));
            assert_ne!(event.kind, "fault", "{event:?}");
            if event.kind == "message" {
                records.push(event);
            }
        }
        records
    }

    /// Everything until the stream ends.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}
