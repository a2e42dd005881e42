//! Clients that are slow: each is given its time and no more, and nobody else waits for it.

use crate::harness::{Context, Draft, Frames, Gateway, Socket, Test, until, within};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_head_that_trickles_in_is_cut_off,
        a_connection_without_a_request_is_closed_in_the_end,
        an_http_2_connection_without_a_request_is_told_to_go,
        a_body_that_does_not_come_is_told_so_and_its_connection_closed,
        a_client_that_takes_nothing_is_reset,
        a_stream_of_http_2_that_is_not_read_is_reset_and_its_neighbours_go_on,
        a_stream_outlives_every_time_out,
        an_answer_reaches_a_client_that_is_still_sending,
        a_client_that_closes_its_side_has_gone,
    ]
}

/// What a gateway of these tests waits for.
const SHORT: Duration = Duration::from_millis(400);
/// What it does not get to wait for.
const LONG: Duration = Duration::from_secs(600);

async fn overdue(gateway: &Gateway, reason: &str) -> usize {
    gateway.metric(&format!("sluicegate_http_connections_overdue_total{{reason=\"{reason}\"}}")).await
}

async fn a_head_that_trickles_in_is_cut_off(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            config.listen.head_timeout = SHORT;
            config.listen.keep_alive = LONG;
        })
        .await;
    for before in ["", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut socket = Socket::connect(gateway.address()).await;
        if !before.is_empty() {
            socket.write(before).await;
            socket.reply().await;
        }
        let (begun, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(50)));
        within("the cut", async {
            while socket.try_write("G").await {
                tick.tick().await;
            }
        })
        .await;
        assert!(begun.elapsed() >= SHORT, "cut after {:?}", begun.elapsed());
        assert!(socket.until_closed().await.is_empty(), "nothing is said");
    }
    until("both are counted", || async { (overdue(&gateway, "head").await == 2).then_some(()) }).await;
}

async fn a_connection_without_a_request_is_closed_in_the_end(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            config.listen.keep_alive = SHORT;
            config.listen.head_timeout = LONG;
        })
        .await;
    let mut silent = Socket::connect(gateway.address()).await;
    assert!(silent.rest().await.is_empty(), "nothing is said");
    let mut spoke = Socket::connect(gateway.address()).await;
    let asked = Instant::now();
    spoke.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(spoke.reply().await.0.starts_with("http/1.1 200"));
    assert!(spoke.rest().await.is_empty(), "nothing is said");
    assert!(asked.elapsed() >= SHORT, "closed after {:?}", asked.elapsed());
    until("both are counted", || async { (overdue(&gateway, "keep_alive").await >= 2).then_some(()) }).await;
}

async fn an_http_2_connection_without_a_request_is_told_to_go(context: Context) {
    let gateway = context.gateway_with(|config| config.listen.keep_alive = SHORT).await;
    let mut frames = Frames::connect(gateway.address()).await;
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/livez")];
    assert!(frames.head(1, &fields, true).await);
    let (mut answered, mut told) = (false, false);
    while let Some(frame) = frames.next().await {
        answered |= frame.is_answer();
        told |= frame.is_goaway();
    }
    assert!(answered && told, "answered: {answered}, told to go: {told}");
}

async fn a_body_that_does_not_come_is_told_so_and_its_connection_closed(context: Context) {
    let topic = context.topic("slow", 1).await;
    let gateway = context.gateway_with(|config| config.listen.body_timeout = SHORT).await;
    for path in [format!("POST /v1/topics/{topic}/records"), format!("PUT /v1/topics/{topic}")] {
        let mut socket = Socket::connect(gateway.address()).await;
        socket
            .write(format!("{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{\"half"))
            .await;
        let (head, body) = socket.reply().await;
        assert!(head.starts_with("http/1.1 408") && head.contains("connection: close"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let told = (problem["status"].as_u64().expect("a status"), problem["code"].as_str().expect("a code"));
        assert_eq!(told, (408, "body_timed_out"));
        assert!(socket.until_closed().await.is_empty());
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty(), "half a record was written");
}

async fn a_client_that_takes_nothing_is_reset(context: Context) {
    let topic = context.topic("unread", 1).await;
    let values = (0..30).map(|_| Draft::value(vec![b'x'; 900_000]));
    context.kafka().writer().write_all(&topic, 0, values).await;
    let gateway = context.gateway_with(|config| config.listen.write_timeout = Duration::from_secs(1)).await;
    let mut socket = Socket::connect(gateway.address()).await;
    let request = format!(
        "GET /v1/topics/{topic}/stream?from=earliest HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    );
    socket.write(request).await;
    until("it is counted", || async { (overdue(&gateway, "write").await == 1).then_some(()) }).await;
    until("its stream is over", || async { (gateway.metric("sluicegate_streams").await == 0).then_some(()) })
        .await;
    let read = socket.until_closed().await.len();
    assert!(read < 30 * 900_000, "{read} bytes were there all the same");
}

async fn a_stream_of_http_2_that_is_not_read_is_reset_and_its_neighbours_go_on(context: Context) {
    let topic = context.topic("window", 1).await;
    let gateway = context.gateway_with(|config| config.listen.write_timeout = Duration::from_secs(1)).await;
    let mut frames = Frames::connect(gateway.address()).await;
    frames.take_nothing().await;
    let path = format!("/v1/topics/{topic}/stream");
    let request = |method, path| {
        [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
    };
    assert!(frames.head(1, &request("GET", &path), true).await);
    loop {
        let frame = frames.next().await.expect("the connection goes on");
        assert!(!frame.is_goaway(), "{frame:?}");
        if frame.is_reset() {
            assert_eq!(frame.stream, 1);
            break;
        }
    }
    // An answer without a body needs no room.
    assert!(frames.head(3, &request("HEAD", "/livez"), true).await);
    while !frames.next().await.expect("the connection goes on").is_answer() {}
    until("the stream is over", || async { (gateway.metric("sluicegate_streams").await == 0).then_some(()) })
        .await;
    assert_eq!(overdue(&gateway, "stream").await, 1);
}

async fn a_stream_outlives_every_time_out(context: Context) {
    let topic = context.topic("outlives", 1).await;
    let gateway = context
        .gateway_with(|config| {
            let listen = &mut config.listen;
            (listen.keep_alive, listen.head_timeout, listen.body_timeout) = (SHORT, SHORT, SHORT);
            listen.write_timeout = Duration::from_secs(1);
        })
        .await;
    let mut streams = [
        gateway.stream(&topic, "heartbeat=5s&ping=true").await,
        gateway.stream(&topic, "heartbeat=5s").await,
    ];
    streams[0].expect("ready").await;
    streams[0].expect("caught-up").await;
    // A heartbeat is ten times as long as any of the time-outs.
    streams[0].expect("ping").await;
    gateway.produce(&topic, "", "1").await.receipt();
    for stream in &mut streams {
        assert_eq!(stream.records(1).await[0].value(), 1);
    }
    // So does an answer that is waited for.
    let next =
        gateway.page(&topic, "from=earliest").await.json(200)["next"].as_str().expect("a cursor").to_owned();
    let waited = gateway.page(&topic, &format!("from={next}&wait=2s")).await;
    assert_eq!(waited.status, 204);
}

/// Closed while it writes, a client would see a broken connection and never the answer.
async fn an_answer_reaches_a_client_that_is_still_sending(context: Context) {
    let gateway = context.gateway().await;
    for path in ["/nowhere", "/v1/topics/a,b/records", "/v1/topics/a/records?nonsense=1"] {
        let mut socket = Socket::connect(gateway.address()).await;
        socket
            .write(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"))
            .await;
        for _ in 0..30 {
            socket.try_write(vec![b'x'; 100_000]).await;
        }
        let answer = socket.until_closed().await;
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{path}: {:?}", String::from_utf8_lossy(&answer));
    }
}

/// Nothing tells a client that only sends no more from one that has left, and a stream must not wait for the latter.
async fn a_client_that_closes_its_side_has_gone(context: Context) {
    let (gateway, topic) = (context.gateway_with(|_| {}).await, context.topic("half", 1).await);
    let path = format!("/v1/topics/{topic}/stream");
    for (sent, awaited) in
        [("", ""), ("GET /livez HT", ""), ("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", "ready")]
    {
        let mut socket = Socket::connect(gateway.address()).await;
        socket.write(sent.replace("{path}", &path)).await;
        if !awaited.is_empty() {
            socket.read_past(awaited).await;
        }
        socket.finish().await;
        socket.until_closed().await;
    }
    until("its stream is over", || async { (gateway.metric("sluicegate_streams").await == 0).then_some(()) })
        .await;
    until("nothing is left of them", || async {
        (gateway.metric("sluicegate_http_connections").await <= 1).then_some(())
    })
    .await;
}
