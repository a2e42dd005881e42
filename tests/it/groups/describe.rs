//! `GET /v1/groups/{group}`.

use super::{described, path};
use crate::harness::{Context, Draft, Test, until};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        a_group_is_told_with_its_members_and_how_far_it_is_behind,
        members_of_one_group_are_told_each_with_its_partitions,
        a_group_of_the_new_protocol_is_told_as_such needs [Kip848],
        a_group_whose_members_have_left_is_empty_and_keeps_its_offsets,
        lag_ends_where_a_reader_of_committed_records_does needs [Transactions],
        a_group_is_told_without_what_a_deleted_topic_had,
        a_group_that_is_not_there_is_not_found,
    ]
}

async fn a_group_is_told_with_its_members_and_how_far_it_is_behind(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("read", 2).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..5).await;
    kafka.writer().write_numbers(&topic, 1, 0..3).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let properties = [("client.id", "till-4"), ("group.instance.id", "till")];
    let member = kafka.join(&group, &topic, &properties);
    let told = described(&gateway, &group, "stable", 1).await;
    let id = told["members"][0]["id"].as_str().expect("an id");
    assert!(!id.is_empty());
    let expected = json!({
        "name": group, "state": "stable", "protocol": "classic", "assignor": "range",
        "members": [{
            "id": id, "instance_id": "till", "client_id": "till-4", "host": "127.0.0.1",
            "partitions": {&topic: [0, 1]}
        }],
        "partitions": [
            {"topic": topic, "partition": 0, "committed": 2, "end": 5, "lag": 3, "member": id},
            {"topic": topic, "partition": 1, "committed": null, "end": 3, "lag": null, "member": id}
        ],
        "lag": 3
    });
    assert_eq!(told, expected);
    member.leave().await;
}

async fn members_of_one_group_are_told_each_with_its_partitions(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("shared", 2).await, context.name("group"));
    let members = ["one", "two"].map(|id| kafka.join(&group, &topic, &[("client.id", id)]));
    let told = described(&gateway, &group, "stable", 2).await;
    let mut clients = Vec::new();
    let mut partitions = Vec::new();
    for member in told["members"].as_array().expect("members") {
        clients.push(member["client_id"].as_str().expect("a client id"));
        let own = member["partitions"][&topic].as_array().expect("partitions");
        assert_eq!(own.len(), 1, "{told}");
        let standing = &told["partitions"][own[0].as_u64().expect("a number") as usize];
        assert_eq!(standing["member"], member["id"], "{told}");
        partitions.push(own[0].clone());
    }
    clients.sort_unstable();
    partitions.sort_by_key(Value::as_i64);
    assert_eq!((clients, partitions), (vec!["one", "two"], vec![json!(0), json!(1)]));
    for member in members {
        member.leave().await;
    }
}

async fn a_group_of_the_new_protocol_is_told_as_such(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("read", 2).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..5).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let member = kafka.join_new(&group, &topic, &[("client.id", "till-4")]);
    let told = until("the member has its partitions", || async {
        let told = described(&gateway, &group, "stable", 1).await;
        (told["members"][0]["partitions"] == json!({&topic: [0, 1]})).then_some(told)
    })
    .await;
    assert_eq!((&told["protocol"], &told["assignor"]), (&json!("consumer"), &json!("uniform")), "{told}");
    assert_eq!(told["members"][0]["client_id"], "till-4");
    assert_eq!((&told["partitions"][0]["lag"], &told["lag"]), (&json!(3), &json!(3)));
    assert_eq!(told["partitions"][1]["member"], told["members"][0]["id"]);
    member.leave().await;
    let told = described(&gateway, &group, "empty", 0).await;
    assert_eq!((&told["protocol"], &told["lag"]), (&json!("consumer"), &json!(3)), "{told}");
}

async fn a_group_whose_members_have_left_is_empty_and_keeps_its_offsets(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("left", 2).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..5).await;
    kafka.commit(&group, &topic, &[(0, 5), (1, 0)]).await;
    let member = kafka.join(&group, &topic, &[]);
    described(&gateway, &group, "stable", 1).await;
    member.leave().await;
    let told = described(&gateway, &group, "empty", 0).await;
    let expected = json!({
        "name": group, "state": "empty", "protocol": "classic", "assignor": null, "members": [],
        "partitions": [
            {"topic": topic, "partition": 0, "committed": 5, "end": 5, "lag": 0, "member": null},
            {"topic": topic, "partition": 1, "committed": 0, "end": 0, "lag": 0, "member": null}
        ],
        "lag": 0
    });
    assert_eq!(told, expected);
}

async fn lag_ends_where_a_reader_of_committed_records_does(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("open", 1).await, context.name("group"));
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("held back")).await;
    kafka.writer().write_numbers(&topic, 0, 0..2).await;
    kafka.commit(&group, &topic, &[(0, 1)]).await;
    let told = gateway.get(&path(&group)).await.json(200);
    assert_eq!((&told["partitions"][0]["end"], &told["lag"]), (&json!(3), &json!(2)), "{told}");
    // Who reads uncommitted records is ahead of it.
    kafka.commit(&group, &topic, &[(0, 5)]).await;
    let told = gateway.get(&path(&group)).await.json(200);
    assert_eq!((&told["partitions"][0]["lag"], &told["lag"]), (&json!(0), &json!(0)), "{told}");
    writer.commit().await;
    // Records, and the transaction's marker, which Kafka writes in its own time.
    until("nothing is held back", || async {
        let told = gateway.get(&path(&group)).await.json(200);
        (told["partitions"][0]["end"] == 7 && told["lag"] == 2).then_some(())
    })
    .await;
}

async fn a_group_is_told_without_what_a_deleted_topic_had(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (gone, kept) = (context.topic("gone", 1).await, context.topic("kept", 1).await);
    let group = context.name("group");
    for topic in [&gone, &kept] {
        kafka.writer().write_numbers(topic, 0, 0..3).await;
        kafka.commit(&group, topic, &[(0, 1)]).await;
    }
    kafka.delete_topic(&gone).await;
    let told = gateway.get(&path(&group)).await.json(200);
    assert_eq!(told["lag"], 2, "{told}");
    // Kafka forgets what was committed there in its own time.
    for standing in told["partitions"].as_array().expect("partitions") {
        if standing["topic"] == gone.as_str() {
            assert!(standing["end"].is_null() && standing["lag"].is_null(), "{told}");
        }
    }
}

async fn a_group_that_is_not_there_is_not_found(context: Context) {
    let (gateway, group) = (context.gateway().await, context.name("none"));
    let detail = gateway.get(&path(&group)).await.refusal(404, "group_not_found");
    assert!(detail.contains(&group), "{detail}");
}
