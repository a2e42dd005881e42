//! What is acknowledged is committed, as far as nothing before it is missing, and nothing else is.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::json;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        records_are_handed_out_in_order_and_their_acks_are_committed,
        exactly_the_contiguous_prefix_is_committed_and_a_native_consumer_goes_on_behind_it,
        an_up_to_acknowledges_all_that_its_session_was_handed,
        a_poll_acknowledges_before_it_waits,
        acks_may_come_twice,
        what_a_filter_leaves_out_counts_as_acknowledged_in_order,
    ]
}

async fn records_are_handed_out_in_order_and_their_acks_are_committed(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..5).await;
    let batch = worked.next(json!({})).await;
    assert_eq!(batch.numbers(), [0, 1, 2, 3, 4]);
    assert_eq!(worked.poll(json!({"wait_ms": 0})).await.map(|batch| batch.numbers()), None, "they are held");
    worked.ack(&batch.ids()).await;
    worked.until_committed(&[5]).await;
    worked.write(0, [5]).await;
    assert_eq!(worked.next(json!({})).await.numbers(), [5]);
}

async fn exactly_the_contiguous_prefix_is_committed_and_a_native_consumer_goes_on_behind_it(
    context: Context,
) {
    let gateway = context.gateway_with(|config| config.groups.linger = Duration::from_millis(200)).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..10).await;
    let batch = worked.next(json!({"ack_timeout_ms": 500})).await;
    let ids = batch.ids();
    let some = [0, 1, 2, 4, 5, 9].map(|at| ids[at].clone());
    worked.ack(&some).await;
    worked.until_committed(&[3]).await;
    // The member commits once more as it leaves, and no more than that.
    until("the member has left", || async {
        (worked.gateway.metric("sluicegate_group_members").await == 0).then_some(())
    })
    .await;
    assert_eq!(worked.committed(1).await, [3]);
    let mut config = context.kafka().client();
    config
        .set("group.id", &worked.group)
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[&worked.topic]).expect("a topic");
    let mut found = None;
    until("a native consumer takes over", || {
        let message = consumer.poll(Duration::from_millis(100));
        found = found.or_else(|| message.and_then(Result::ok).map(|message| message.offset()));
        let found = found;
        async move { found }
    })
    .await;
    assert_eq!(found, Some(3));
}

async fn an_up_to_acknowledges_all_that_its_session_was_handed(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 3).await;
    for partition in 0..3 {
        worked.write(partition, 0..4).await;
    }
    let (mut seq, mut ids) = (0, Vec::new());
    until("all records are handed out", || {
        seq += 1;
        let poll = worked.poll(json!({"session": "s", "seq": seq}));
        async { poll.await.map(|batch| batch.ids()) }
    })
    .await
    .into_iter()
    .for_each(|id| ids.push(id));
    while ids.len() < 12 {
        seq += 1;
        ids.extend(worked.next(json!({"session": "s", "seq": seq})).await.ids());
    }
    let reply = worked.post("acks", &json!({"up_to": [ids[10]]})).await;
    assert_eq!(reply.status, 204);
    until("all but one are committed", || async {
        (worked.committed(3).await.iter().sum::<i64>() == 11).then_some(())
    })
    .await;
    let reply = worked.post("acks", &json!({"up_to": [ids[11]]})).await;
    assert_eq!(reply.status, 204);
    worked.until_committed(&[4, 4, 4]).await;
}

async fn a_poll_acknowledges_before_it_waits(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..4).await;
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    while numbers.len() < 4 {
        let batch = worked.next(json!({"max": 1, "up_to": ids})).await;
        numbers.extend(batch.numbers());
        ids = batch.ids();
    }
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert!(worked.poll(json!({"wait_ms": 0, "ids": ids})).await.is_none());
    worked.until_committed(&[4]).await;
}

async fn acks_may_come_twice(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..3).await;
    let ids = worked.next(json!({})).await.ids();
    worked.ack(&ids[..1]).await;
    worked.until_committed(&[1]).await;
    for _ in 0..2 {
        worked.ack(&ids).await;
    }
    worked.until_committed(&[3]).await;
    worked.ack(&ids).await;
    let nacked = worked.post("acks", &json!({"nacks": [{"id": ids[2]}]})).await;
    assert_eq!(nacked.status, 204, "there is nothing left to give back");
    assert_eq!(worked.committed(1).await, [3]);
}

async fn what_a_filter_leaves_out_counts_as_acknowledged_in_order(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for (key, value) in [("a", "0"), ("b", "1"), ("b", "2"), ("a", "3"), ("b", "4")] {
        worked.gateway.produce(&worked.topic, &format!("partition=0&key={key}"), value).await.receipt();
    }
    let batch = worked.next(json!({"key": ["a"]})).await;
    assert_eq!(batch.numbers(), [0, 3]);
    worked.ack(&batch.ids()[..1]).await;
    worked.until_committed(&[3]).await;
    worked.ack(&batch.ids()[1..]).await;
    worked.until_committed(&[5]).await;
}
