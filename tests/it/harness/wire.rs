//! Records by any of the ways a client may ask for them, told in one vocabulary: that of an event stream.
//!
//! Each is read by a parser of the tests' own. A page comes to the events of its records, without ids, and then
//! one called `page` whose id is the cursor to go on with; a page that is cut anywhere comes to nothing.

use super::gateway::Gateway;
use super::sse::{Event, Parser};
use super::wait::within;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::time::Duration;

/// A way to ask for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Sse,
    Ndjson,
    Page,
}

impl Wire {
    /// A request for records of `topics`: `query` without its question mark.
    pub fn request(self, gateway: &Gateway, topics: &str, query: &str) -> RequestBuilder {
        match self {
            Self::Sse => gateway.streaming(topics, query),
            Self::Ndjson => {
                let path = format!("/v1/topics/{topics}/stream?{query}");
                gateway.request("GET", &path).header("accept", "application/x-ndjson")
            }
            Self::Page => gateway.request("GET", &format!("/v1/topics/{topics}/records?{query}")),
        }
    }

    /// Sends a request that this wire made; `None` when nobody answers it.
    ///
    /// Whatever answers has to be in order, and to tell of no loss.
    pub async fn open(self, request: RequestBuilder) -> Option<Incoming> {
        let response = within("a head or a refusal", request.send()).await.ok()?;
        let header = |name: &str| response.headers().get(name).map(|text| text.to_str().expect("plain text"));
        let (status, loss) = (response.status().as_u16(), header("kafka-stream-loss").unwrap_or("none"));
        assert_eq!(loss, "none", "{}", response.url());
        let (mut events, mut incoming) = (VecDeque::new(), Self::parser(self));
        if status == 204 && self == Self::Page {
            let id = header("kafka-stream-next").expect("a page without a body tells it in its head");
            events.push_back(page(id.to_owned()));
            incoming = Parsing::Page(None);
        } else {
            assert_eq!(status, 200, "{}", response.url());
        }
        Some(Incoming { response, parsing: incoming, events, taken: 0 })
    }

    fn parser(self) -> Parsing {
        match self {
            Self::Sse => Parsing::Events(Parser::default()),
            Self::Ndjson => Parsing::Lines { line: Vec::new(), id: String::new() },
            Self::Page => Parsing::Page(Some(Vec::new())),
        }
    }
}

/// What came next.
#[derive(Debug)]
pub enum Came {
    /// Bytes, and the events they completed: perhaps none.
    Events(VecDeque<Event>),
    /// Nothing, for as long as it was waited.
    Nothing,
    /// The end, in good order.
    End,
    /// The connection broke.
    Break,
}

/// A reply that is being read.
pub struct Incoming {
    response: Response,
    parsing: Parsing,
    /// Known before any byte of the body.
    events: VecDeque<Event>,
    /// How many bytes were parsed so far.
    pub taken: usize,
}

enum Parsing {
    Events(Parser),
    /// The line that has begun, and the last id.
    Lines {
        line: Vec<u8>,
        id: String,
    },
    /// What came of the page; `None` when it was told already.
    Page(Option<Vec<u8>>),
}

impl Incoming {
    /// What comes next, of which no more than `most` bytes are looked at.
    pub async fn next(&mut self, most: usize, patience: Duration) -> Came {
        if !self.events.is_empty() {
            return Came::Events(std::mem::take(&mut self.events));
        }
        let chunk = match tokio::time::timeout(patience, self.response.chunk()).await {
            Err(_) => return Came::Nothing,
            Ok(Err(_)) => return Came::Break,
            Ok(Ok(chunk)) => chunk,
        };
        let mut events = VecDeque::new();
        match (&mut self.parsing, chunk) {
            (Parsing::Page(body), None) => match body.take() {
                Some(body) => read_page(&body, &mut events),
                None => return Came::End,
            },
            (_, None) => return Came::End,
            (parsing, Some(chunk)) => {
                let chunk = &chunk[..chunk.len().min(most)];
                self.taken += chunk.len();
                parsing.take(chunk, &mut events);
            }
        }
        Came::Events(events)
    }
}

impl Parsing {
    fn take(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        match self {
            Self::Events(parser) => parser.take(bytes, events),
            Self::Page(body) => body.get_or_insert_default().extend_from_slice(bytes),
            Self::Lines { line, id } => {
                for byte in bytes {
                    if *byte == b'\n' {
                        events.push_back(read_line(&std::mem::take(line), id));
                    } else {
                        line.push(*byte);
                    }
                }
            }
        }
    }
}

fn read_line(line: &[u8], id: &mut String) -> Event {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "@")]
        name: Option<String>,
        cursor: Option<String>,
    }
    let text = std::str::from_utf8(line).expect("a line is UTF-8").to_owned();
    let line: Line = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    if let Some(cursor) = line.cursor {
        *id = cursor;
    }
    let kind = line.name.unwrap_or_else(|| "message".to_owned());
    Event { kind, id: id.clone(), data: text, retry: None }
}

fn read_page(body: &[u8], events: &mut VecDeque<Event>) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page<'a> {
        #[serde(borrow)]
        records: Vec<&'a RawValue>,
        next: String,
        #[serde(rename = "up_to_date")]
        _up_to_date: bool,
    }
    let text = std::str::from_utf8(body).expect("a page is UTF-8");
    let read: Page<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    events.extend(read.records.iter().map(|record| Event {
        kind: "message".to_owned(),
        id: String::new(),
        data: record.get().to_owned(),
        retry: None,
    }));
    events.push_back(page(read.next));
}

fn page(next: String) -> Event {
    Event { kind: "page".to_owned(), id: next, data: String::new(), retry: None }
}
