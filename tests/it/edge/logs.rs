//! One log line for every request, with all that is needed to find it again.

use crate::harness::{Context, Test, send, until};
use crate::tests;
use serde_json::Value;

pub fn tests() -> Vec<Test> {
    tests![every_request_is_one_line, a_stream_is_one_line_when_it_has_ended]
}

/// The lines about requests of a process that logs JSON; `level` is that of everything.
const JSON: [(&str, &str); 1] = [("SLUICEGATE_TELEMETRY__LOG_FORMAT", "json")];

fn about(lines: &[String], id: &str) -> Vec<Value> {
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "sluicegate::request" && line["request_id"] == id).collect()
}

async fn every_request_is_one_line(context: Context) {
    let topic = context.topic("logged", 1).await;
    let mut child = context.serve(&JSON);
    let gateway = child.gateway().await;
    let produced =
        send(gateway.producing(&topic, "key=secret-key").header("x-request-id", "id-1").body("hidden")).await;
    produced.receipt();
    send(gateway.request("GET", "/nowhere?token=hidden").header("x-request-id", "id-2")).await;
    send(gateway.producing(&topic, "partition=7").header("x-request-id", "id-3").body("v")).await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0));
    let lines = child.stderr();
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "not JSON: {lines:#?}");

    let first = about(&lines, "id-1");
    assert_eq!(first.len(), 1, "{lines:#?}");
    let line = &first[0];
    let path = format!("/v1/topics/{topic}/records");
    assert_eq!(line["level"], "INFO");
    assert_eq!((&line["method"], &line["path"]), (&"POST".into(), &path.into()));
    assert_eq!((&line["route"], &line["status"]), (&"/v1/topics/{topics}/records".into(), &200.into()));
    assert_eq!((&line["principal"], &line["cut_short"]), (&"anonymous".into(), &false.into()));
    assert_eq!(line["bytes"], produced.body.len());
    assert!(line["head_us"].is_u64() && line["total_us"].as_u64() >= line["head_us"].as_u64(), "{line}");
    assert!(line["timestamp"].is_string() && line.get("code").is_none_or(Value::is_null), "{line}");

    let (second, third) = (about(&lines, "id-2"), about(&lines, "id-3"));
    assert_eq!((second.len(), third.len()), (1, 1), "{lines:#?}");
    assert_eq!((&second[0]["code"], &second[0]["route"]), (&"not_found".into(), &"none".into()));
    assert_eq!((&third[0]["code"], &third[0]["status"]), (&"partition_out_of_range".into(), &400.into()));
    assert!(third[0]["detail"].as_str().is_some_and(|detail| detail.contains("partitions")), "{third:?}");
    assert!(!lines.iter().any(|line| line.contains("hidden") || line.contains("secret-key")), "{lines:#?}");
}

async fn a_stream_is_one_line_when_it_has_ended(context: Context) {
    let topic = context.topic("stream", 1).await;
    let mut child = context.serve(&JSON);
    let gateway = child.gateway().await;
    gateway.produce(&topic, "", "v").await.receipt();
    let request = gateway.streaming(&topic, "from=earliest").header("x-request-id", "id-s");
    let mut stream = crate::harness::Sse::open(request).await;
    stream.records(1).await;
    assert!(about(&child.stderr(), "id-s").is_empty(), "told before it ended");
    drop(stream);
    let line = until("its line", || async { about(&child.stderr(), "id-s").pop() }).await;
    assert_eq!((&line["status"], &line["cut_short"]), (&200.into(), &true.into()), "{line}");
    assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{line}");
}
