//! The topic that a record goes to: it exists, or it is told at once that it does not.

use crate::harness::{Context, Test};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        an_unknown_topic_is_told_at_once_and_not_made_by_asking,
        an_unknown_topic_is_made_where_that_is_configured,
        many_records_at_once_make_an_unknown_topic_once,
        a_topic_made_after_it_was_missing_can_be_used,
        a_topic_deleted_and_made_again_can_be_used_at_once,
        a_topic_that_was_deleted_is_told_to_be_missing,
    ]
}

/// Far below every time-out of ours and of Kafka's clients.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn an_unknown_topic_is_told_at_once_and_not_made_by_asking(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("missing"));
    for query in ["", "acks=leader", "acks=none", "partition=3", "key=k"] {
        let begun = Instant::now();
        let detail = gateway.produce(&topic, query, "v").await.refusal(404, "topic_not_found");
        assert!(detail.contains(&topic), "{detail}");
        assert!(begun.elapsed() < AT_ONCE, "told after {:?}", begun.elapsed());
    }
    assert_eq!(context.kafka().partitions(&topic).await, 0, "the topic was made");
}

async fn an_unknown_topic_is_made_where_that_is_configured(context: Context) {
    let gateway = context.gateway_with(|config| config.produce.auto_create = true).await;
    let topic = context.name("made");
    assert_eq!(gateway.produce(&topic, "", "v").await.receipt(), (0, 0));
    assert!(context.kafka().partitions(&topic).await > 0);
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 1);
    gateway.produce("a..b%20c", "", "v").await.refusal(400, "invalid_topic");
}

async fn many_records_at_once_make_an_unknown_topic_once(context: Context) {
    let gateway = context.gateway_with(|config| config.produce.auto_create = true).await;
    let topic = context.name("race");
    let sent = (0..20).map(|n| {
        let (gateway, topic) = (gateway.clone(), topic.clone());
        async move { gateway.produce(&topic, "", format!("{n}")).await.receipt() }
    });
    futures_util::future::join_all(sent).await;
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 20);
}

async fn a_topic_made_after_it_was_missing_can_be_used(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("later"));
    gateway.produce(&topic, "", "v").await.refusal(404, "topic_not_found");
    context.kafka().create_topic(&topic, 1, &[]).await;
    let receipt = crate::harness::until("the new topic is found", || async {
        let reply = gateway.produce(&topic, "", "v").await;
        (reply.status != 404).then(|| reply.receipt())
    })
    .await;
    assert_eq!(receipt, (0, 0));
}

async fn a_topic_deleted_and_made_again_can_be_used_at_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("again", 2).await);
    for query in ["partition=1", "partition=1&acks=leader", "partition=0"] {
        gateway.produce(&topic, query, "old").await.receipt();
    }
    context.kafka().delete_topic(&topic).await;
    context.kafka().create_topic(&topic, 1, &[]).await;
    let begun = Instant::now();
    assert_eq!(gateway.produce(&topic, "", "new").await.receipt(), (0, 0));
    assert_eq!(gateway.produce(&topic, "acks=leader", "new").await.receipt(), (0, 1));
    gateway.produce(&topic, "partition=1", "new").await.refusal(400, "partition_out_of_range");
    assert!(begun.elapsed() < AT_ONCE * 3, "usable after {:?}", begun.elapsed());
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(
        ledger.len() == 2 && ledger.iter().all(|entry| entry.value.as_deref() == Some(b"new")),
        "{ledger:?}"
    );
}

async fn a_topic_that_was_deleted_is_told_to_be_missing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("gone", 1).await);
    gateway.produce(&topic, "", "v").await.receipt();
    context.kafka().delete_topic(&topic).await;
    let begun = Instant::now();
    gateway.produce(&topic, "", "v").await.refusal(404, "topic_not_found");
    assert!(begun.elapsed() < AT_ONCE * 3, "told after {:?}", begun.elapsed());
    assert_eq!(context.kafka().partitions(&topic).await, 0);
}
