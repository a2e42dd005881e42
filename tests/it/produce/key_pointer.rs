//! `key_pointer=`: the key is a member of the value (RFC 6901).

use crate::harness::{Context, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_pointer_takes_a_strings_text_and_anything_else_as_compact_json,
        a_pointer_to_nothing_gives_a_null_key,
        a_pointer_into_what_is_not_json_is_refused,
        a_malformed_pointer_is_refused,
        the_value_under_a_pointer_stays_byte_for_byte,
    ]
}

async fn a_pointer_takes_a_strings_text_and_anything_else_as_compact_json(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("pointed", 1).await);
    let value = r#"{"user":{"id":"c-17","n": 12.50,"big":123456789012345678901234567890,"on":true,"none":null},
        "list":[10, {"a" : [1, "x y"] }],"a/b":"slash","m~n":"tilde","":"empty","e":"","é":"\u00e9\n"}"#;
    let table = [
        ("/user/id", "c-17"),
        ("/user/n", "12.50"),
        ("/user/big", "123456789012345678901234567890"),
        ("/user/on", "true"),
        ("/user/none", "null"),
        ("/list/0", "10"),
        ("/list/1", r#"{"a":[1,"x y"]}"#),
        ("/a~1b", "slash"),
        ("/m~0n", "tilde"),
        ("/", "empty"),
        ("/e", ""),
        ("/%C3%A9", "é\n"),
    ];
    for (pointer, _) in table {
        gateway.produce(&topic, &format!("key_pointer={pointer}"), value).await.receipt();
    }
    gateway.produce(&topic, "key_pointer=", "7").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    let keys: Vec<_> =
        ledger.iter().map(|entry| std::str::from_utf8(entry.key.as_deref().unwrap()).unwrap()).collect();
    let expected: Vec<_> = table.iter().map(|(_, key)| *key).chain(["7"]).collect();
    assert_eq!(keys, expected);
}

async fn a_pointer_to_nothing_gives_a_null_key(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("absent", 1).await);
    for pointer in ["/other", "/user/id/deeper", "/list/1", "/list/00", "/list/-", "/list/x"] {
        let value = r#"{"user":{"id":1},"list":[0]}"#;
        gateway.produce(&topic, &format!("key_pointer={pointer}"), value).await.receipt();
    }
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger.len(), 6);
    assert!(ledger.iter().all(|entry| entry.key.is_none()), "{ledger:?}");
}

async fn a_pointer_into_what_is_not_json_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("not-json", 1).await);
    for body in ["", "not json", "{\"a\":1", "{\"a\":1} {}", "\u{feff}{\"a\":1}"] {
        let detail = gateway.produce(&topic, "key_pointer=/a", body).await.refusal(400, "invalid_body");
        assert!(detail.contains("JSON") && detail.contains("column"), "it says where: {detail}");
    }
    gateway.produce(&topic, "key_pointer=/a", &b"{\"a\":\"\xff\"}"[..]).await.refusal(400, "invalid_body");
    gateway.produce(&topic, "key_pointer=/a&tombstone=true", "").await.refusal(400, "invalid_parameter");
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn a_malformed_pointer_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("malformed", 1).await);
    for pointer in ["user", "user/id", "/a~2b", "/a~", "%23/a"] {
        let query = format!("key_pointer={pointer}");
        let detail = gateway.produce(&topic, &query, r#"{"user":1}"#).await.refusal(400, "invalid_parameter");
        assert!(detail.contains("key_pointer"), "{detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn the_value_under_a_pointer_stays_byte_for_byte(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("untouched", 1).await);
    let value = "{ \"z\": 1.0e2,\r\n \"a\": \"\\u0041\", \"a\": 2 }\n";
    gateway.produce(&topic, "key_pointer=/z", value).await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger[0].value.as_deref(), Some(value.as_bytes()));
    assert_eq!(ledger[0].key.as_deref(), Some(&b"1.0e2"[..]));
}
