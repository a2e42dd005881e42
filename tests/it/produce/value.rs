//! A record's value is the body, byte for byte.

use crate::harness::{Context, Test};
use crate::tests;
use rand::RngExt;

pub fn tests() -> Vec<Test> {
    tests![
        a_body_of_any_bytes_is_the_value_byte_for_byte,
        an_empty_body_is_an_empty_value_and_not_null,
        a_tombstone_is_an_empty_body_with_the_word_for_it,
        a_tombstone_with_a_body_is_refused_and_writes_nothing,
    ]
}

async fn a_body_of_any_bytes_is_the_value_byte_for_byte(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bytes", 1).await);
    let mut bodies: Vec<Vec<u8>> =
        vec![b"\0".to_vec(), b"\r\n\r\n".to_vec(), b"\xff\xfe\x00".to_vec(), b"a=b&c=%20+".to_vec()];
    for length in [1, 2, 63, 64, 1000, 65_536, 300_000] {
        let mut body = vec![0; length];
        rand::rng().fill(&mut body[..]);
        bodies.push(body);
    }
    for (offset, body) in bodies.iter().enumerate() {
        let reply = gateway.produce(&topic, "", body.clone()).await;
        assert_eq!(reply.receipt(), (0, offset as i64));
    }
    let ledger = context.kafka().consume_all(&topic).await;
    let values: Vec<_> = ledger.iter().map(|entry| entry.value.clone().expect("a value").to_vec()).collect();
    assert!(values == bodies, "values differ from the bodies sent");
    assert!(ledger.iter().all(|entry| entry.key.is_none() && entry.headers.is_empty()), "nothing was added");
}

async fn an_empty_body_is_an_empty_value_and_not_null(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("empty", 1).await);
    gateway.produce(&topic, "", "").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger[0].value.as_deref(), Some(&b""[..]));
}

async fn a_tombstone_is_an_empty_body_with_the_word_for_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tombstone", 1).await);
    gateway.produce(&topic, "key=k&tombstone=true", "").await.receipt();
    gateway.produce(&topic, "key=k&tombstone=false", "").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    let values: Vec<_> = ledger.iter().map(|entry| entry.value.as_deref()).collect();
    assert_eq!(values, [None, Some(&b""[..])]);
}

async fn a_tombstone_with_a_body_is_refused_and_writes_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tombstone", 1).await);
    let reply = gateway.produce(&topic, "key=k&tombstone=true", "value").await;
    let detail = reply.refusal(400, "invalid_parameter");
    assert!(detail.contains("tombstone"), "{detail}");
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}
