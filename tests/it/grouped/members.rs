//! The gateway is the member, not its clients: they come and go, and the group is none the wiser.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use kafka_protocol::messages::ApiKey;
use serde_json::{Value, json};
use sluicegate::config::GroupProtocol;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_hundred_polls_cause_no_rebalance_but_the_first,
        an_empty_poll_answers_as_soon_as_there_is_a_record,
        a_member_that_nobody_needs_leaves_after_it_lingered,
        a_shutdown_ends_polls_and_commits_what_was_acknowledged,
        a_second_gateway_takes_its_share_and_what_is_acknowledged_in_time_comes_once,
        a_broker_without_kip_848_is_joined_by_the_classic_protocol,
        the_lag_of_a_group_is_told,
    ]
}

async fn a_hundred_polls_cause_no_rebalance_but_the_first(context: Context) {
    let own = context.own_broker().await;
    let gateway = context.gateway_before(&own, |_| {}).await;
    own.kafka().create_topic("t", 3, &[]).await;
    let worked = Worked::of(&context, gateway, "t", own.kafka());
    let joins = || own.broker().requests(ApiKey::JoinGroup);
    worked.write(0, [0]).await;
    let batch = worked.next(json!({})).await;
    worked.ack(&batch.ids()).await;
    let before = joins();
    for number in 1..100 {
        worked.write((number % 3) as i32, [number]).await;
        let batch = worked.next(json!({"ids": []})).await;
        assert_eq!(batch.numbers(), [number]);
        worked.ack(&batch.ids()).await;
    }
    assert_eq!(joins(), before, "rebalances seen by the broker");
    assert_eq!(worked.gateway.metric("sluicegate_group_assignments_total").await, 1);
}

async fn an_empty_poll_answers_as_soon_as_there_is_a_record(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let mut waits = Vec::new();
    let mut ids = Vec::new();
    for number in 0..15 {
        let waiting = async {
            let batch = worked.next(json!({"wait_ms": 20_000, "ids": ids})).await;
            (batch, Instant::now())
        };
        let writing = async {
            worked.until_here("the poll waits", |here| here["workers"] == 1).await;
            worked.write(0, [number]).await;
            Instant::now()
        };
        let ((batch, came), written) = tokio::join!(waiting, writing);
        assert_eq!(batch.numbers(), [number]);
        ids = batch.ids();
        waits.push(came.saturating_duration_since(written));
    }
    waits.sort_unstable();
    println!("an empty poll answers {:?} after the record (median of {waits:?})", waits[waits.len() / 2]);
    // The figure is 20 ms; this machine has other tests to run.
    assert!(waits[waits.len() / 2] < Duration::from_millis(500), "{waits:?}");
}

async fn a_member_that_nobody_needs_leaves_after_it_lingered(context: Context) {
    let gateway = context.gateway_with(|config| config.groups.linger = Duration::from_millis(300)).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..2).await;
    let batch = worked.next(json!({"ack_timeout_ms": 60_000})).await;
    worked.ack(&batch.ids()[..1]).await;
    worked.until_committed(&[1]).await;
    assert_eq!(worked.gateway.metric("sluicegate_group_members").await, 1, "a record is held");
    worked.ack(&batch.ids()[1..]).await;
    until("the member has left", || async {
        (worked.gateway.metric("sluicegate_group_members").await == 0).then_some(())
    })
    .await;
    worked.until_committed(&[2]).await;
    worked.write(0, [2]).await;
    assert_eq!(worked.next(json!({"ack_timeout_ms": 60_000})).await.numbers(), [2], "and one joins again");
}

async fn a_shutdown_ends_polls_and_commits_what_was_acknowledged(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            // Only the leaving can commit.
            config.groups.commit_interval = Duration::from_secs(60);
            config.listen.drain_window = Duration::from_secs(1);
        })
        .await;
    let worked = Worked::new(&context, gateway, 2).await;
    worked.write(0, 0..5).await;
    let batch = worked.next(json!({"session": "s", "seq": 1})).await;
    worked.ack(&batch.ids()[..4]).await;
    let body = worked.asking(&json!({"session": "s", "seq": 2, "wait_ms": 50_000}));
    let ((), waited) = tokio::join!(worked.gateway.stop(), worked.post("poll", &body));
    assert!(waited.status == 204 || waited.status == 503, "{}", waited.status);
    assert_eq!(worked.committed(2).await, [4, 0]);
    let after = worked.through(&context.gateway().await);
    assert_eq!(after.next(json!({})).await.numbers(), [4], "what was not acknowledged comes again");
}

async fn a_second_gateway_takes_its_share_and_what_is_acknowledged_in_time_comes_once(context: Context) {
    let first = context.gateway_with(|config| config.groups.revoke_timeout = Duration::from_secs(20)).await;
    let worked = Worked::new(&context, first, 4).await;
    for partition in 0..4 {
        worked.write(partition, 0..3).await;
    }
    let (mut held, mut ids, mut seq) = (BTreeSet::new(), Vec::new(), 0);
    while held.len() < 12 {
        seq += 1;
        let batch = worked.next(json!({"session": "a", "seq": seq})).await;
        held.extend(batch.places());
        ids.extend(batch.ids());
    }
    let second = worked.through(&context.gateway_with(|_| {}).await);
    let body = second.asking(&json!({"wait_ms": 10_000}));
    let joining = second.post("poll", &body);
    let acking = async {
        let gives_up = |here: &Value| here["members"][0]["partitions"].as_u64().is_some_and(|left| left < 4);
        worked.until_here("the first gives partitions up", gives_up).await;
        // Meanwhile their acknowledgements still count.
        worked.ack(&ids).await;
        worked.until_committed(&[3, 3, 3, 3]).await;
        for partition in 0..4 {
            worked.write(partition, [9]).await;
        }
    };
    let (reply, ()) = tokio::join!(joining, acking);
    let mut seen: Vec<(i64, i64)> = Vec::new();
    let mut take = |body: Value| {
        for record in body["records"].as_array().into_iter().flatten() {
            let number = |name: &str| record[name].as_i64().expect("a number");
            seen.push((number("partition"), number("offset")));
        }
        seen.len()
    };
    let mut count = if reply.status == 200 { take(reply.json(200)) } else { 0 };
    let begun = Instant::now();
    while count < 4 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{count} of 4");
        for side in [&worked, &second] {
            seq += 1;
            let body = side.asking(&json!({"session": "b", "seq": seq, "wait_ms": 200}));
            let reply = side.post("poll", &body).await;
            if reply.status == 200 {
                count = take(reply.json(200));
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(0, 3), (1, 3), (2, 3), (3, 3)], "each once, and nothing that was acknowledged");
    until("the second gateway has partitions", || async {
        (second.gateway.metric("sluicegate_group_assignments_total").await > 0).then_some(())
    })
    .await;
}

async fn a_broker_without_kip_848_is_joined_by_the_classic_protocol(context: Context) {
    let own = context.own_broker().await;
    let gateway = context.gateway_before(&own, |config| config.groups.protocol = GroupProtocol::Auto).await;
    own.kafka().create_topic("t", 1, &[]).await;
    let worked = Worked::of(&context, gateway, "t", own.kafka());
    worked.write(0, [1]).await;
    let batch = worked.next(json!({})).await;
    assert_eq!(batch.numbers(), [1]);
    worked.ack(&batch.ids()).await;
    worked.until_committed(&[1]).await;
    assert!(own.broker().requests(ApiKey::JoinGroup) > 0);
}

async fn the_lag_of_a_group_is_told(context: Context) {
    let worked = Worked::new(&context, context.gateway_with(|_| {}).await, 1).await;
    worked.write(0, 0..5).await;
    let batch = worked.next(json!({"max": 3})).await;
    worked.ack(&batch.ids()[..1]).await;
    let sample = |name: &str| format!("sluicegate_group_{name}{{group=\"{}\"}}", worked.group);
    for (name, number) in
        [("lag_records", 4), ("in_flight_records", 2), ("stalled_partitions", 0), ("workers", 0)]
    {
        let sample = sample(name);
        until(&format!("{sample} is {number}"), || async {
            (worked.gateway.metric(&sample).await == number).then_some(())
        })
        .await;
    }
}
