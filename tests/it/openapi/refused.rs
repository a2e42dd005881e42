//! That the comparison of replies with the document refuses what it should: each break of a good reply is told.

use crate::harness::{Asked, Context, DECLARED, Test};
use crate::tests;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        a_reply_as_declared_is_taken_and_each_break_of_it_is_told,
        an_event_as_declared_is_taken_and_each_break_of_it_is_told,
        a_number_that_no_float_holds_is_json,
    ]
}

fn asked(method: &str, path: &str) -> Asked {
    Asked { method: method.to_owned(), path: path.to_owned(), query: String::new() }
}

/// What is told of a reply.
fn check(asked: &Asked, status: u16, headers: &[(&'static str, &str)], body: &Value) -> Result<(), String> {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    let headers: HeaderMap = headers.iter().map(header).collect();
    DECLARED.check(asked, status, &headers, Some(body.to_string().as_bytes()))
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROBLEM: (&str, &str) = ("content-type", "application/problem+json");

async fn a_reply_as_declared_is_taken_and_each_break_of_it_is_told(_: Context) {
    let list = asked("GET", "/v1/topics");
    let body = json!({"topics": [{"name": "a", "partitions": 1, "replication_factor": 1}]});
    let id = ("x-request-id", "1");
    assert_eq!(check(&list, 200, &[JSON, id], &body), Ok(()));
    let told = |result: Result<(), String>, word: &str| {
        let reason = result.expect_err(word);
        assert!(reason.contains(word), "{reason} has no `{word}`");
    };
    told(check(&list, 203, &[JSON], &body), "status 203");
    told(check(&list, 200, &[("content-type", "text/html")], &body), "text/html");
    told(check(&list, 200, &[JSON, ("kafka-stream-next", "1.")], &body), "kafka-stream-next");
    told(check(&list, 200, &[], &body), "no type");
    told(check(&list, 200, &[JSON], &json!({"topics": [{"name": "a", "partitions": "1"}]})), "/topics/0");
    told(check(&asked("GET", "/v2/topics"), 200, &[JSON], &body), "no operation");
    told(check(&asked("DELETE", "/v1/topics"), 200, &[JSON], &body), "no operation");

    let problem = |status: u16, code: &str| {
        json!({
            "type": format!("urn:sluicegate:error:{code}"), "title": "t", "status": status, "code": code,
            "detail": "d", "retryable": false, "request_id": "1"
        })
    };
    assert_eq!(check(&list, 400, &[PROBLEM], &problem(400, "unknown_parameter")), Ok(()));
    assert_eq!(
        check(&asked("DELETE", "/v1/topics"), 405, &[PROBLEM], &problem(405, "method_not_allowed")),
        Ok(())
    );
    told(check(&list, 400, &[PROBLEM], &problem(400, "invalid_body")), "`invalid_body`");
    told(check(&list, 400, &[PROBLEM], &problem(400, "no_such_code")), "no_such_code");
    told(check(&list, 404, &[PROBLEM], &problem(404, "topic_not_found")), "status 404");
    let mut short = problem(400, "unknown_parameter");
    short.as_object_mut().expect("an object").remove("retryable");
    told(check(&list, 400, &[PROBLEM], &short), "retryable");

    let page = asked("GET", "/v1/topics/a/records");
    let mut body =
        json!({"records": [], "next": "1.", "up_to_date": true, "faults": [problem(422, "value_not_json")]});
    assert_eq!(check(&page, 200, &[JSON], &body), Ok(()));
    body["faults"][0]["code"] = json!("internal");
    told(check(&page, 200, &[JSON], &body), "fault");
}

/// A value that is such a number passes byte for byte, and no test may take its page for broken.
async fn a_number_that_no_float_holds_is_json(_: Context) {
    let headers =
        HeaderMap::from_iter([(HeaderName::from_static("content-type"), HeaderValue::from_static(JSON.1))]);
    let check = |body: &str| {
        DECLARED.check(&asked("GET", "/v1/topics/a/records"), 200, &headers, Some(body.as_bytes()))
    };
    assert_eq!(check(r#"{"records":[{"value":1e309}],"next":"1.","up_to_date":true}"#), Ok(()));
    assert!(check(r#"{"records":[{"value":1e309}"#).is_err(), "this is none");
}

async fn an_event_as_declared_is_taken_and_each_break_of_it_is_told(_: Context) {
    let stream = asked("GET", "/v1/topics/a/stream");
    let event = |name: &str, data: Value| DECLARED.check_event(&stream, name, &data.to_string());
    let gap = json!({"topic": "a", "partition": 0, "from": 1, "to": null, "reason": "deleted"});
    assert_eq!(event("gap", gap.clone()), Ok(()));
    assert!(event("gap", json!({"topic": "a"})).is_err(), "members are missing");
    assert!(event("gone", gap).is_err(), "no such event");
    let fault = |code: &str| {
        let problem = json!({
            "type": "urn:x", "title": "t", "status": 404, "code": code, "detail": "d", "retryable": false,
            "request_id": "1"
        });
        event("fault", json!({"problem": problem, "final": true}))
    };
    assert_eq!(fault("topic_not_found"), Ok(()));
    assert!(fault("invalid_body").is_err(), "a stream does not tell this");
    assert!(DECLARED.check_line(&stream, &json!({"@": "ping"})).is_ok());
    assert!(DECLARED.check_line(&stream, &json!({"@": "pong"})).is_err(), "no such line");
    assert!(DECLARED.check_line(&stream, &json!({"topic": "a"})).is_err(), "a record has more");
}
