//! `PUT /v1/topics/{topics}`: making a topic.

use crate::harness::{Context, Test};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_topic_is_made_as_it_is_described,
        an_empty_body_makes_a_topic_by_the_clusters_defaults,
        a_topic_just_made_can_be_used_at_once,
        a_dry_run_makes_nothing,
        what_kafka_cannot_make_is_refused,
        a_body_that_cannot_be_read_is_refused_with_where_it_breaks,
        many_who_make_one_topic_at_once_make_one,
    ]
}

async fn a_topic_is_made_as_it_is_described(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("made"));
    let path = format!("/v1/topics/{topic}");
    // Configs may be written as the JSON they look like.
    let body = r#"{"partitions":3,"replication_factor":1,
        "configs":{"retention.ms":60000,"cleanup.policy":"compact","min.cleanable.dirty.ratio":0.25,"unclean.leader.election.enable":false}}"#;
    let made = gateway.put(&path, body).await.json(201);
    assert_eq!(made, json!({"name": topic, "result": "created"}));
    assert_eq!(context.kafka().partitions(&topic).await, 3);
    let described = gateway.get(&path).await.json(200);
    let configs = &described["configs"];
    assert_eq!((&configs["retention.ms"], &configs["cleanup.policy"]), (&json!("60000"), &json!("compact")));
    assert_eq!(configs["min.cleanable.dirty.ratio"], "0.25");
    assert_eq!(gateway.put(&path, body).await.json(200)["result"], "exists");
}

async fn an_empty_body_makes_a_topic_by_the_clusters_defaults(context: Context) {
    let gateway = context.gateway().await;
    for (name, body) in [("nothing", ""), ("empty", "{}"), ("blank", " {} \n")] {
        let topic = context.name(name);
        let path = format!("/v1/topics/{topic}");
        gateway.put(&path, body).await.json(201);
        assert!(context.kafka().partitions(&topic).await > 0);
        assert_eq!(
            gateway.put(&path, body).await.json(200)["result"],
            "exists",
            "what was not said is not compared"
        );
    }
}

async fn a_topic_just_made_can_be_used_at_once(context: Context) {
    let gateway = context.gateway().await;
    for n in 0..10 {
        let topic = context.name(&format!("used-{n}"));
        // Asked for before it was there, so that its absence is remembered.
        gateway.produce(&topic, "", "v").await.refusal(404, "topic_not_found");
        gateway.put(&format!("/v1/topics/{topic}"), "{}").await.json(201);
        gateway.produce(&topic, "", "v").await.receipt();
    }
}

async fn a_dry_run_makes_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("dry"));
    let path = format!("/v1/topics/{topic}?dry_run=true");
    for _ in 0..2 {
        let said = gateway.put(&path, r#"{"partitions":2}"#).await.json(200);
        assert_eq!(said, json!({"name": topic, "result": "would_create"}));
    }
    assert_eq!(context.kafka().partitions(&topic).await, 0);
    gateway.put(&path, r#"{"configs":{"no.such.config":"1"}}"#).await.refusal(400, "refused_by_kafka");
    gateway.put(&format!("/v1/topics/{topic}?dry_run=maybe"), "").await.refusal(400, "invalid_parameter");
    gateway.put(&format!("/v1/topics/{topic}?dry_run=false"), r#"{"partitions":2}"#).await.json(201);
    assert_eq!(gateway.put(&path, r#"{"partitions":2}"#).await.json(200)["result"], "exists");
    gateway.put(&path, r#"{"partitions":3}"#).await.refusal(409, "topic_differs");
    assert_eq!(context.kafka().partitions(&topic).await, 2);
}

async fn what_kafka_cannot_make_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("refused"));
    let path = format!("/v1/topics/{topic}");
    for body in [
        r#"{"configs":{"no.such.config":"1"}}"#,
        r#"{"configs":{"retention.ms":"soon"}}"#,
        r#"{"configs":{"cleanup.policy":"shred"}}"#,
        r#"{"replication_factor":100}"#,
    ] {
        gateway.put(&path, body).await.refusal(400, "refused_by_kafka");
    }
    assert_eq!(context.kafka().partitions(&topic).await, 0);
    gateway.put("/v1/topics/a%20b", "").await.refusal(400, "invalid_topic");
    gateway.put("/v1/topics/a,b", "").await.refusal(400, "one_topic_only");
}

async fn a_body_that_cannot_be_read_is_refused_with_where_it_breaks(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("unread"));
    let path = format!("/v1/topics/{topic}");
    let table = [
        ("{", "line 1 column"),
        ("not json", "line 1 column"),
        ("[]", "line 1 column"),
        ("null", "line 1 column"),
        (r#"{"partitions":"3"}"#, "line 1 column"),
        (r#"{"partitions":1.5}"#, "line 1 column"),
        (r#"{"partitions":4294967297}"#, "line 1 column"),
        (r#"{"partitions":0}"#, "partitions is at least 1"),
        (r#"{"replication_factor":-1}"#, "replication_factor is at least 1"),
        (r#"{"partition":3}"#, "`partition`"),
        (r#"{"configs":{"retention.ms":null}}"#, "line 1 column"),
        (r#"{"configs":{"retention.ms":{}}}"#, "line 1 column"),
    ];
    for (body, said) in table {
        let detail = gateway.put(&path, body).await.refusal(400, "invalid_body");
        assert!(detail.contains(said), "{body}: {detail}");
    }
    gateway.put(&path, " ".repeat(70_000)).await.refusal(400, "invalid_body");
    assert_eq!(context.kafka().partitions(&topic).await, 0);
}

async fn many_who_make_one_topic_at_once_make_one(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("race"));
    let path = format!("/v1/topics/{topic}");
    let replies =
        futures_util::future::join_all((0..8).map(|_| gateway.put(&path, r#"{"partitions":2}"#))).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let there = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((made, there), (1, 7), "{replies:?}");
}
