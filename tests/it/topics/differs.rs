//! `PUT /v1/topics/{topics}` of a topic that exists and is not as described.

use crate::harness::{Context, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![what_differs_is_named_and_nothing_is_changed, what_was_not_said_is_not_compared]
}

async fn what_differs_is_named_and_nothing_is_changed(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("differs", 3).await);
    let path = format!("/v1/topics/{topic}");
    let before = gateway.get(&format!("{path}?configs=all")).await.json(200);
    let table = [
        (r#"{"partitions":4}"#, "partitions 3 instead of 4"),
        (r#"{"partitions":2}"#, "partitions 3 instead of 2"),
        (r#"{"partitions":3,"replication_factor":2}"#, "replication_factor 1 instead of 2"),
        (r#"{"configs":{"retention.ms":"60000"}}"#, "retention.ms -1 instead of 60000"),
        (r#"{"configs":{"no.such.config":"1"}}"#, "no.such.config"),
    ];
    for (body, said) in table {
        let detail = gateway.put(&path, body).await.refusal(409, "topic_differs");
        assert!(detail.contains(said) && detail.contains(&topic), "{body}: {detail}");
    }
    let detail = gateway
        .put(&path, r#"{"partitions":1,"configs":{"retention.ms":5}}"#)
        .await
        .refusal(409, "topic_differs");
    assert!(detail.contains("partitions 3") && detail.contains("retention.ms -1"), "all of it: {detail}");
    assert_eq!(gateway.get(&format!("{path}?configs=all")).await.json(200), before);
}

async fn what_was_not_said_is_not_compared(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("same", 3).await);
    let path = format!("/v1/topics/{topic}");
    for body in [
        "",
        "{}",
        r#"{"partitions":3}"#,
        r#"{"replication_factor":1}"#,
        r#"{"configs":{}}"#,
        r#"{"configs":{"retention.ms":-1}}"#,
    ] {
        assert_eq!(gateway.put(&path, body).await.json(200)["result"], "exists", "{body}");
    }
}
