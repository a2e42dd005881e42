//! `dev --demo`: four topics that something goes on in.

use super::ports::{DEV, gateway};
use crate::harness::{Child, Context, Test, until};
use crate::tests;
use serde_json::Value;
use std::collections::HashSet;

pub fn tests() -> Vec<Test> {
    tests![
        the_demos_topics_have_a_past_and_go_on,
        the_demo_goes_with_the_gateway_and_not_with_the_broker_alone,
    ]
}

const TOPICS: [&str; 4] = ["orders", "posts", "prices", "sensors"];

async fn the_demos_topics_have_a_past_and_go_on(_: Context) {
    let mut child = Child::start(&[&DEV[..], &["--demo"]].concat(), &[]);
    let gateway = gateway(&mut child).await;
    child.line("prices/stream'").await;
    for topic in TOPICS {
        until("the topic is made", || async {
            (gateway.get(&format!("/v1/topics/{topic}")).await.status == 200).then_some(())
        })
        .await;
    }
    let mut stream = gateway.stream(&TOPICS.join(","), "from=earliest").await;
    let (mut missing, mut now) = (HashSet::from(TOPICS), None);
    // Minutes of the past are there at once, and then the present comes.
    while now.is_none() || !missing.is_empty() {
        let record = stream.records(1).await.remove(0).json();
        missing.remove(record["topic"].as_str().expect("a name"));
        let age = jiff::Timestamp::now().as_millisecond() - record["timestamp"].as_i64().expect("a time");
        assert!((-2_000..400_000).contains(&age), "{record}");
        now = now.or_else(|| (age < 2_000).then_some(age));
        let names: Vec<_> = record["headers"].as_array().expect("headers").iter().map(|h| &h[0]).collect();
        assert_eq!(names[0], "traceparent", "{record}");
        assert!(record["key"].is_string(), "{record}");
        if record["value"] != Value::Null {
            assert_eq!((names[1], record.get("value_encoding")), (&"content-type".into(), None), "{record}");
        }
    }
    stream.records(20).await;
    let described = gateway.get("/v1/topics/orders").await.json(200);
    assert_eq!(described["partitions"].as_array().map(Vec::len), Some(3), "{described}");
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    let log = child.stderr();
    assert!(!log.iter().any(|line| line.contains("WARN") && line.contains("demo")), "{log:#?}");
}

async fn the_demo_goes_with_the_gateway_and_not_with_the_broker_alone(_: Context) {
    let mut child = Child::start(&["dev", "--broker-only", "--demo"], &[]);
    assert_eq!(child.ended().await.code(), Some(2));
    let said = child.stderr().join("\n");
    assert!(said.contains("--demo") && said.contains("--broker-only"), "{said}");
}
