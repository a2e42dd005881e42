//! How a value stands in an envelope: `value=auto|json|text|base64`.

use crate::harness::{Context, Test};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![a_value_stands_in_the_form_that_was_asked_for, a_value_that_is_no_json_is_told_in_its_place]
}

/// How an envelope has a value: its JSON, and the encoding if it is told.
type Told = (&'static str, &'static str);

/// Values, and how an envelope has them as `auto`, `text` and `base64`.
const VALUES: &[(&[u8], [Told; 3])] = &[
    (b"{\"a\": 1}", [("{\"a\":1}", ""), ("\"{\\\"a\\\": 1}\"", "text"), ("\"eyJhIjogMX0=\"", "base64")]),
    (b"7", [("7", ""), ("\"7\"", "text"), ("\"Nw==\"", "base64")]),
    (b"null", [("null", "json"), ("\"null\"", "text"), ("\"bnVsbA==\"", "base64")]),
    (b"\"s\"", [("\"s\"", "json"), ("\"\\\"s\\\"\"", "text"), ("\"InMi\"", "base64")]),
    (b"plain", [("\"plain\"", "text"), ("\"plain\"", "text"), ("\"cGxhaW4=\"", "base64")]),
    (b"", [("\"\"", "text"), ("\"\"", "text"), ("\"\"", "base64")]),
    (b"\xff", [("\"/w==\"", "base64"), ("\"/w==\"", "base64"), ("\"/w==\"", "base64")]),
];

async fn a_value_stands_in_the_form_that_was_asked_for(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("forms", 1).await);
    for (value, _) in VALUES {
        gateway.produce(&topic, "", *value).await.receipt();
    }
    gateway.produce(&topic, "tombstone=true", "").await.receipt();
    for (n, form) in ["auto", "text", "base64"].iter().enumerate() {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&value={form}")).await;
        stream.expect("ready").await;
        for (value, told) in VALUES {
            let record = stream.expect("message").await.json();
            let (expected, encoding) = told[n];
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(record["value"], expected, "{form} of {value:?}");
            assert_eq!(record["value_encoding"].as_str().unwrap_or(""), encoding, "{form} of {value:?}");
        }
        let record = stream.expect("message").await.json();
        assert_eq!((&record["value"], &record["tombstone"]), (&Value::Null, &json!(true)), "{form}");
    }
}

async fn a_value_that_is_no_json_is_told_in_its_place(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("json", 1).await);
    for value in ["{}", "not json", "[]"] {
        gateway.produce(&topic, "", value).await.receipt();
    }
    let mut stream = gateway.stream(&topic, "from=earliest&value=json").await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.json()["value"], json!({}));
    let fault = stream.expect("fault").await;
    let told = fault.json();
    assert_eq!(told["final"], false);
    assert_eq!(
        (&told["problem"]["status"], &told["problem"]["code"]),
        (&json!(422), &json!("value_not_json"))
    );
    assert_eq!(stream.expect("message").await.json()["value"], json!([]));
    // The fault stands for its record: who comes back with its id goes on behind it.
    let mut stream = gateway.stream(&topic, &format!("value=json&last_event_id={}", fault.id)).await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.json()["offset"], 2);
    let page = gateway.get(&format!("/v1/topics/{topic}/records?from=earliest&value=json")).await.json(200);
    assert_eq!(page["records"].as_array().map(Vec::len), Some(2));
    let problem = &page["faults"][0];
    assert_eq!(json!([problem["status"], problem["code"]]), json!([422, "value_not_json"]));
}
