//! `acks=`: how many replicas hold a record when its reply comes.

use crate::harness::{Context, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        all_replicas_confirm_unless_asked_otherwise,
        the_leader_alone_confirms_when_asked,
        a_record_that_nobody_confirms_is_accepted_without_an_offset,
        other_words_for_acks_are_refused_with_those_that_are,
    ]
}

async fn all_replicas_confirm_unless_asked_otherwise(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("all", 1).await);
    let first = gateway.produce(&topic, "", "1").await.json(200);
    let second = gateway.produce(&topic, "acks=all", "2").await.json(200);
    for (offset, receipt) in [first, second].iter().enumerate() {
        let names: Vec<_> = receipt.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["topic", "partition", "offset", "timestamp"]);
        assert_eq!((&receipt["topic"], &receipt["offset"]), (&topic.clone().into(), &offset.into()));
    }
}

async fn the_leader_alone_confirms_when_asked(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("leader", 1).await);
    for offset in 0..3 {
        assert_eq!(gateway.produce(&topic, "acks=leader", "v").await.receipt(), (0, offset));
    }
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 3);
}

async fn a_record_that_nobody_confirms_is_accepted_without_an_offset(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("none", 1).await);
    let receipt = gateway.produce(&topic, "acks=none&key=k", "v").await.json(202);
    assert_eq!((&receipt["topic"], &receipt["partition"]), (&topic.clone().into(), &0.into()));
    assert!(receipt.get("offset").is_none(), "{receipt}");
    let ledger = until("the record is in the ledger", || async {
        Some(context.kafka().consume_all(&topic).await).filter(|ledger| !ledger.is_empty())
    })
    .await;
    assert_eq!(ledger[0].value.as_deref(), Some(&b"v"[..]));
}

async fn other_words_for_acks_are_refused_with_those_that_are(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("words", 1).await);
    for word in ["1", "0", "-1", "ALL", ""] {
        let reply = gateway.produce(&topic, &format!("acks={word}"), "v").await;
        let detail = reply.refusal(400, "invalid_parameter");
        assert!(["all", "leader", "none"].iter().all(|known| detail.contains(known)), "{detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}
