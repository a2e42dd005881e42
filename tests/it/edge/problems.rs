//! Refusals that no route makes, and what all routes promise.

use crate::harness::{Context, Socket, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_path_without_a_route_is_a_problem,
        a_method_that_a_route_does_not_take_is_told_with_those_it_takes,
        every_route_refuses_parameters_it_does_not_know,
        reading_changes_nothing,
        nothing_may_be_taken_for_another_type_than_it_says,
        a_problem_for_a_head_request_has_no_body,
        what_is_no_http_is_refused,
    ]
}

async fn a_path_without_a_route_is_a_problem(context: Context) {
    let gateway = context.gateway().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/topic",
        "/v1/topics/",
        "/v1/topics/a/b",
        "/v2/topics",
        "//livez",
        "/livez/",
        "/%00",
    ] {
        gateway.get(path).await.refusal(404, "not_found");
        send(gateway.request("DELETE", path)).await.refusal(404, "not_found");
    }
}

async fn a_method_that_a_route_does_not_take_is_told_with_those_it_takes(context: Context) {
    let gateway = context.gateway().await;
    let table = [
        ("POST", "/v1/topics", "GET,HEAD"),
        ("POST", "/v1/topics/a", "GET,HEAD,PUT"),
        ("DELETE", "/v1/topics/a", "GET,HEAD,PUT"),
        ("PUT", "/v1/topics/a/records", "GET,HEAD,POST"),
        ("POST", "/v1/topics/a/partitions/0/records/0", "GET,HEAD"),
        ("PUT", "/v1/topics/a/stream", "GET,HEAD"),
        ("PATCH", "/v1/cluster", "GET,HEAD"),
        ("POST", "/livez", "GET,HEAD"),
        ("POST", "/readyz", "GET,HEAD"),
        ("BREW", "/metrics", "GET,HEAD"),
    ];
    for (method, path, allowed) in table {
        let reply = send(gateway.request(method, path)).await;
        reply.refusal(405, "method_not_allowed");
        let mut named: Vec<_> = reply.header("allow").split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named.join(","), allowed, "{method} {path}");
    }
}

async fn every_route_refuses_parameters_it_does_not_know(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("strict", 1).await);
    for path in [
        "/v1/topics".to_owned(),
        format!("/v1/topics/{topic}"),
        format!("/v1/topics/{topic}/stream"),
        "/v1/cluster".to_owned(),
    ] {
        let detail = gateway.get(&format!("{path}?nonsense=1")).await.refusal(400, "unknown_parameter");
        assert!(detail.contains("`nonsense`"), "{path}: {detail}");
    }
    gateway.put(&format!("/v1/topics/{topic}?nonsense=1"), "").await.refusal(400, "unknown_parameter");
}

/// With auto-creation on, where a careless look-up would make a topic.
async fn reading_changes_nothing(context: Context) {
    let gateway = context.gateway_with(|config| config.produce.auto_create = true).await;
    let topic = context.name("read");
    gateway.get(&format!("/v1/topics/{topic}")).await.refusal(404, "topic_not_found");
    gateway.get(&format!("/v1/topics/{topic}/stream")).await.refusal(404, "topic_not_found");
    gateway.get(&format!("/v1/topics?match={topic}")).await.json(200);
    gateway.get("/v1/cluster").await.json(200);
    send(gateway.request("HEAD", &format!("/v1/topics/{topic}"))).await;
    assert_eq!(context.kafka().partitions(&topic).await, 0, "a topic was made by looking");
}

async fn nothing_may_be_taken_for_another_type_than_it_says(context: Context) {
    let gateway = context.gateway().await;
    for path in ["/livez", "/metrics", "/v1/topics", "/nowhere"] {
        let reply = gateway.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!reply.header("content-type").is_empty(), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
}

async fn a_problem_for_a_head_request_has_no_body(context: Context) {
    let gateway = context.gateway().await;
    let mut socket = Socket::connect(gateway.address()).await;
    socket.write("HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let read = String::from_utf8(socket.rest().await).expect("text");
    let (head, body) = read.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 404") && head.contains("application/problem+json"), "{head}");
    assert_eq!(body, "");
}

async fn what_is_no_http_is_refused(context: Context) {
    let gateway = context.gateway().await;
    for bytes in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET /livez HTTP/1.1\r\nbroken header\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut socket = Socket::connect(gateway.address()).await;
        socket.write(bytes).await;
        let reply = socket.rest().await;
        assert!(reply.starts_with(b"HTTP/1.1 400"), "{bytes:?}: {:?}", String::from_utf8_lossy(&reply));
    }
    gateway.get("/livez").await.json(200);
}
