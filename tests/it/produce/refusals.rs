//! What a produce refuses before Kafka is asked: parameters, kinds of body, names of topics.

use crate::harness::{Context, Socket, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        an_unknown_parameter_is_refused_with_the_known_ones,
        parameters_of_the_stream_of_records_are_refused_until_it_is_served,
        bodies_that_are_not_one_record_are_refused,
        a_list_or_a_pattern_is_no_topic_to_write_to,
        illegal_topic_names_are_refused,
        text_that_is_not_utf8_is_refused_and_not_replaced,
    ]
}

async fn an_unknown_parameter_is_refused_with_the_known_ones(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("unknown", 1).await);
    for (query, name) in [("kye=a", "kye"), ("Key=a", "Key"), ("key=a&=b", ""), ("acks=all&x", "x")] {
        let detail = gateway.produce(&topic, query, "v").await.refusal(400, "unknown_parameter");
        assert!(detail.contains(&format!("`{name}`")), "{detail}");
        let known = [
            "key",
            "key_base64",
            "key_pointer",
            "partition",
            "timestamp",
            "acks",
            "tombstone",
            "header",
            "header_base64",
        ];
        let words: Vec<_> = detail.split([' ', ',']).collect();
        assert!(known.iter().all(|known| words.contains(known)), "{detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn parameters_of_the_stream_of_records_are_refused_until_it_is_served(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("lines", 1).await);
    for query in ["lines=value", "receipts=all", "on_error=stop"] {
        gateway.produce(&topic, query, "v").await.refusal(400, "unknown_parameter");
    }
}

async fn bodies_that_are_not_one_record_are_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bodies", 1).await);
    let kinds = [
        "application/x-ndjson",
        "Application/JSONL; charset=utf-8",
        "application/cloudevents+json",
        "application/cloudevents-batch+json;charset=utf-8",
    ];
    for kind in kinds {
        let reply = send(gateway.producing(&topic, "").header("content-type", kind).body("{}\n{}\n")).await;
        reply.refusal(415, "unsupported_media_type");
    }
    let reply = send(gateway.producing(&topic, "").header("ce-id", "1").body("v")).await;
    let detail = reply.refusal(415, "unsupported_media_type");
    assert!(detail.contains("CloudEvents"), "{detail}");
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn a_list_or_a_pattern_is_no_topic_to_write_to(context: Context) {
    let gateway = context.gateway().await;
    for topics in ["a,b", "a-*", "*", ",", "a%2Cb", "a%2A"] {
        let detail = gateway.produce(topics, "", "v").await.refusal(400, "one_topic_only");
        assert!(detail.contains("one literal topic name"), "{detail}");
    }
}

async fn illegal_topic_names_are_refused(context: Context) {
    let gateway = context.gateway().await;
    let long = "x".repeat(250);
    let names = [
        long.as_str(),
        "a%2Fb",
        "a%20b",
        "a:b",
        "%C3%A9",
        "%FF",
        "a%00b",
        "a%0D%0Ab",
        "%2E%2F",
        "a%25",
        "a@b",
        "~",
    ];
    for name in names {
        gateway.produce(name, "", "v").await.refusal(400, "invalid_topic");
    }
    // Written out, a client would take these for a walk through the path: they go by hand.
    for name in [".", "..", "%2E", "%2e%2E", "%2E."] {
        let mut socket = Socket::connect(gateway.address()).await;
        let head = format!(
            "POST /v1/topics/{name}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nv"
        );
        socket.write(head).await;
        let (head, body) = socket.reply().await;
        assert!(head.starts_with("http/1.1 400") && body.contains("invalid_topic"), "{name}: {head} {body}");
    }
    // The longest legal name is only unknown.
    gateway.produce(&long[1..], "", "v").await.refusal(404, "topic_not_found");
}

async fn text_that_is_not_utf8_is_refused_and_not_replaced(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("utf8", 1).await);
    for query in ["key=%FF", "header=a:%C3", "%FF=1"] {
        gateway.produce(&topic, query, "v").await.refusal(400, "invalid_parameter");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}
