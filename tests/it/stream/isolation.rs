//! Transactions: what is open is held back, what was aborted is never seen.

use crate::harness::{Context, Draft, Sse, Test};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        an_open_transaction_holds_back_what_stands_behind_it needs [Transactions],
        an_aborted_transaction_is_never_seen needs [Transactions],
    ]
}

async fn an_open_transaction_holds_back_what_stands_behind_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("open", 2).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("inside")).await;
    gateway.produce(&topic, "partition=0", "behind").await.receipt();
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    // The end is what a reader of committed records can reach; an open transaction must not hold back caught-up.
    assert_eq!(stream.expect("ready").await.json()["end"], json!({ topic.as_str(): [0, 0] }));
    let id = stream.expect("caught-up").await.id;
    for _ in 0..3 {
        gateway.produce(&topic, "partition=1", "beside").await.receipt();
        assert_eq!(stream.expect("message").await.json()["value"], "beside", "nothing of partition 0 yet");
    }
    writer.commit().await;
    for value in ["inside", "behind"] {
        assert_eq!(stream.expect("message").await.json()["value"], value);
    }
    // Who was away meanwhile misses nothing either.
    let mut back = Sse::open(gateway.streaming(&topic, "").header("last-event-id", &id)).await;
    let mut values = Vec::new();
    for record in back.records(5).await {
        values.push(record.json()["value"].as_str().expect("a text").to_owned());
    }
    values.sort_unstable();
    assert_eq!(values, ["behind", "beside", "beside", "beside", "inside"]);
}

async fn an_aborted_transaction_is_never_seen(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("aborted", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    let mut live = gateway.stream(&topic, "").await;
    live.expect("ready").await;
    live.expect("caught-up").await;
    let mut expected = Vec::new();
    for round in 0..4 {
        writer.begin().await;
        writer.write(&topic, 0, &Draft::value(format!("a{round}"))).await;
        writer.write(&topic, 0, &Draft::value(format!("b{round}"))).await;
        if round % 2 == 0 {
            writer.abort().await;
        } else {
            writer.commit().await;
            expected.extend([format!("a{round}"), format!("b{round}")]);
        }
        gateway.produce(&topic, "", format!("c{round}")).await.receipt();
        expected.push(format!("c{round}"));
    }
    let mut history = gateway.stream(&topic, "from=earliest").await;
    for stream in [&mut live, &mut history] {
        let records = stream.records(expected.len()).await;
        let values: Vec<_> = records.iter().map(|record| record.json()["value"].clone()).collect();
        assert_eq!(values, expected);
    }
    history.expect("caught-up").await;
}
