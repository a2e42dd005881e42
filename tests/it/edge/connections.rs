//! HTTP/1.1 and HTTP/2 without TLS on one port.

use crate::harness::{Context, Socket, Sse, Test, send};
use crate::tests;
use futures_util::future::join_all;
use reqwest::Version;

pub fn tests() -> Vec<Test> {
    tests![
        http_2_with_prior_knowledge_is_served_on_the_same_port,
        a_connection_of_http_1_serves_request_after_request,
        a_refused_body_does_not_spoil_the_connections_next_request_unseen,
        a_client_of_http_1_0_is_served_and_its_connection_closed,
        an_upgrade_that_is_not_offered_is_passed_over,
    ]
}

async fn http_2_with_prior_knowledge_is_served_on_the_same_port(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("h2", 1).await);
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let reply = client.get(gateway.url("/livez")).send().await.expect("a reply");
    assert_eq!((reply.status().as_u16(), reply.version()), (200, Version::HTTP_2));
    let produced = (0..50).map(|n| {
        let url = gateway.url(&format!("/v1/topics/{topic}/records?key={n}"));
        send(client.post(url).body(format!("{n}")))
    });
    for reply in join_all(produced).await {
        reply.receipt();
    }
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 50);
    let url = gateway.url(&format!("/v1/topics/{topic}/stream?from=earliest"));
    let mut stream = Sse::open(client.get(url).header("accept", "text/event-stream")).await;
    assert_eq!(stream.records(50).await.len(), 50);
    send(client.get(gateway.url("/nowhere"))).await.refusal(404, "not_found");
}

async fn a_connection_of_http_1_serves_request_after_request(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("alive", 1).await);
    let mut socket = Socket::connect(gateway.address()).await;
    for n in 0..3 {
        socket
            .write(format!(
                "POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n{n}"
            ))
            .await;
        let (head, body) = socket.reply().await;
        assert!(
            head.starts_with("http/1.1 200") && body.contains(&format!("\"offset\":{n}")),
            "{head} {body}"
        );
        socket.write("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(socket.reply().await.0.starts_with("http/1.1 404"));
    }
}

/// A refusal may leave an unread body behind. Its bytes must never be taken for the next request.
async fn a_refused_body_does_not_spoil_the_connections_next_request_unseen(context: Context) {
    let gateway = context.gateway().await;
    let hidden = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut socket = Socket::connect(gateway.address()).await;
    let length = hidden.len();
    socket
        .write(format!(
            "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{hidden}"
        ))
        .await;
    assert!(socket.reply().await.0.starts_with("http/1.1 404"));
    socket.write("GET /also-nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let rest = String::from_utf8(socket.rest().await).expect("text");
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 404"), "the body was answered: {rest}");
    assert!(!rest.contains("\"status\":\"ok\""), "{rest}");
}

async fn a_client_of_http_1_0_is_served_and_its_connection_closed(context: Context) {
    let gateway = context.gateway().await;
    let mut socket = Socket::connect(gateway.address()).await;
    socket.write("GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    let reply = String::from_utf8(socket.rest().await).expect("text");
    assert!(reply.starts_with("HTTP/1.0 200") && reply.contains("ok"), "{reply}");
}

/// HTTP/2 is begun with its preface or not at all (RFC 9113, section 3.1), and there are no tunnels.
async fn an_upgrade_that_is_not_offered_is_passed_over(context: Context) {
    let gateway = context.gateway().await;
    for upgrade in ["h2c", "websocket"] {
        let mut socket = Socket::connect(gateway.address()).await;
        let head = format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n"
        );
        for _ in 0..2 {
            socket.write(&head).await;
            assert!(socket.reply().await.0.starts_with("http/1.1 200"), "{upgrade}");
        }
    }
    let mut socket = Socket::connect(gateway.address()).await;
    socket.write("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n").await;
    let answer = String::from_utf8(socket.rest().await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 405"), "{answer}");
}
