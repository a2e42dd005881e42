//! Requests at random, of what the document tells and of what it does not: each operation with each parameter, with
//! values of its own, of other parameters, and ugly ones.

use super::raw::Request;
use super::ugly;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// What a request target cannot hold as it is.
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'?')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'\\')
    .add(b'^')
    .add(b'&')
    .add(b'[')
    .add(b']');

/// How many topics the requests may make.
const MADE: usize = 4;

/// A parameter in the query, with values that the document tells of.
struct Parameter {
    name: String,
    values: Vec<Vec<u8>>,
}

struct Operation {
    method: String,
    template: String,
    query: Vec<Parameter>,
}

/// Makes requests.
pub struct Maker {
    random: StdRng,
    operations: Vec<Operation>,
    /// A topic that exists; topics that are made begin with its name.
    topic: String,
}

impl Maker {
    /// Makes requests for the operations of `document`, the same for the same `seed`.
    pub fn new(document: &Value, topic: &str, seed: u64) -> Self {
        let mut operations = Vec::new();
        for (template, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
                let query =
                    parameters.iter().filter(|parameter| parameter["in"] == "query").map(|parameter| {
                        let name = parameter["name"].as_str().expect("a name").to_owned();
                        Parameter { name, values: values(parameter) }
                    });
                let (method, template) = (method.to_uppercase(), template.clone());
                operations.push(Operation { method, template, query: query.collect() });
            }
        }
        Self { random: StdRng::seed_from_u64(seed), operations, topic: topic.to_owned() }
    }

    /// The next request.
    pub fn request(&mut self) -> Request {
        let at = self.random.random_range(0..self.operations.len());
        let method = self.method(at);
        let mut target = self.path(at, &method);
        let query = self.query(at);
        if !query.is_empty() || self.one_in(20) {
            target = format!("{target}?{query}");
        }
        let body = self.body(&method);
        Request { headers: self.headers(&method), method, target, body }
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.random.random_range(0..count) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.random.random_range(0..from.len())]
    }

    fn method(&mut self, at: usize) -> String {
        if self.one_in(12) {
            return self
                .pick(&["HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "PUT", "GET", "get", "BREW"])
                .to_owned();
        }
        self.operations[at].method.clone()
    }

    fn path(&mut self, at: usize, method: &str) -> String {
        let template = self.operations[at].template.clone();
        let segments = template.split('/').map(|segment| match segment {
            "{topics}" => self.topics(method),
            // Nobody else's group may be changed.
            "{group}" if method != "GET" || self.one_in(2) => format!("{}-group", self.topic),
            "{group}" => self.ugly(),
            "{partition}" | "{offset}" => {
                if self.one_in(2) {
                    self.random.random_range(0..4).to_string()
                } else {
                    self.ugly()
                }
            }
            _ if self.one_in(60) => self.ugly(),
            literal => literal.to_owned(),
        });
        let path = segments.collect::<Vec<_>>().join("/");
        // The first segment is before the first slash: an ugly one would make the target no path.
        format!("/{}", path.split_once('/').map_or("", |(_, path)| path))
    }

    fn topics(&mut self, method: &str) -> String {
        // Where topics are made or written to, no name may be one that means something to others.
        let ours = method == "PUT" || method == "POST";
        match self.random.random_range(0..10) {
            0 if !ours => self.ugly(),
            1 if !ours => "a".repeat(self.random.random_range(248..252)),
            1 => "*".repeat(self.random.random_range(1..300)),
            2 if !ours => format!("{},", self.topic).repeat(self.random.random_range(1..60)),
            2..=4 if method == "PUT" => format!("{}-made-{}", self.topic, self.random.random_range(0..MADE)),
            _ => self.pick(&ugly::TOPICS).replace("{topic}", &self.topic),
        }
    }

    /// A value that no good client sends, ready for a target.
    fn ugly(&mut self) -> String {
        let value = match self.random.random_range(0..12) {
            0 => vec![b'a'; self.random.random_range(1..3000)],
            1 => (0..self.random.random_range(0..40)).map(|_| self.random.random()).collect(),
            2..=4 => self.pick(&ugly::OURS).to_vec(),
            _ => self.pick(&ugly::VALUES).to_vec(),
        };
        self.encoded(&value)
    }

    fn encoded(&mut self, value: &[u8]) -> String {
        match self.random.random_range(0..8) {
            0 => percent_encode(value, NON_ALPHANUMERIC).to_string(),
            1 => percent_encode(value, NON_ALPHANUMERIC).to_string().to_lowercase(),
            2 => value.iter().map(|byte| format!("%{byte:02x}")).collect(),
            _ => percent_encode(value, ILLEGAL).to_string(),
        }
    }

    fn query(&mut self, at: usize) -> String {
        let mut pairs = Vec::new();
        let count = self.operations[at].query.len();
        for _ in 0..[0, 1, 1, 2, 3, 5, 8][self.random.random_range(0..7)] {
            let pair = match self.random.random_range(0..17) {
                0 => self.ugly(),
                16 => format!("header.{}={}", self.ugly(), self.ugly()),
                1 => format!("{}={}", self.ugly(), self.ugly()),
                2 => {
                    // A parameter of another operation.
                    let other = self.random.random_range(0..self.operations.len());
                    self.pair(other)
                }
                _ if count == 0 => continue,
                _ => self.pair(at),
            };
            pairs.push(pair);
        }
        if self.operations[at].template.ends_with("/stream") && !self.one_in(4) {
            pairs.push("until=now".to_owned());
        }
        pairs.join(if self.one_in(20) { "&&" } else { "&" })
    }

    fn pair(&mut self, at: usize) -> String {
        let query = &self.operations[at].query;
        if query.is_empty() {
            return String::new();
        }
        let parameter = self.random.random_range(0..query.len());
        let (name, own) = (query[parameter].name.clone(), query[parameter].values.clone());
        let value = match self.random.random_range(0..6) {
            0..=2 if !own.is_empty() => {
                let value = own[self.random.random_range(0..own.len())].clone();
                self.encoded(&value)
            }
            3 => {
                let other = self.random.random_range(0..self.operations.len());
                let values: Vec<_> =
                    self.operations[other].query.iter().flat_map(|other| &other.values).collect();
                if values.is_empty() {
                    self.ugly()
                } else {
                    let value = values[self.random.random_range(0..values.len())].clone();
                    self.encoded(&value)
                }
            }
            _ => self.ugly(),
        };
        // Long waits are looked at by tests of their own.
        let value = if name == "wait" && value.ends_with('s') && !value.ends_with("ms") {
            "5ms".into()
        } else {
            value
        };
        if self.one_in(30) { name } else { format!("{name}={value}") }
    }

    fn headers(&mut self, method: &str) -> Vec<(String, Vec<u8>)> {
        let mut headers = Vec::new();
        if !self.one_in(3) {
            headers.push(("accept".to_owned(), self.pick(&ugly::ACCEPTS).as_bytes().to_vec()));
        }
        if (method == "POST" || method == "PUT") && !self.one_in(3) {
            headers.push(("content-type".to_owned(), self.pick(&ugly::CONTENT_TYPES).as_bytes().to_vec()));
        }
        let names = [
            "last-event-id",
            "x-request-id",
            "if-none-match",
            "kafka-header-a",
            "kafka-header-",
            "ce-id",
            "origin",
            "sec-fetch-site",
            "traceparent",
            "range",
            "content-type",
            "host",
            "accept-encoding",
            "x-http-method-override",
        ];
        for name in names {
            if self.one_in(14) {
                let value = if self.one_in(2) { self.pick(&ugly::VALUES) } else { self.pick(&ugly::OURS) };
                // What would end the header would make another request of it.
                let value = value.iter().copied().filter(|byte| !b"\r\n\0".contains(byte)).collect();
                headers.push((name.to_owned(), value));
            }
        }
        headers
    }

    fn body(&mut self, method: &str) -> Vec<u8> {
        match (method, self.random.random_range(0..12)) {
            (_, 0) => (0..self.random.random_range(0..2000)).map(|_| self.random.random()).collect(),
            (_, 1) => [b"[".repeat(self.random.random_range(1..20_000)), b"1".to_vec()].concat(),
            ("POST", 2) if self.one_in(8) => vec![b'x'; self.random.random_range(900_000..2_000_000)],
            ("PUT", _) => self.pick(&ugly::SPECS).to_vec(),
            ("POST", _) => self.pick(&ugly::VALUES).to_vec(),
            _ => Vec::new(),
        }
    }
}

/// What the document says that a parameter may be, and what is one step beyond.
fn values(parameter: &Value) -> Vec<Vec<u8>> {
    let schema = &parameter["schema"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let told = [&parameter["example"], &schema["default"], &schema["minimum"], &schema["maximum"]];
    let mut values: Vec<_> = told.into_iter().filter(|value| !value.is_null()).map(text).collect();
    values.extend(schema["enum"].as_array().into_iter().flatten().map(text));
    let examples = schema["examples"].as_array().into_iter().flatten();
    values.extend(
        examples
            .flat_map(|example| example.as_array().cloned().unwrap_or_else(|| vec![example.clone()]))
            .map(|example| text(&example)),
    );
    values.extend(schema["minimum"].as_i64().map(|least| (least - 1).to_string().into_bytes()));
    values.extend(schema["maximum"].as_i64().map(|most| (most + 1).to_string().into_bytes()));
    if schema["type"] == "boolean" {
        values.extend([b"true".to_vec(), b"false".to_vec()]);
    }
    values
}
