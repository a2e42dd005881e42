//! `timestamp=`: when a record says it was made.

use crate::harness::{Context, Test};
use crate::tests;
use std::time::{Duration, SystemTime};

pub fn tests() -> Vec<Test> {
    tests![
        a_timestamp_is_epoch_milliseconds_or_rfc_3339,
        what_is_no_time_after_the_epoch_is_refused,
        without_a_timestamp_it_is_the_time_of_the_request,
    ]
}

async fn a_timestamp_is_epoch_milliseconds_or_rfc_3339(context: Context) {
    let gateway = context.gateway().await;
    // Apache Kafka refuses times more than an hour ahead unless the topic allows them.
    let far = [("message.timestamp.after.max.ms", "9223372036854775807")];
    let topic = context.topic_with("times", 1, &far).await;
    let table = [
        ("1763795871123", 1_763_795_871_123),
        ("1", 1),
        ("1970-01-02T00:00:00Z", 86_400_000),
        ("2025-11-22T07:17:51.123Z", 1_763_795_871_123),
        ("2025-11-22T08:17:51.123%2B01:00", 1_763_795_871_123),
        ("2100-01-01T00:00:00Z", 4_102_444_800_000),
        ("4102444800000", 4_102_444_800_000),
    ];
    for (text, millis) in table {
        let reply = gateway.produce(&topic, &format!("timestamp={text}"), text).await;
        assert_eq!(reply.json(200)["timestamp"], millis, "{text}");
    }
    let ledger = context.kafka().consume_all(&topic).await;
    let stored: Vec<_> = ledger.iter().map(|entry| entry.timestamp).collect();
    let expected: Vec<_> = table.iter().map(|(_, millis)| Some(*millis)).collect();
    assert_eq!(stored, expected);
}

async fn what_is_no_time_after_the_epoch_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("no-times", 1).await);
    for text in [
        "0",
        "-1",
        "",
        "now",
        "yesterday",
        "1.5",
        "2025-11-22",
        "2025-13-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ] {
        let reply = gateway.produce(&topic, &format!("timestamp={text}"), "v").await;
        let detail = reply.refusal(400, "invalid_parameter");
        assert!(detail.contains("timestamp"), "{text}: {detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn without_a_timestamp_it_is_the_time_of_the_request(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("now", 1).await);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let before = now();
    let told = gateway.produce(&topic, "", "v").await.json(200)["timestamp"].as_i64();
    let after = now();
    let stored = context.kafka().consume_all(&topic).await[0].timestamp;
    assert_eq!(stored, told);
    let stored = Duration::from_millis(stored.expect("a time") as u64);
    assert!(
        stored >= before - Duration::from_millis(1) && stored <= after,
        "{before:?} {stored:?} {after:?}"
    );
}
