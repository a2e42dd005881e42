//! `PUT /v1/groups/{group}/offsets`: where a group comes to stand.

use super::{described, offsets};
use crate::harness::{Context, Draft, Test, until};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        a_group_is_moved_to_where_each_form_says,
        a_dry_run_tells_the_same_and_moves_nothing,
        the_next_member_reads_on_from_where_the_group_was_moved,
        a_group_of_the_new_protocol_is_moved needs [Kip848],
        the_latest_is_where_a_reader_of_committed_records_ends needs [Transactions],
        several_topics_are_moved_at_once,
    ]
}

/// What a move tells: before and after of each partition.
fn moved(told: &Value) -> Vec<(Option<i64>, i64)> {
    let partitions = told["partitions"].as_array().expect("partitions");
    let places =
        |partition: &Value| (partition["before"].as_i64(), partition["after"].as_i64().expect("it is told"));
    partitions.iter().map(places).collect()
}

async fn a_group_is_moved_to_where_each_form_says(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("moved", 2).await, context.name("group"));
    for (partition, second) in [(0, 1), (0, 2), (0, 3), (1, 1)] {
        let query = format!("partition={partition}&timestamp=2001-09-09T01:46:0{second}Z");
        gateway.produce(&topic, &query, "v").await.receipt();
    }
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let table = [
        (json!("earliest"), vec![(Some(2), 0), (None, 0)]),
        (json!("latest"), vec![(Some(0), 3), (Some(0), 1)]),
        // The other partition has no record stamped then or later.
        (json!("2001-09-09T01:46:02Z"), vec![(Some(3), 1), (Some(1), 1)]),
        (json!("999999961000"), vec![(Some(1), 0), (Some(1), 0)]),
        (json!(999_999_963_000_i64), vec![(Some(0), 2), (Some(0), 1)]),
        (json!("2100-01-01T00:00:00+01:00"), vec![(Some(2), 3), (Some(1), 1)]),
        (json!({"1": 0}), vec![(Some(1), 0)]),
        (json!({"0": 3, "1": 1}), vec![(Some(3), 3), (Some(0), 1)]),
    ];
    for (target, expected) in table {
        let body = json!({"topics": {&topic: target}}).to_string();
        let told = gateway.put(&offsets(&group), body.clone()).await.json(200);
        assert_eq!((&told["name"], moved(&told)), (&json!(group), expected), "{body}: {told}");
        for partition in told["partitions"].as_array().expect("partitions") {
            let number = partition["partition"].as_i64().expect("a number") as i32;
            let committed = kafka.committed(&group, &topic, &[number]).await;
            assert_eq!(committed, [partition["after"].as_i64()], "{body}");
        }
    }
}

async fn a_dry_run_tells_the_same_and_moves_nothing(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("dry", 2).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..5).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let body = json!({"topics": {&topic: "latest"}}).to_string();
    let dry = gateway.put(&format!("{}?dry_run=true", offsets(&group)), body.clone()).await.json(200);
    assert_eq!(moved(&dry), [(Some(2), 5), (None, 0)], "{dry}");
    assert_eq!(kafka.committed(&group, &topic, &[0, 1]).await, [Some(2), None]);
    let done = gateway.put(&format!("{}?dry_run=false", offsets(&group)), body).await.json(200);
    assert_eq!(done, dry);
    assert_eq!(kafka.committed(&group, &topic, &[0, 1]).await, [Some(5), Some(0)]);
}

async fn the_next_member_reads_on_from_where_the_group_was_moved(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("read", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..6).await;
    kafka.commit(&group, &topic, &[(0, 6)]).await;
    gateway.put(&offsets(&group), json!({"topics": {&topic: {"0": 4}}}).to_string()).await.json(200);
    let member = kafka.join(&group, &topic, &[]);
    let read =
        until("it reads what is left", || async { Some(member.read()).filter(|read| read.len() >= 2) }).await;
    assert_eq!(read, [(0, 4), (0, 5)]);
    member.leave().await;
}

async fn a_group_of_the_new_protocol_is_moved(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("new", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..6).await;
    let member = kafka.join_new(&group, &topic, &[]);
    described(&gateway, &group, "stable", 1).await;
    let body = json!({"topics": {&topic: {"0": 5}}}).to_string();
    gateway.put(&offsets(&group), body.clone()).await.refusal(409, "group_active");
    member.leave().await;
    described(&gateway, &group, "empty", 0).await;
    assert_eq!(moved(&gateway.put(&offsets(&group), body).await.json(200)), [(None, 5)]);
    let member = kafka.join_new(&group, &topic, &[]);
    let read =
        until("it reads what is left", || async { Some(member.read()).filter(|read| !read.is_empty()) })
            .await;
    assert_eq!(read, [(0, 5)]);
    member.leave().await;
}

async fn the_latest_is_where_a_reader_of_committed_records_ends(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("open", 1).await, context.name("group"));
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("held back")).await;
    kafka.commit(&group, &topic, &[(0, 0)]).await;
    let told = gateway.put(&offsets(&group), json!({"topics": {&topic: "latest"}}).to_string()).await;
    assert_eq!(moved(&told.json(200)), [(Some(0), 3)], "what is held back is still to be read");
    // Behind it stands who reads uncommitted records.
    let told = gateway.put(&offsets(&group), json!({"topics": {&topic: {"0": 4}}}).to_string()).await;
    assert_eq!(moved(&told.json(200)), [(Some(3), 4)]);
    writer.abort().await;
}

async fn several_topics_are_moved_at_once(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (a, b, group) = (context.topic("a", 1).await, context.topic("b", 3).await, context.name("group"));
    kafka.writer().write_numbers(&a, 0, 0..2).await;
    kafka.writer().write_numbers(&b, 2, 0..2).await;
    kafka.commit(&group, &a, &[(0, 1)]).await;
    let body = json!({"topics": {&a: "earliest", &b: "latest"}}).to_string();
    let told = gateway.put(&offsets(&group), body).await.json(200);
    let expected = json!([
        {"topic": a, "partition": 0, "before": 1, "after": 0},
        {"topic": b, "partition": 0, "before": null, "after": 0},
        {"topic": b, "partition": 1, "before": null, "after": 0},
        {"topic": b, "partition": 2, "before": null, "after": 2}
    ]);
    assert_eq!(told["partitions"], expected);
    assert_eq!(kafka.committed(&group, &b, &[0, 1, 2]).await, [Some(0), Some(0), Some(2)]);
}
