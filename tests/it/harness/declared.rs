//! Every reply that a test sees, held against the OpenAPI document: a handler that tells something else than it declares
//! fails the test that met it.
//!
//! Looked at are the operation, the status, the headers of our own, the content type, JSON bodies by their schemas, the
//! code of a refusal, and the events and lines of streams. What no operation answers must be one of the refusals that
//! stand in front of all of them.

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What is not in the document: pages for people, and the orders of the shop among the examples, which is no gateway.
const ELSEWHERE: [&str; 3] = ["/docs", "/examples", "/orders"];

/// Refusals that stand in front of all operations.
const BEFORE_ALL: [(&str, u16); 9] = [
    ("invalid_header", 400),
    ("cross_site", 403),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("target_too_long", 414),
    ("too_many_connections", 429),
    ("headers_too_large", 431),
    ("internal", 500),
    ("overloaded", 503),
];

/// A request, as far as it decides what may be answered.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Percent-encoded, without the query.
    pub path: String,
    pub query: String,
}

impl Asked {
    /// A request that a reply is the answer to.
    pub fn new(method: &reqwest::Method, url: &reqwest::Url) -> Self {
        let query = url.query().unwrap_or_default().to_owned();
        Self { method: method.to_string(), path: url.path().to_owned(), query }
    }

    fn is_elsewhere(&self) -> bool {
        ELSEWHERE.iter().any(|place| {
            self.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Fails when the reply is not declared.
    pub fn expect(&self, status: u16, headers: &HeaderMap, body: Option<&[u8]>) {
        if let Err(reason) = DECLARED.check(self, status, headers, body) {
            let body = String::from_utf8_lossy(body.unwrap_or_default());
            panic!("not as the OpenAPI document says: {reason}\n{self:?}\n{status} {headers:?}\n{body}");
        }
    }

    /// Fails when the event is not declared.
    pub fn expect_event(&self, name: &str, data: &str) {
        if let Err(reason) = DECLARED.check_event(self, name, data) {
            panic!("not as the OpenAPI document says: {reason}\n{self:?}\n{name} {data}");
        }
    }

    /// Fails when the line is not declared.
    pub fn expect_line(&self, line: &Value) {
        if let Err(reason) = DECLARED.check_line(self, line) {
            panic!("not as the OpenAPI document says: {reason}\n{self:?}\n{line}");
        }
    }
}

/// Sends a request, and tells what was asked beside the reply's head.
pub async fn exchange(request: reqwest::RequestBuilder) -> (Asked, reqwest::Response) {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let method = request.method().clone();
    let response = client.execute(request).await.expect("a reply");
    (Asked::new(&method, response.url()), response)
}

/// The document, ready to be compared with.
pub struct Declared {
    document: Value,
    /// Path templates with the methods they have.
    paths: Vec<(Vec<String>, String)>,
    /// By place: `METHOD template status type`, and `event NAME`.
    validators: HashMap<String, Validator>,
}

/// The document that this build serves.
pub static DECLARED: LazyLock<Declared> = LazyLock::new(|| {
    let document = serde_json::from_str(sluicegate::http::openapi::text()).expect("the document is JSON");
    Declared::new(document)
});

impl Declared {
    /// Prepares a document.
    pub fn new(document: Value) -> Self {
        let mut validators = HashMap::new();
        let mut add = |place: String, schema: &Value| {
            let mut schema = json!({ "allOf": [schema], "components": document["components"] });
            if place.starts_with("event ") {
                // What an event has is declared, down to the last member.
                schema["unevaluatedProperties"] = json!(false);
            }
            let validator = jsonschema::draft202012::new(&schema);
            validators.insert(place, validator.expect("a schema of the document is one"));
        };
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut paths = Vec::new();
        for (template, item) in members(&document["paths"]) {
            for (method, operation) in members(&item) {
                for (status, response) in members(&operation["responses"]) {
                    for (kind, content) in members(&response["content"]) {
                        add(format!("{method} {template} {status} {kind}"), &content["schema"]);
                    }
                }
            }
            paths.push((template.split('/').map(str::to_owned).collect(), template));
        }
        for (event, schema) in members(&document["components"]["schemas"]["StreamEvents"]["properties"]) {
            add(format!("event {event}"), &schema);
        }
        add("line".to_owned(), &json!({ "$ref": "#/components/schemas/StreamLine" }));
        Self { document, paths, validators }
    }

    /// The document itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The path template that a path has the form of.
    fn template(&self, path: &str) -> Option<&str> {
        let given: Vec<_> = path.split('/').collect();
        // The router takes an empty segment for a parameter, but not at the end of the path.
        let fits = |wanted: &[String]| {
            wanted.len() == given.len()
                && given.last() != Some(&"")
                && wanted.iter().zip(&given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
        };
        self.paths.iter().find(|(wanted, _)| fits(wanted)).map(|(_, template)| template.as_str())
    }

    /// The operation that answers, with its method and template.
    fn operation(&self, asked: &Asked) -> Option<(&Value, String)> {
        let template = self.template(&asked.path)?;
        // The server answers HEAD as it would GET, without the body.
        let method = if asked.method == "HEAD" { "GET" } else { &asked.method };
        // A method is a word of capitals: `get` is another one, which nobody knows.
        let method = method.bytes().all(|byte| byte.is_ascii_uppercase()).then(|| method.to_lowercase())?;
        let operation = &self.document["paths"][template][&method];
        (!operation.is_null()).then(|| (operation, format!("{method} {template}")))
    }

    /// Compares a reply; `body` is `None` where it goes on and is looked at piece by piece.
    ///
    /// # Errors
    /// What is not declared.
    pub fn check(
        &self,
        asked: &Asked,
        status: u16,
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<(), String> {
        if asked.is_elsewhere() {
            return Ok(());
        }
        let problem = || body.and_then(|body| serde_json::from_slice::<Value>(body).ok()).unwrap_or_default();
        let Some((operation, place)) = self.operation(asked) else {
            let preflight = headers.contains_key("access-control-allow-methods");
            let code = problem()["code"].as_str().unwrap_or_default().to_owned();
            let told = BEFORE_ALL.contains(&(code.as_str(), status)) || asked.method == "HEAD" || preflight;
            return if told {
                Ok(())
            } else {
                Err(format!("no operation is there to answer {status} {code}"))
            };
        };
        if asked.method == "OPTIONS" && headers.contains_key("access-control-allow-methods") {
            return Ok(());
        }
        let response = &operation["responses"][status.to_string()];
        // An address of operations alone has no other route.
        if response.is_null() && status == 404 && problem()["code"] == "not_found" {
            return Ok(());
        }
        if response.is_null() {
            return Err(format!("{place} does not declare status {status}"));
        }
        self.check_headers(response, headers)?;
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        if !kind.is_empty() && response["content"][kind].is_null() {
            return Err(format!("{place} does not declare {kind} with {status}"));
        }
        let Some(body) = body.filter(|body| !body.is_empty()) else { return Ok(()) };
        match kind {
            "" => Err(format!("{place} answers {status} with a body of no type")),
            // A record's value: any JSON.
            "application/json" if response["content"][kind]["schema"] == json!({}) => Ok(()),
            "application/json" | "application/problem+json" => {
                let Some(json) = json_of(body).map_err(|error| format!("{place}: {error}"))? else {
                    return Ok(());
                };
                self.validate(&format!("{place} {status} {kind}"), &json)?;
                self.check_codes(operation, &response["content"][kind], &json)
                    .map_err(|reason| format!("{place} {status}: {reason}"))
            }
            _ => Ok(()),
        }
    }

    /// That a problem's code, and those of a page's faults, are declared.
    fn check_codes(&self, operation: &Value, content: &Value, json: &Value) -> Result<(), String> {
        let code = json["code"].as_str().unwrap_or_default();
        let examples = content["examples"].as_object().filter(|_| json["type"].is_string());
        if examples.is_some_and(|examples| !examples.contains_key(code)) {
            return Err(format!("the code `{code}` is not declared"));
        }
        let faults = json["faults"].as_array().filter(|_| operation["operationId"] == "read_page");
        faults.into_iter().flatten().try_for_each(|fault| self.check_fault(operation, fault))
    }

    fn check_headers(&self, response: &Value, headers: &HeaderMap) -> Result<(), String> {
        let ours = |name: &str| {
            name.starts_with("kafka-")
                || ["content-disposition", "etag", "location", "retry-after", "x-request-id"].contains(&name)
        };
        let declared = response["headers"].as_object();
        let is_declared = |name: &str| {
            declared.is_some_and(|declared| declared.keys().any(|known| known.eq_ignore_ascii_case(name)))
        };
        let mut undeclared = headers.keys().filter(|name| ours(name.as_str()) && !is_declared(name.as_str()));
        undeclared.next().map_or(Ok(()), |name| Err(format!("the header {name} is not declared")))
    }

    /// Compares an event of a stream: its name, its data, and a fault's code.
    ///
    /// # Errors
    /// What is not declared.
    pub fn check_event(&self, asked: &Asked, name: &str, data: &str) -> Result<(), String> {
        if asked.is_elsewhere() {
            return Ok(());
        }
        let alone = asked.query.split('&').any(|pair| pair == "format=value");
        if alone && ["message", "binary"].contains(&name) {
            return Ok(());
        }
        let Some(data) =
            json_of(data.as_bytes()).map_err(|error| format!("the data of `{name}`: {error}"))?
        else {
            return Ok(());
        };
        self.check_object(asked, name, &data)
    }

    /// The same of a line.
    ///
    /// # Errors
    /// What is not declared.
    pub fn check_line(&self, asked: &Asked, line: &Value) -> Result<(), String> {
        self.validate("line", line)?;
        let mut data = line.clone();
        // The rest is what the event of this name has.
        if let Some(members) = data.as_object_mut() {
            let is_event = members.contains_key("@");
            members.retain(|name, _| !["@", "cursor"].contains(&name.as_str()) && (is_event || name != "id"));
        }
        self.check_object(asked, line["@"].as_str().unwrap_or("message"), &data)
    }

    fn check_object(&self, asked: &Asked, name: &str, data: &Value) -> Result<(), String> {
        self.validate(&format!("event {name}"), data)?;
        match self.operation(asked).filter(|_| name == "fault") {
            Some((operation, _)) => self.check_fault(operation, &data["problem"]),
            None => Ok(()),
        }
    }

    fn check_fault(&self, operation: &Value, problem: &Value) -> Result<(), String> {
        let codes = operation["x-fault-codes"].as_array();
        if codes.is_some_and(|codes| codes.contains(&problem["code"])) {
            return Ok(());
        }
        Err(format!("the code of a fault is not declared: {problem}"))
    }

    fn validate(&self, place: &str, value: &Value) -> Result<(), String> {
        let validator = self.validators.get(place).ok_or_else(|| format!("`{place}` is not declared"))?;
        validator.validate(value).map_err(|error| format!("{place}: {error} at `{}`", error.instance_path()))
    }
}

/// A body; `None` where it has a number that no float holds, which passes byte for byte and has no place in a [`Value`].
fn json_of(body: &[u8]) -> Result<Option<Value>, serde_json::Error> {
    match serde_json::from_slice(body) {
        Err(_) if serde_json::from_slice::<&RawValue>(body).is_ok() => Ok(None),
        parsed => parsed.map(Some),
    }
}
