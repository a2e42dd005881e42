//! `PUT /v1/groups/{group}/offsets`: what is refused, after which the group stands where it stood.

use super::{described, offsets, path};
use crate::harness::{Context, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_group_with_members_is_not_moved,
        a_move_of_which_a_part_cannot_be_moves_nothing,
        an_offset_before_the_log_is_refused needs [DeleteRecords],
        a_body_that_cannot_be_read_is_refused_with_where_it_breaks,
        a_group_that_is_not_there_is_not_made_by_moving_it,
        a_page_of_another_site_changes_no_group,
    ]
}

async fn a_group_with_members_is_not_moved(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("read", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let member = kafka.join(&group, &topic, &[]);
    described(&gateway, &group, "stable", 1).await;
    let body = json!({"topics": {&topic: "earliest"}}).to_string();
    for query in ["", "?dry_run=true"] {
        let problem = gateway.put(&format!("{}{query}", offsets(&group)), body.clone()).await;
        problem.refusal(409, "group_active");
    }
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(2)]);
    member.leave().await;
    described(&gateway, &group, "empty", 0).await;
    gateway.put(&offsets(&group), body).await.json(200);
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(0)]);
}

async fn a_move_of_which_a_part_cannot_be_moves_nothing(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (good, bad, group) =
        (context.topic("a", 1).await, context.topic("b", 2).await, context.name("group"));
    for topic in [&good, &bad] {
        kafka.writer().write_numbers(topic, 0, 0..3).await;
        kafka.commit(&group, topic, &[(0, 2)]).await;
    }
    let missing = context.name("missing");
    let table = [
        (json!({&good: "earliest", &missing: "earliest"}), 404, "topic_not_found", missing.as_str()),
        (json!({&good: "earliest", &bad: {"0": 0, "2": 0}}), 400, "partition_out_of_range", "2 partitions"),
        (json!({&good: "earliest", &bad: {"0": 4}}), 422, "offset_out_of_range", "from 0 to 3"),
        (json!({&good: "earliest", &bad: {"0": 0, "1": 1}}), 422, "offset_out_of_range", "partition 1"),
        (json!({&good: "earliest", &bad: {"0": i64::MAX}}), 422, "offset_out_of_range", "from 0 to 3"),
    ];
    for (topics, status, code, said) in table {
        let body = json!({"topics": topics}).to_string();
        for query in ["", "?dry_run=true"] {
            let refused = gateway.put(&format!("{}{query}", offsets(&group)), body.clone()).await;
            let detail = refused.refusal(status, code);
            assert!(detail.contains(said), "{body}: {detail}");
        }
    }
    for topic in [&good, &bad] {
        assert_eq!(kafka.committed(&group, topic, &[0]).await, [Some(2)]);
    }
    assert_eq!(kafka.partitions(&missing).await, 0);
}

async fn an_offset_before_the_log_is_refused(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("cut", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..6).await;
    kafka.commit(&group, &topic, &[(0, 5)]).await;
    kafka.delete_records(&topic, 0, 3).await;
    let to = |offset: i64| json!({"topics": {&topic: {"0": offset}}}).to_string();
    let detail = gateway.put(&offsets(&group), to(2)).await.refusal(422, "offset_out_of_range");
    assert!(detail.contains("from 3 to 6"), "{detail}");
    for offset in [3, 6] {
        gateway.put(&offsets(&group), to(offset)).await.json(200);
        assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(offset)]);
    }
    let earliest = json!({"topics": {&topic: "earliest"}}).to_string();
    assert_eq!(gateway.put(&offsets(&group), earliest).await.json(200)["partitions"][0]["after"], 3);
}

async fn a_body_that_cannot_be_read_is_refused_with_where_it_breaks(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("unread", 1).await, context.name("group"));
    kafka.commit(&group, &topic, &[(0, 0)]).await;
    let table = [
        ("", "line 1 column"),
        ("{", "line 1 column"),
        ("[]", "line 1 column"),
        (r#"{"topics":{}}"#, "no topic"),
        (r#"{"topic":{}}"#, "`topic`"),
        (r#"{"topics":{"a":"-1"}}"#, "a time"),
        (r#"{"topics":{"a":"soon"}}"#, "a time"),
        (r#"{"topics":{"a":"earliest","a":"latest"}}"#, "twice"),
        (r#"{"topics":{"a":{"0":-1}}}"#, "line 1 column"),
        (r#"{"topics":{"a":{}}}"#, "no partition"),
    ];
    for (body, said) in table {
        let detail = gateway.put(&offsets(&group), body).await.refusal(400, "invalid_body");
        assert!(detail.contains(said), "{body}: {detail}");
    }
    gateway.put(&offsets(&group), " ".repeat(1_100_000)).await.refusal(400, "invalid_body");
    let good = json!({"topics": {&topic: "earliest"}}).to_string();
    let refused = gateway.put(&format!("{}?dry_run=maybe", offsets(&group)), good).await;
    refused.refusal(400, "invalid_parameter");
}

async fn a_group_that_is_not_there_is_not_made_by_moving_it(context: Context) {
    let (gateway, group) = (context.gateway().await, context.name("none"));
    let topic = context.topic("there", 1).await;
    let body = json!({"topics": {&topic: "earliest"}}).to_string();
    for query in ["", "?dry_run=true"] {
        let refused = gateway.put(&format!("{}{query}", offsets(&group)), body.clone()).await;
        refused.refusal(404, "group_not_found");
    }
    gateway.get(&path(&group)).await.refusal(404, "group_not_found");
    assert_eq!(context.kafka().committed(&group, &topic, &[0]).await, [None]);
}

async fn a_page_of_another_site_changes_no_group(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("stranger", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let body = json!({"topics": {&topic: "earliest"}}).to_string();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let put = gateway.request("PUT", &offsets(&group)).body(body.clone()).header(name, value);
        send(put).await.refusal(403, "cross_site");
        let delete = gateway.request("DELETE", &path(&group)).header(name, value);
        send(delete).await.refusal(403, "cross_site");
    }
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(2)]);
}
