//! What a client may not have more of: connections, bytes of a head, room for bodies. Whoever asks for more is told.

use crate::harness::{Context, Frames, Gateway, Socket, Sse, Test, send, until};
use crate::tests;
use std::net::IpAddr;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_connection_too_many_is_told_so_and_an_event_source_when_to_come_back,
        an_address_with_too_many_connections_is_told_so_and_others_are_served,
        probes_are_answered_when_there_is_no_room,
        who_is_let_in_to_be_told_does_not_stay_and_the_next_are_closed,
        a_head_that_is_too_large_is_told_so,
        bodies_that_come_in_share_a_room,
        requests_taken_back_by_the_thousand_end_the_connection_and_nothing_else,
    ]
}

const GET: &str = "GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n";

/// A connection that is served, and stays.
async fn served(gateway: &Gateway) -> Socket {
    let mut socket = Socket::connect(gateway.address()).await;
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let (head, _) = socket.reply().await;
    assert!(head.starts_with("http/1.1 200") && !head.contains("connection: close"), "{head}");
    socket
}

/// Whether a newcomer may stay.
async fn has_room(gateway: &Gateway) -> Option<()> {
    let mut socket = Socket::connect(gateway.address()).await;
    socket.write(format!("{GET}\r\n")).await;
    socket.reply().await.0.starts_with("http/1.1 200").then_some(())
}

async fn refused(gateway: &Gateway, reason: &str) -> usize {
    gateway.metric(&format!("sluicegate_http_connections_refused_total{{reason=\"{reason}\"}}")).await
}

async fn a_connection_too_many_is_told_so_and_an_event_source_when_to_come_back(context: Context) {
    let topic = context.topic("full", 1).await;
    let gateway = context.gateway_with(|config| config.listen.max_connections = 2).await;
    let (first, _second) = (served(&gateway).await, served(&gateway).await);
    let reply = gateway.get("/v1/topics").await;
    reply.refusal(503, "overloaded");
    assert_eq!(reply.header("connection"), "close");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 10));
    gateway.produce(&topic, "", "1").await.refusal(503, "overloaded");
    let mut stream = Sse::open(gateway.streaming(&topic, "").header("last-event-id", "1.abc")).await;
    assert_eq!((stream.status, stream.header("kafka-stream-status")), (200, "503"));
    let fault = stream.expect("fault").await;
    assert_eq!((&fault.json()["problem"]["code"], fault.id.as_str()), (&"overloaded".into(), "1.abc"));
    assert!(fault.retry.is_some_and(|retry| retry >= Duration::from_secs(10)), "{fault:?}");
    assert!(stream.next().await.is_none());
    assert!(refused(&gateway, "all").await >= 3);
    drop(first);
    until("there is room again", || has_room(&gateway)).await;
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn an_address_with_too_many_connections_is_told_so_and_others_are_served(context: Context) {
    let gateway = context.gateway_with(|config| config.listen.max_connections_per_address = 1).await;
    let first = served(&gateway).await;
    let reply = gateway.get("/v1/topics").await;
    reply.refusal(429, "too_many_connections");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 10));
    let mut stream = gateway.stream("orders", "").await;
    assert_eq!((stream.status, stream.header("kafka-stream-status")), (200, "429"));
    assert_eq!(stream.expect("fault").await.json()["problem"]["code"], "too_many_connections");
    let other: IpAddr = [127, 0, 0, 9].into();
    let mut socket = Socket::connect_from(other, gateway.address()).await;
    socket.write(format!("{GET}\r\n")).await;
    assert!(socket.reply().await.0.starts_with("http/1.1 200"));
    assert!(refused(&gateway, "address").await >= 2);
    drop(first);
    until("there is room again", || has_room(&gateway)).await;
}

async fn probes_are_answered_when_there_is_no_room(context: Context) {
    let gateway = context.gateway_with(|config| config.listen.max_connections = 1).await;
    let _only = served(&gateway).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        let reply = gateway.get(path).await;
        assert_eq!((reply.status, reply.header("connection")), (200, "close"), "{path}");
    }
    gateway.get("/livezz").await.refusal(503, "overloaded");
}

async fn who_is_let_in_to_be_told_does_not_stay_and_the_next_are_closed(context: Context) {
    let gateway = context.gateway_with(|config| config.listen.max_connections = 1).await;
    let _only = served(&gateway).await;
    let mut waiting = Vec::new();
    for _ in 0..64 {
        waiting.push(Socket::connect(gateway.address()).await);
    }
    let mut beyond = Socket::connect(gateway.address()).await;
    assert!(beyond.until_closed().await.is_empty(), "nothing is said to it");
    // They ask nothing: they are closed too, long before an idle connection would be.
    for mut socket in waiting {
        assert!(socket.until_closed().await.is_empty());
    }
    gateway.get("/v1/topics").await.refusal(503, "overloaded");
}

async fn a_head_that_is_too_large_is_told_so(context: Context) {
    let gateway = context.gateway_with(|config| config.listen.max_head_bytes = 10_000).await;
    let header = |bytes: usize| gateway.request("GET", "/livez").header("x-large", "x".repeat(bytes));
    assert_eq!(send(header(9000)).await.status, 200);
    let detail = send(header(10_000)).await.refusal(431, "headers_too_large");
    assert!(detail.contains("10000"), "the limit is named: {detail}");
    let detail = gateway.get(&format!("/livez?{}", "a".repeat(16_400))).await.refusal(414, "target_too_long");
    assert!(detail.contains("16384"), "the limit is named: {detail}");
    // What no parser should have to hold is refused by the parser, in fewer words.
    let endless = format!("{GET}x: {}", "x".repeat(300_000));
    let many = format!("{GET}{}\r\n", "x: y\r\n".repeat(200));
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(300_000));
    for bytes in [endless, many, long] {
        let mut socket = Socket::connect(gateway.address()).await;
        socket.try_write(&bytes).await;
        let answer = String::from_utf8_lossy(&socket.until_closed().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{}…: {answer}", &bytes[..60]);
    }
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let over_http_2 = |bytes: usize| client.get(gateway.url("/livez")).header("x-large", "x".repeat(bytes));
    assert_eq!(send(over_http_2(9000)).await.status, 200);
    send(over_http_2(10_000)).await.refusal(431, "headers_too_large");
    gateway.get("/livez").await.json(200);
}

async fn bodies_that_come_in_share_a_room(context: Context) {
    let topic = context.topic("room", 1).await;
    let gateway = context.gateway_with(|config| config.listen.max_body_bytes = 1024 * 1024).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut socket = Socket::connect(gateway.address()).await;
        let head = format!(
            "POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500001\r\n\r\n"
        );
        socket.write(head).await;
        socket.write(vec![b'x'; 500_000]).await;
        slow.push(socket);
    }
    until("there is no room for another", || async {
        let reply = gateway.produce(&topic, "", vec![b'y'; 100_000]).await;
        if reply.status == 200 {
            return None;
        }
        reply.refusal(503, "overloaded");
        Some(())
    })
    .await;
    gateway.produce(&topic, "", "small").await.receipt();
    // What is there already is not lost, and makes room.
    for mut socket in slow {
        socket.write("z").await;
        assert!(socket.reply().await.0.starts_with("http/1.1 200"));
    }
    gateway.produce(&topic, "", vec![b'y'; 600_000]).await.receipt();
}

async fn requests_taken_back_by_the_thousand_end_the_connection_and_nothing_else(context: Context) {
    let (gateway, topic) = (context.gateway_with(|_| {}).await, context.topic("resets", 1).await);
    let path = format!("/v1/topics/{topic}/records?from=latest&wait=50s");
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path.as_str())];
    let mut frames = Frames::connect(gateway.address()).await;
    let mut stream = 1;
    loop {
        let mut bytes = Vec::new();
        for _ in 0..20 {
            bytes.extend(crate::harness::frames::head(stream, &fields, true));
            bytes.extend(crate::harness::frames::reset(stream));
            stream += 2;
        }
        if !frames.bytes(&bytes).await {
            break;
        }
        assert!(stream < 2_000_000, "it may go on for ever");
    }
    while frames.next().await.is_some() {}
    gateway.produce(&topic, "", "1").await.receipt();
    until("nothing is left of it", || async {
        (gateway.metric("sluicegate_stream_readers").await == 0).then_some(())
    })
    .await;
}
