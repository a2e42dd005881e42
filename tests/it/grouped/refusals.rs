//! What a poll and an acknowledgement may not ask for, and who may not ask.

use super::Worked;
use crate::harness::{Context, Sse, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_body_that_is_not_what_is_needed_is_refused,
        a_topic_that_is_not_there_is_told_at_once,
        a_strangers_page_takes_no_part_in_a_group,
        a_group_may_have_nearly_any_name,
        a_query_is_refused,
        what_does_not_go_with_a_group_is_no_parameter_of_its_stream,
        a_strangers_page_opens_no_stream_of_a_group,
    ]
}

async fn a_body_that_is_not_what_is_needed_is_refused(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for more in [
        json!({"topic": "a"}),
        json!({"topics": []}),
        json!({"topics": "orders"}),
        json!({"max": 0}),
        json!({"max": 10_001}),
        json!({"max": "7"}),
        json!({"max_bytes": 0}),
        json!({"wait_ms": 55_001}),
        json!({"wait_ms": -1}),
        json!({"session": "s"}),
        json!({"seq": 1}),
        json!({"session": "", "seq": 1}),
        json!({"session": "s".repeat(101), "seq": 1}),
        json!({"from": "-5"}),
        json!({"from": "0:1"}),
        json!({"from": "1."}),
        json!({"value": "json"}),
        json!({"ack": "reconnect"}),
        json!({"window": 0}),
        json!({"ordering": "topic"}),
        json!({"ack_timeout_ms": 99}),
        json!({"max_attempts": 0}),
        json!({"dead_letter": "grave"}),
        json!({"max_attempts": 1, "dead_letter": "a b"}),
        json!({"max_attempts": 1, "ack": "written"}),
        json!({"key": ["a"], "key_prefix": ["b"]}),
        json!({"key_base64": ["?"]}),
        json!({"header.": ["a"]}),
        json!({"header.h": "a"}),
        json!({"where": ["x"]}),
        json!({"nacks": ["g1."]}),
        json!({"nacks": [{"id": "g1.", "delay_ms": 43_200_001}]}),
        json!({"ids": vec!["g1."; 10_001]}),
    ] {
        let reply = worked.post("poll", &worked.asking(&more)).await;
        reply.refusal(400, "invalid_body");
    }
    worked.post("poll", &json!({})).await.refusal(400, "invalid_body");
    worked.post("poll", &worked.asking(&json!({"topics": ["a b"]}))).await.refusal(400, "invalid_topic");
    worked.post("poll", &worked.asking(&json!({"topics": ["*"]}))).await.refusal(400, "invalid_topic");
    for body in ["[]", "{", "1", "{\"id\":[]}", "{\"ids\":\"g1.\"}", "{\"up_to\":[1]}", "\u{feff}{}"] {
        send(worked.posting("acks").body(body)).await.refusal(400, "invalid_body");
    }
    for body in ["", "{}"] {
        assert_eq!(send(worked.posting("acks").body(body)).await.status, 204, "there is nothing to do");
    }
    let large = format!("{{\"ids\":[\"{}\"]}}", "A".repeat(5 << 20));
    send(worked.posting("acks").body(large)).await.refusal(400, "invalid_body");
}

async fn a_topic_that_is_not_there_is_told_at_once(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let body = worked.asking(&json!({"topics": [worked.topic, context.name("nowhere")]}));
    worked.post("poll", &body).await.refusal(404, "topic_not_found");
}

async fn a_strangers_page_takes_no_part_in_a_group(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [1]).await;
    let ids = worked.next(json!({})).await.ids();
    for (what, body) in [("poll", worked.asking(&json!({"ids": ids}))), ("acks", json!({"ids": ids}))] {
        let body = body.to_string();
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = worked.posting(what).header(name, value).body(body.clone());
            send(request).await.refusal(403, "cross_site");
        }
    }
    assert_eq!(worked.committed(1).await, [0]);
    worked.ack(&ids).await;
    worked.until_committed(&[1]).await;
}

async fn a_group_may_have_nearly_any_name(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [1]).await;
    for name in ["a/b c?d#e%2F", "заказы", "🦀\n", "\"quoted\\\"", ".", "..", "{group}"] {
        let odd = Worked { group: format!("{}{name}", context.prefix()), ..worked.clone() };
        let batch = odd.next(json!({})).await;
        odd.ack(&batch.ids()).await;
        odd.until_committed(&[1]).await;
        assert_eq!(
            odd.stream("ack=explicit").await.expect("ready").await.json()["group"],
            odd.group.as_str()
        );
    }
    for bad in ["", "a%00b", "%ff"] {
        let path = format!("/v1/groups/{bad}/acks");
        let reply = send(worked.gateway.request("POST", &path).body("{}")).await;
        reply.refusal(400, "invalid_group");
    }
}

async fn a_query_is_refused(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for what in ["poll", "acks"] {
        let reply = send(worked.posting(&format!("{what}?max=1")).body("{}")).await;
        reply.refusal(400, "unknown_parameter");
    }
}

async fn what_does_not_go_with_a_group_is_no_parameter_of_its_stream(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for query in [
        "until=now",
        "partition=0",
        "ids=flush",
        "on_slow=skip",
        "on_loss=fail",
        "flush=5ms",
        "value=json",
        "ack=later",
        "ordering=topic",
        "window=0",
        "window=100001",
        "ack_timeout=99ms",
        "ack_timeout=30",
        "max_attempts=0",
        "dead_letter=grave",
        "max_attempts=1&dead_letter=a%20b",
        "max_attempts=1&ack=written",
        "key=a&key_prefix=b",
    ] {
        send(worked.streaming(query)).await.refusal(400, "invalid_parameter");
    }
    for from in ["-5", "0:1", "1.", "0:1,1:2"] {
        let path = format!("/v1/topics/{}/stream?group=g&from={from}", worked.topic);
        worked.gateway.get(&path).await.refusal(400, "invalid_parameter");
    }
    send(worked.streaming("session=a")).await.refusal(400, "unknown_parameter");
    worked.gateway.get("/v1/topics/*/stream?group=g").await.refusal(400, "invalid_topic");
    let path = format!("/v1/topics/{}/stream?group=", worked.topic);
    worked.gateway.get(&path).await.refusal(400, "invalid_group");
    let path = format!("/v1/topics/{}/stream?group=g", context.name("nowhere"));
    worked.gateway.get(&path).await.refusal(404, "topic_not_found");
}

async fn a_strangers_page_opens_no_stream_of_a_group(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [1]).await;
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        send(worked.streaming("").header(name, value)).await.refusal(403, "cross_site");
        let path = format!("/v1/topics/{}/stream?from=earliest&%67rou%70={}", worked.topic, worked.group);
        send(worked.gateway.request("GET", &path).header(name, value)).await.refusal(403, "cross_site");
    }
    let mut plain = Sse::open(
        worked.gateway.streaming(&worked.topic, "from=earliest").header("origin", "https://evil.example"),
    )
    .await;
    assert_eq!(plain.records(1).await.len(), 1, "a stream without a group moves nothing");
    assert_eq!(worked.committed(1).await, [-1], "nobody has joined");
}
