//! `/metrics`: OpenMetrics text that a strict reader takes, with counts that are right.

use crate::harness::{Context, Test, until};
use crate::tests;
use std::collections::{BTreeMap, BTreeSet};

pub fn tests() -> Vec<Test> {
    tests![metrics_are_openmetrics_text, what_happens_is_counted, paths_and_odd_methods_become_no_labels]
}

/// Samples by name and labels. The text must keep OpenMetrics 1.0: every sample belongs to the family announced
/// last, counters end in `_total`, and `# EOF` ends it.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut families = BTreeSet::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, of) = about.split_once(' ').expect("a name and a type");
            (family, kind) = (name.to_owned(), of.to_owned());
            assert!(families.insert(family.clone()), "{family} is announced twice");
            continue;
        }
        if let Some(about) = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# UNIT ")) {
            assert!(about.split_once(' ').is_some_and(|(_, text)| !text.is_empty()), "{line}");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let name = sample.split('{').next().unwrap_or_default();
        let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{name} is not of {family}"));
        let legal: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("unexpected type {other}"),
        };
        assert!(legal.contains(&suffix), "{line} in a {kind}");
        assert!(sample == name || (sample.ends_with('}') && sample.contains("=\"")), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} twice");
    }
    samples
}

async fn metrics_are_openmetrics_text(context: Context) {
    let gateway = context.gateway().await;
    let reply = gateway.get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let samples = parse(gateway.get("/metrics").await.text());
    assert!(samples.keys().all(|name| name.starts_with("sluicegate_")), "{samples:#?}");
}

async fn what_happens_is_counted(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let topic = context.topic("counted", 1).await;
    for body in ["12345", "123456"] {
        gateway.produce(&topic, "key=abc", body).await.receipt();
    }
    gateway.produce(&topic, "acks=leader", "1").await.receipt();
    gateway.produce(&topic, "partition=9", "1").await.refusal(400, "partition_out_of_range");
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.records(3).await;
    let samples = parse(gateway.get("/metrics").await.text());
    let of = |name: &str| samples.get(name).copied().unwrap_or_else(|| panic!("no {name} in {samples:#?}"));
    let route = r#"route="/v1/topics/{topics}/records""#;
    assert_eq!(of(&format!(r#"sluicegate_http_requests_total{{method="POST",{route},status="200"}}"#)), 3.0);
    assert_eq!(of(&format!(r#"sluicegate_http_requests_total{{method="POST",{route},status="400"}}"#)), 1.0);
    assert_eq!(of(&format!("sluicegate_http_request_duration_seconds_count{{{route}}}")), 4.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="all",outcome="accepted"}"#), 2.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="leader",outcome="accepted"}"#), 1.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="all",outcome="failed"}"#), 1.0);
    assert_eq!(of("sluicegate_produced_bytes_total"), 18.0, "values and keys");
    assert_eq!(of("sluicegate_streams"), 1.0);
    assert_eq!(of("sluicegate_stream_readers"), 1.0);
    assert_eq!(of("sluicegate_streamed_records_total"), 3.0);
    drop(stream);
    until("the stream's end is counted", || async {
        let samples = parse(gateway.get("/metrics").await.text());
        (samples["sluicegate_streams"] == 0.0 && samples["sluicegate_stream_readers"] == 0.0).then_some(())
    })
    .await;
}

async fn paths_and_odd_methods_become_no_labels(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    for n in 0..20 {
        gateway.get(&format!("/secret-{n}")).await.refusal(404, "not_found");
        let method = format!("ODD{n}");
        crate::harness::send(gateway.request(&method, "/livez")).await.refusal(405, "method_not_allowed");
    }
    let reply = gateway.get("/metrics").await;
    assert!(!reply.text().contains("secret") && !reply.text().contains("ODD"), "{}", reply.text());
    let samples = parse(reply.text());
    assert_eq!(samples[r#"sluicegate_http_requests_total{method="GET",route="none",status="404"}"#], 20.0);
    assert_eq!(
        samples[r#"sluicegate_http_requests_total{method="other",route="/livez",status="405"}"#],
        20.0
    );
}
