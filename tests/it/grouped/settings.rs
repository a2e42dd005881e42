//! The settings of a group are the same for all who take part in it, while anybody does.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        other_settings_are_refused_while_a_record_is_held_and_replace_the_old_ones_after,
        other_settings_are_refused_while_a_request_waits,
        other_topics_are_another_member_of_the_same_group,
        no_more_is_held_of_a_partition_than_its_window,
        there_are_as_many_members_and_requests_as_there_may_be,
        what_is_held_is_bounded_in_memory_and_goes_on_when_it_is_acknowledged,
    ]
}

async fn other_settings_are_refused_while_a_record_is_held_and_replace_the_old_ones_after(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..3).await;
    let batch = worked.next(json!({})).await;
    for other in [
        json!({"window": 7}),
        json!({"ack_timeout_ms": 20_000}),
        json!({"ack": "written"}),
        json!({"max_attempts": 3}),
        json!({"isolation": "uncommitted"}),
        json!({"key": ["k"]}),
        json!({"where": ["/a=1"]}),
        json!({"header.h": ["v"]}),
    ] {
        let reply = worked.post("poll", &worked.asking(&other)).await;
        reply.refusal(409, "group_settings_differ");
    }
    let detail = worked.post("poll", &worked.asking(&json!({"window": 7, "max_attempts": 3}))).await;
    let detail = detail.refusal(409, "group_settings_differ");
    assert!(detail.contains("window, max_attempts"), "{detail}");
    worked.ack(&batch.ids()).await;
    worked.write(0, [3]).await;
    let after = worked.next(json!({"window": 7})).await;
    assert_eq!((after.numbers(), after.attempts()), (vec![3], vec![1]));
    worked.post("poll", &worked.asking(&json!({}))).await.refusal(409, "group_settings_differ");
}

async fn other_settings_are_refused_while_a_request_waits(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let waiting = worked.next(json!({"wait_ms": 20_000}));
    let other = async {
        until("somebody waits", || async {
            let reply = worked.post("poll", &worked.asking(&json!({"window": 7, "wait_ms": 0}))).await;
            (reply.status == 409).then_some(())
        })
        .await;
        worked.write(0, [1]).await;
    };
    let (batch, ()) = tokio::join!(waiting, other);
    assert_eq!(batch.numbers(), [1]);
}

async fn other_topics_are_another_member_of_the_same_group(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let worked = Worked::new(&context, gateway, 1).await;
    let second = Worked { topic: context.topic("second", 1).await, ..worked.clone() };
    worked.write(0, [1]).await;
    second.write(0, [2]).await;
    let one = worked.next(json!({})).await;
    worked.ack(&one.ids()).await;
    let two = second.next(json!({})).await;
    assert_eq!((one.numbers(), two.numbers()), (vec![1], vec![2]));
    assert_eq!(worked.gateway.metric("sluicegate_group_members").await, 2);
    worked.until_committed(&[1]).await;
    worked.write(0, [3]).await;
    assert_eq!(worked.next(json!({})).await.numbers(), [3]);
    worked.ack(&two.ids()).await;
    second.until_committed(&[1]).await;
}

async fn no_more_is_held_of_a_partition_than_its_window(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..12).await;
    let (mut held, mut seq) = (Vec::new(), 0);
    let mut poll = async |wait: u64| {
        seq += 1;
        worked.poll(json!({"window": 5, "session": "s", "seq": seq, "wait_ms": wait})).await
    };
    while held.len() < 5 {
        held.extend(poll(1000).await.into_iter().flat_map(|batch| batch.ids()));
    }
    assert_eq!(held.len(), 5);
    assert!(poll(300).await.is_none(), "the window is full");
    worked.ack(&held[..2]).await;
    let mut more = Vec::new();
    while more.len() < 2 {
        more.extend(poll(1000).await.into_iter().flat_map(|batch| batch.numbers()));
    }
    assert_eq!(more, [5, 6]);
}

async fn there_are_as_many_members_and_requests_as_there_may_be(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            config.groups.max_members = 1;
            config.groups.max_workers = 1;
        })
        .await;
    let worked = Worked::new(&context, gateway, 1).await;
    let waiting = worked.next(json!({"wait_ms": 20_000}));
    let crowd = async {
        until("one request waits", || async {
            let reply = worked.post("poll", &worked.asking(&json!({"wait_ms": 0}))).await;
            (reply.status == 503).then(|| reply.refusal(503, "overloaded"))
        })
        .await;
        let other = Worked { group: context.name("other"), ..worked.clone() };
        let detail = other.post("poll", &other.asking(&json!({}))).await.refusal(503, "overloaded");
        assert!(detail.contains("groups.max_members"), "{detail}");
        worked.write(0, [1]).await;
    };
    let (batch, ()) = tokio::join!(waiting, crowd);
    assert_eq!(batch.numbers(), [1]);
}

async fn what_is_held_is_bounded_in_memory_and_goes_on_when_it_is_acknowledged(context: Context) {
    let gateway = context.gateway_with(|config| config.groups.max_unacked_bytes = 1 << 20).await;
    let worked = Worked::new(&context, gateway, 2).await;
    let value = format!("\"{}\"", "x".repeat(50_000));
    for partition in 0..2 {
        for _ in 0..40 {
            let query = format!("partition={partition}");
            worked.gateway.produce(&worked.topic, &query, value.clone()).await.receipt();
        }
    }
    let (mut seen, mut seq, mut most) = (0, 0, 0);
    let mut up_to: Vec<String> = Vec::new();
    while seen < 80 {
        seq += 1;
        let batch = worked.next(json!({"session": "s", "seq": seq, "up_to": up_to, "max": 10})).await;
        seen += batch.records.len();
        up_to = batch.ids().pop().into_iter().collect();
        most = most.max(worked.gateway.metric("sluicegate_group_unacked_bytes").await);
    }
    // A turn of one partition may go over it.
    assert!(most > 0 && most < 2 << 20, "{most}");
    assert_eq!(worked.post("acks", &json!({"up_to": up_to})).await.status, 204);
    worked.until_committed(&[40, 40]).await;
}
