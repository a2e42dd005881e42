//! Streams of a group: the same delivery as by polls, pushed.

use super::{Worked, take};
use crate::harness::{Context, Test, until};
use crate::tests;
use kafka_protocol::messages::ApiKey;
use serde_json::{Value, json};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_stream_hands_out_what_polls_would_and_an_ack_commits_it,
        a_line_has_its_id_and_its_attempt,
        a_value_alone_comes_with_the_id_that_acknowledges_it,
        with_written_a_stream_commits_before_it_sends,
        with_none_a_stream_leaves_the_group_where_it_stands,
        what_a_filter_leaves_out_counts_as_acknowledged,
        streams_and_polls_of_one_group_ask_for_the_same_settings,
        a_hundred_streams_that_come_and_go_cause_no_rebalance_but_the_first,
        partitions_that_go_to_another_gateway_are_told,
        a_partition_that_stands_still_is_told_with_the_id_that_frees_it,
        a_shutdown_drains_a_stream_and_takes_its_last_acks,
        a_quiet_stream_is_kept_alive_and_ends_by_its_age,
    ]
}

/// What a record carries: its value, which is a number, and its attempt.
fn number(record: &Value) -> (i64, i64) {
    (record["value"].as_i64().expect("a number"), record["attempt"].as_i64().unwrap_or(1))
}

async fn a_stream_hands_out_what_polls_would_and_an_ack_commits_it(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..5).await;
    let mut stream = worked.stream("ack=explicit&heartbeat=20s").await;
    assert_eq!((stream.status, stream.header("content-type")), (200, "text/event-stream"));
    let ready = stream.expect("ready").await;
    assert!(ready.id.is_empty() && ready.retry.is_some(), "{ready:?}");
    let told = ready.json();
    assert_eq!(
        (&told["topics"], &told["group"], &told["mode"], &told["ack"], &told["heartbeat_ms"]),
        (&json!([worked.topic]), &json!(worked.group), &json!("explicit"), &json!("none"), &json!(20_000))
    );
    let assigned = stream.expect("assigned").await;
    assert_eq!((assigned.id.as_str(), assigned.json()), ("", json!({"partitions": {&worked.topic: [0]}})));
    let batch = take(&mut stream, 5).await;
    let (ids, numbers) = (batch.ids(), batch.numbers());
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(ids.iter().all(|id| id.starts_with("g1.")), "{ids:?}");
    worked.ack(&[ids[0].clone(), ids[2].clone()]).await;
    worked.until_committed(&[1]).await;
    let reply = worked.post("acks", &json!({"up_to": [ids[4]]})).await;
    assert_eq!(reply.status, 204);
    worked.until_committed(&[5]).await;
    worked.write(0, [5]).await;
    assert_eq!(take(&mut stream, 1).await.numbers(), [5]);
}

async fn a_line_has_its_id_and_its_attempt(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let mut lines = worked.lines("ack_timeout=300ms").await;
    assert_eq!(lines.expect("ready").await["mode"], "explicit");
    lines.expect("assigned").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let line = lines.next().await.expect("the stream goes on");
        assert!(line["id"].as_str().is_some_and(|id| id.starts_with("g1.")) && line.get("cursor").is_none());
        seen.push(number(&line));
        if seen.len() == 4 {
            let reply = worked.post("acks", &json!({"up_to": [line["id"]]})).await;
            assert_eq!(reply.status, 204);
        }
    }
    assert_eq!(seen, [(0, 1), (1, 1), (0, 2), (1, 2)]);
    worked.until_committed(&[2]).await;
}

async fn a_value_alone_comes_with_the_id_that_acknowledges_it(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [7]).await;
    worked.gateway.produce(&worked.topic, "partition=0&key=k&tombstone=true", "").await.receipt();
    let mut stream = worked.stream("ack=explicit&format=value").await;
    let record = stream.records(1).await.remove(0);
    assert_eq!(record.data, "7");
    let tombstone = stream.expect("tombstone").await;
    assert_eq!(tombstone.json(), json!({"key": "k"}));
    worked.ack(&[record.id, tombstone.id]).await;
    worked.until_committed(&[2]).await;
}

async fn with_written_a_stream_commits_before_it_sends(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..20).await;
    let mut stream = worked.stream("ack=written").await;
    for number in 0..20 {
        assert_eq!(take(&mut stream, 1).await.numbers(), [number]);
        assert!(worked.committed(1).await[0] > number, "before it was sent");
    }
    drop(stream);
    worked.write(0, [20]).await;
    let mut stream = worked.stream("ack=written").await;
    assert_eq!(take(&mut stream, 1).await.numbers(), [20], "nothing comes twice");
}

async fn with_none_a_stream_leaves_the_group_where_it_stands(context: Context) {
    let gateway = context.gateway_with(|config| config.groups.linger = Duration::from_millis(100)).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..3).await;
    for _ in 0..2 {
        let mut stream = worked.stream("ack=none").await;
        assert_eq!(take(&mut stream, 3).await.numbers(), [0, 1, 2]);
        drop(stream);
        until("the member has left", || async {
            (worked.gateway.metric("sluicegate_group_members").await == 0).then_some(())
        })
        .await;
    }
    assert_eq!(worked.committed(1).await, [-1]);
}

async fn what_a_filter_leaves_out_counts_as_acknowledged(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for (key, number) in [("a", 0), ("b", 1), ("a", 2), ("b", 3)] {
        worked.gateway.produce(&worked.topic, &format!("key={key}"), number.to_string()).await.receipt();
    }
    let mut stream = worked.stream("ack=explicit&key=b").await;
    let batch = take(&mut stream, 2).await;
    let (ids, numbers) = (batch.ids(), batch.numbers());
    assert_eq!(numbers, [1, 3]);
    worked.until_committed(&[1]).await;
    worked.ack(&ids[..1]).await;
    worked.until_committed(&[3]).await;
    worked.ack(&ids[1..]).await;
    worked.until_committed(&[4]).await;
}

async fn streams_and_polls_of_one_group_ask_for_the_same_settings(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let mut stream = worked.stream("ack=explicit&ack_timeout=7s").await;
    let ids = take(&mut stream, 2).await.ids();
    let refused = worked.post("poll", &worked.asking(&json!({}))).await;
    let problem = refused.problem(409, "group_settings_differ");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("ack_timeout")), "{problem}");
    crate::harness::send(worked.streaming("")).await.refusal(409, "group_settings_differ");
    worked.write(0, [2]).await;
    take(&mut stream, 1).await;
    let reply = worked.post("poll", &worked.asking(&json!({"ack_timeout_ms": 7000, "wait_ms": 0}))).await;
    assert_eq!(reply.status, 204, "it asks for the same, and the stream holds the partition");
    worked.ack(&ids).await;
    worked.until_committed(&[2]).await;
}

async fn a_hundred_streams_that_come_and_go_cause_no_rebalance_but_the_first(context: Context) {
    let own = context.own_broker().await;
    let gateway = context.gateway_before(&own, |_| {}).await;
    own.kafka().create_topic("t", 3, &[]).await;
    let worked = Worked::of(&context, gateway, "t", own.kafka());
    worked.write(0, [0]).await;
    let mut first = worked.stream("ack=explicit").await;
    worked.ack(&take(&mut first, 1).await.ids()).await;
    drop(first);
    let joins = own.broker().requests(ApiKey::JoinGroup);
    for number in 1..100 {
        let mut stream = worked.stream("ack=explicit").await;
        worked.write((number % 3) as i32, [number]).await;
        let batch = take(&mut stream, 1).await;
        let (ids, numbers) = (batch.ids(), batch.numbers());
        assert_eq!(numbers, [number]);
        worked.ack(&ids).await;
    }
    assert_eq!(own.broker().requests(ApiKey::JoinGroup), joins, "rebalances seen by the broker");
    assert_eq!(worked.gateway.metric("sluicegate_group_assignments_total").await, 1);
}

async fn partitions_that_go_to_another_gateway_are_told(context: Context) {
    let worked = Worked::new(&context, context.gateway_with(|_| {}).await, 4).await;
    let mut stream = worked.stream("ack=explicit").await;
    stream.expect("ready").await;
    let all = stream.expect("assigned").await.json();
    assert_eq!(all["partitions"][&worked.topic], json!([0, 1, 2, 3]));
    let second = worked.through(&context.gateway_with(|_| {}).await);
    let mut other = second.stream("ack=explicit").await;
    let revoked = stream.expect("revoked").await.json();
    assert!(!revoked["partitions"][&worked.topic].as_array().expect("numbers").is_empty(), "{revoked}");
    other.expect("ready").await;
    let assigned = other.expect("assigned").await.json();
    assert!(!assigned["partitions"][&worked.topic].as_array().expect("numbers").is_empty(), "{assigned}");
    for partition in 0..4 {
        worked.write(partition, [i64::from(partition)]).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let record = tokio::select! {
            event = stream.next() => event,
            event = other.next() => event,
        };
        let record = record.expect("the streams go on");
        if record.kind == "message" {
            seen.push(record.value().as_i64().expect("a number"));
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3], "each once, by one of the two");
}

async fn a_partition_that_stands_still_is_told_with_the_id_that_frees_it(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let mut stream = worked.stream("ack=explicit&ordering=none").await;
    let mut last = String::new();
    loop {
        let event = stream.next().await.expect("the stream goes on");
        match event.kind.as_str() {
            "message" if event.value() == 0 => {
                last.clone_from(&event.id);
                let given_back = json!({"nacks": [{"id": event.id}]});
                if event.json()["attempt"].as_i64().unwrap_or(1) < 10 {
                    assert_eq!(worked.post("acks", &given_back).await.status, 204);
                }
            }
            "message" => worked.ack(&[event.id]).await,
            "stalled" => {
                let told = event.json();
                assert_eq!((&told["topic"], &told["partition"]), (&json!(worked.topic), &json!(0)));
                assert_eq!(
                    (&told["offset"], &told["attempts"], &told["id"]),
                    (&json!(0), &json!(10), &json!(last))
                );
                worked.ack(&[last]).await;
                break;
            }
            "ready" | "assigned" => {}
            other => panic!("{other}: {event:?}"),
        }
    }
    worked.until_committed(&[2]).await;
}

async fn a_shutdown_drains_a_stream_and_takes_its_last_acks(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            // Only the leaving can commit.
            config.groups.commit_interval = Duration::from_secs(60);
            config.listen.drain_window = Duration::from_secs(2);
        })
        .await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..3).await;
    let mut stream = worked.stream("ack=explicit").await;
    let ids = take(&mut stream, 3).await.ids();
    let reading = async {
        let drain = stream.expect("drain").await;
        assert_eq!(drain.json(), json!({"reason": "shutdown", "reconnect": true}));
        assert!(drain.retry.is_some() && stream.next().await.is_none());
    };
    let acking = async {
        until("the gateway is about to end", || async {
            (worked.gateway.get("/readyz").await.status == 503).then_some(())
        })
        .await;
        worked.ack(&ids[..2]).await;
    };
    tokio::join!(worked.gateway.stop(), reading, acking);
    assert_eq!(worked.committed(1).await, [2]);
}

async fn a_quiet_stream_is_kept_alive_and_ends_by_its_age(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let mut stream = worked.stream("ack=explicit&heartbeat=5s&ping=true&max_age=10s").await;
    stream.expect("ready").await;
    stream.expect("assigned").await;
    stream.expect("ping").await;
    let drain = stream.expect("drain").await;
    assert_eq!(drain.json()["reason"], "lifetime");
    assert!(stream.next().await.is_none());
}
