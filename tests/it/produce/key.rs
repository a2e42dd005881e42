//! `key=` and `key_base64=`: a key as text or as bytes.

use crate::harness::{Context, Test};
use crate::tests;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

pub fn tests() -> Vec<Test> {
    tests![
        a_key_is_its_decoded_text,
        a_key_of_bytes_comes_in_either_base64_padded_or_not,
        what_is_not_base64_is_refused,
        more_than_one_form_of_key_is_refused,
    ]
}

async fn a_key_is_its_decoded_text(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("text", 1).await);
    for query in ["", "key=", "key=c-17", "key=a+b%2Bc%26", "key=%C3%A9%E2%82%AC", "key=%00"] {
        gateway.produce(&topic, query, "v").await.receipt();
    }
    let ledger = context.kafka().consume_all(&topic).await;
    let keys: Vec<_> = ledger.iter().map(|entry| entry.key.as_deref()).collect();
    let expected = [None, Some(""), Some("c-17"), Some("a b+c&"), Some("é€"), Some("\0")];
    assert_eq!(keys, expected.map(|key| key.map(str::as_bytes)), "an empty key is not null");
}

async fn a_key_of_bytes_comes_in_either_base64_padded_or_not(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("base64", 1).await);
    // Both alphabets differ on these bytes, and both need padding.
    let key = [0xfb, 0xff, 0xfe, 0x00];
    let forms = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].map(|form| form.encode(key));
    for form in &forms {
        let form: String = form.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        gateway.produce(&topic, &format!("key_base64={form}"), "v").await.receipt();
    }
    gateway.produce(&topic, "key_base64=", "v").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    let keys: Vec<_> = ledger.iter().map(|entry| entry.key.as_deref()).collect();
    assert_eq!(keys, [Some(&key[..]), Some(&key), Some(&key), Some(&key), Some(&[])]);
}

async fn what_is_not_base64_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("base64", 1).await);
    for bad in ["key_base64=!!!", "key_base64=a", "key_base64=%2B-", "key_base64=ab%3Dcd"] {
        let detail = gateway.produce(&topic, bad, "v").await.refusal(400, "invalid_parameter");
        assert!(detail.contains("key_base64") && detail.contains("base64"), "{bad}: {detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn more_than_one_form_of_key_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("forms", 1).await);
    for query in
        ["key=a&key_base64=YQ", "key=a&key_pointer=/a", "key_base64=YQ&key_pointer=/a", "key=a&key=b"]
    {
        gateway.produce(&topic, query, r#"{"a":1}"#).await.refusal(400, "invalid_parameter");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}
