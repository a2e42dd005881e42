//! How large a record may be.

use crate::harness::{Context, Gateway, Socket, Test, send};
use crate::tests;
use futures_util::stream;
use std::convert::Infallible;

pub fn tests() -> Vec<Test> {
    tests![
        a_record_of_the_limit_is_taken_and_one_byte_more_is_not,
        key_and_headers_count_too,
        a_body_announced_too_long_is_refused_before_it_is_sent,
        a_body_of_unknown_length_is_refused_at_the_limit,
        what_the_broker_finds_too_large_is_told_so,
        the_largest_record_of_the_default_limit_reaches_kafka,
    ]
}

const LIMIT: usize = 10_000;

async fn limited(context: &Context) -> Gateway {
    context.gateway_with(|config| config.produce.max_record_bytes = LIMIT).await
}

async fn a_record_of_the_limit_is_taken_and_one_byte_more_is_not(context: Context) {
    let (gateway, topic) = (limited(&context).await, context.topic("limit", 1).await);
    gateway.produce(&topic, "", vec![b'x'; LIMIT]).await.receipt();
    let detail = gateway.produce(&topic, "", vec![b'x'; LIMIT + 1]).await.refusal(413, "record_too_large");
    assert!(detail.contains("10000 bytes"), "the limit is named: {detail}");
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 1);
}

async fn key_and_headers_count_too(context: Context) {
    let (gateway, topic) = (limited(&context).await, context.topic("parts", 1).await);
    // 3 of the key, 4 and 3 of the headers' names and values.
    let query = "key=abc&header=ab:cd";
    let request =
        |length: usize| gateway.producing(&topic, query).header("kafka-header-x", "yz").body(vec![0; length]);
    send(request(LIMIT - 10)).await.receipt();
    send(request(LIMIT - 9)).await.refusal(413, "record_too_large");
    gateway
        .produce(&topic, &format!("key={}", "k".repeat(LIMIT + 1)), "")
        .await
        .refusal(413, "record_too_large");
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 1);
}

async fn a_body_announced_too_long_is_refused_before_it_is_sent(context: Context) {
    let (gateway, topic) = (limited(&context).await, context.topic("announced", 1).await);
    let mut socket = Socket::connect(gateway.address()).await;
    let head = format!(
        "POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    );
    socket.write(head).await;
    let (head, body) = socket.reply().await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert!(body.contains("record_too_large") && body.contains("10000 bytes"), "{body}");
}

async fn a_body_of_unknown_length_is_refused_at_the_limit(context: Context) {
    let (gateway, topic) = (limited(&context).await, context.topic("chunked", 1).await);
    let chunked = |chunks: usize| {
        let chunks = (0..chunks).map(|_| Ok::<_, Infallible>(vec![b'x'; LIMIT / 4]));
        reqwest::Body::wrap_stream(stream::iter(chunks))
    };
    let detail = gateway.produce(&topic, "", chunked(5)).await.refusal(413, "record_too_large");
    assert!(detail.contains("10000 bytes"), "{detail}");
    gateway.produce(&topic, "", chunked(4)).await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(
        ledger.iter().map(|entry| entry.value.as_deref().map(<[u8]>::len)).collect::<Vec<_>>(),
        [Some(LIMIT)]
    );
}

async fn what_the_broker_finds_too_large_is_told_so(context: Context) {
    let gateway = context.gateway().await;
    let topic = context.topic_with("small", 1, &[("max.message.bytes", "2000")]).await;
    gateway.produce(&topic, "", vec![b'x'; 1000]).await.receipt();
    gateway.produce(&topic, "", vec![b'x'; 5000]).await.refusal(413, "record_too_large");
    gateway.produce(&topic, "acks=leader", vec![b'x'; 5000]).await.refusal(413, "record_too_large");
    // What was refused holds nothing up.
    assert_eq!(gateway.produce(&topic, "", "v").await.receipt(), (0, 1));
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 2);
}

async fn the_largest_record_of_the_default_limit_reaches_kafka(context: Context) {
    let gateway = context.gateway().await;
    let topic = context.topic_with("default", 1, &[("max.message.bytes", "2000000")]).await;
    gateway.produce(&topic, "", vec![b'x'; 1_048_576]).await.receipt();
    gateway.produce(&topic, "", vec![b'x'; 1_048_577]).await.refusal(413, "record_too_large");
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger[0].value.as_deref().map(<[u8]>::len), Some(1_048_576));
}
