//! Record headers: by query, exact in case; by HTTP header, in lower case; and the body's Content-Type.

use crate::harness::{Context, Test, send};
use crate::tests;
use reqwest::header::HeaderValue;

pub fn tests() -> Vec<Test> {
    tests![
        headers_of_the_query_keep_their_case_order_and_repeats,
        a_header_of_bytes_comes_in_base64,
        headers_that_cannot_be_read_are_refused,
        http_headers_with_the_prefix_become_record_headers_in_lower_case,
        an_http_header_that_is_not_utf8_is_refused,
        a_content_type_is_kept_as_it_was_given,
        curls_default_content_type_is_not_kept,
        a_content_type_named_in_the_query_wins,
    ]
}

/// A topic's records' headers, values as text.
async fn stored(context: &Context, topic: &str) -> Vec<Vec<(String, String)>> {
    let text =
        |value: Option<bytes::Bytes>| String::from_utf8(value.expect("not null").to_vec()).expect("text");
    let ledger = context.kafka().consume_all(topic).await;
    let headers = ledger.into_iter().map(|entry| entry.headers);
    headers.map(|headers| headers.into_iter().map(|(name, value)| (name, text(value))).collect()).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn headers_of_the_query_keep_their_case_order_and_repeats(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("query", 1).await);
    let query = "header=Trace-Id:ab12&header=b:1&header=trace-id:&header=b:2&header=url:http://h:80/%3Fa%3Db&header=%C3%A9:%E2%82%AC";
    gateway.produce(&topic, query, "v").await.receipt();
    let expected = [
        ("Trace-Id", "ab12"),
        ("b", "1"),
        ("trace-id", ""),
        ("b", "2"),
        ("url", "http://h:80/?a=b"),
        ("é", "€"),
    ];
    assert_eq!(stored(&context, &topic).await, [pairs(&expected)]);
}

async fn a_header_of_bytes_comes_in_base64(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bytes", 1).await);
    let query = "header_base64=Raw:-_8&header_base64=Raw:%2B%2F8%3D&header_base64=Empty:";
    gateway.produce(&topic, query, "v").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    let headers: Vec<_> =
        ledger[0].headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let bytes = Some(&[0xfb, 0xff][..]);
    assert_eq!(headers, [("Raw", bytes), ("Raw", bytes), ("Empty", Some(&[][..]))]);
}

async fn headers_that_cannot_be_read_are_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bad", 1).await);
    for query in [
        "header=",
        "header=name",
        "header=:value",
        "header=a%00b:v",
        "header_base64=a:!",
        "header_base64=a",
        "header_base64=:YQ",
    ] {
        let detail = gateway.produce(&topic, query, "v").await.refusal(400, "invalid_parameter");
        assert!(detail.contains("header"), "{query}: {detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn http_headers_with_the_prefix_become_record_headers_in_lower_case(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("http", 1).await);
    let request = gateway.producing(&topic, "header=First:1").body("v");
    let request = request
        .header("Kafka-Header-Trace-Id", "ab12")
        .header("kafka-header-b", "")
        .header("Kafka-Header-B", "2");
    send(request.header("kafka-header-", "nameless").header("X-Other", "x")).await.receipt();
    let mut headers = stored(&context, &topic).await.remove(0);
    assert_eq!(headers.remove(0), ("First".to_owned(), "1".to_owned()), "those of the query come first");
    // HTTP keeps the order of repeats, and no order between names.
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(headers, pairs(&[("b", ""), ("b", "2"), ("trace-id", "ab12")]));
}

async fn an_http_header_that_is_not_utf8_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("latin", 1).await);
    let value = HeaderValue::from_bytes(b"caf\xe9").expect("HTTP takes it");
    let reply = send(gateway.producing(&topic, "").header("kafka-header-place", value).body("v")).await;
    let detail = reply.refusal(400, "invalid_header");
    assert!(detail.contains("header_base64"), "{detail}");
    let value = HeaderValue::from_bytes("café".as_bytes()).expect("HTTP takes it");
    send(gateway.producing(&topic, "").header("kafka-header-place", value).body("v")).await.receipt();
    assert_eq!(stored(&context, &topic).await, [pairs(&[("place", "café")])]);
}

async fn a_content_type_is_kept_as_it_was_given(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("type", 1).await);
    let kinds = ["application/json", "text/plain; charset=UTF-8", "Application/X-Thing", "nonsense"];
    for kind in kinds {
        send(gateway.producing(&topic, "").header("content-type", kind).body("{}")).await.receipt();
    }
    send(gateway.producing(&topic, "").body("{}")).await.receipt();
    let mut expected: Vec<_> = kinds.iter().map(|kind| pairs(&[("content-type", kind)])).collect();
    expected.push(Vec::new());
    assert_eq!(stored(&context, &topic).await, expected);
}

async fn curls_default_content_type_is_not_kept(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("curl", 1).await);
    for kind in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; charset=utf-8"] {
        send(gateway.producing(&topic, "").header("content-type", kind).body("a=b%20c")).await.receipt();
    }
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(ledger.iter().all(|entry| entry.headers.is_empty()), "{ledger:?}");
    assert!(
        ledger.iter().all(|entry| entry.value.as_deref() == Some(b"a=b%20c")),
        "it is no form: {ledger:?}"
    );
}

async fn a_content_type_named_in_the_query_wins(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("wins", 1).await);
    let request = gateway.producing(&topic, "header=content-type:application/avro").body("v");
    send(request.header("content-type", "application/json")).await.receipt();
    assert_eq!(stored(&context, &topic).await, [pairs(&[("content-type", "application/avro")])]);
}
