//! What is not acknowledged is handed out again: after its lease, or when it is given back.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_record_whose_lease_ends_is_handed_out_again,
        an_ack_after_the_lease_counts_all_the_same,
        a_record_given_back_is_handed_out_again_at_once_and_before_those_behind_it,
        a_record_given_back_with_a_delay_comes_after_it_and_holds_up_those_behind_it,
        the_reply_says_how_long_its_records_are_held,
    ]
}

async fn a_record_whose_lease_ends_is_handed_out_again(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..3).await;
    let lease = json!({"ack_timeout_ms": 400});
    let first = worked.next(lease.clone()).await;
    let begun = Instant::now();
    worked.ack(&first.ids()[..1]).await;
    let again = worked.next(lease).await;
    // From when they were handed out, which was a moment before the reply was here.
    assert!(begun.elapsed() >= Duration::from_millis(250), "after {:?}", begun.elapsed());
    assert_eq!((again.numbers(), again.attempts()), (vec![1, 2], vec![2, 2]));
    worked.ack(&again.ids()).await;
    worked.until_committed(&[3]).await;
    assert_eq!(worked.gateway.metric("sluicegate_group_leases_expired_total").await, 2);
    assert_eq!(worked.gateway.metric("sluicegate_group_redelivered_records_total").await, 2);
    assert_eq!(worked.gateway.metric("sluicegate_group_records_total").await, 5);
}

async fn an_ack_after_the_lease_counts_all_the_same(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..2).await;
    let lease = json!({"ack_timeout_ms": 200});
    let first = worked.next(lease.clone()).await;
    until("the leases end", || async {
        let expired = worked.gateway.metric("sluicegate_group_leases_expired_total").await;
        (expired == 2).then_some(())
    })
    .await;
    worked.ack(&first.ids()).await;
    worked.until_committed(&[2]).await;
    let after = worked.poll(json!({"ack_timeout_ms": 200, "wait_ms": 300})).await;
    assert!(after.is_none(), "it was worked off, however late");
}

async fn a_record_given_back_is_handed_out_again_at_once_and_before_those_behind_it(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..4).await;
    let first = worked.next(json!({"max": 2})).await;
    let ids = first.ids();
    let again = worked.next(json!({"nacks": [{"id": ids[0]}], "ids": [ids[1]]})).await;
    assert_eq!((again.numbers(), again.attempts()), (vec![0, 2, 3], vec![2, 1, 1]));
    worked.ack(&again.ids()).await;
    worked.until_committed(&[4]).await;
}

async fn a_record_given_back_with_a_delay_comes_after_it_and_holds_up_those_behind_it(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..3).await;
    let first = worked.next(json!({"max": 1})).await;
    let begun = Instant::now();
    let nacks = json!({"nacks": [{"id": first.ids()[0], "delay_ms": 700}]});
    assert_eq!(worked.post("acks", &nacks).await.status, 204);
    assert!(worked.poll(json!({"wait_ms": 0})).await.is_none(), "those behind it wait, too");
    let again = worked.next(json!({})).await;
    assert!(begun.elapsed() >= Duration::from_millis(700), "after {:?}", begun.elapsed());
    assert_eq!(again.numbers(), [0, 1, 2]);
}

async fn the_reply_says_how_long_its_records_are_held(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [0]).await;
    let body = worked.asking(&json!({"ack_timeout_ms": 5000}));
    let reply = until("there is a record", || async {
        let reply = worked.post("poll", &body).await;
        (reply.status == 200).then(|| reply.json(200))
    })
    .await;
    let lease = reply["lease_ms"].as_u64().expect("a number");
    assert!((1..=5000).contains(&lease), "{lease}");
}
