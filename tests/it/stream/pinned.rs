//! What slow clients hold of that which is sent to all: bounded, at the cost of the slowest.

use crate::harness::{Context, Draft, Frames, Gateway, Socket, Sse, Test, until, within};
use crate::tests;
use sluicegate::config::Config;

pub fn tests() -> Vec<Test> {
    tests![
        clients_that_hold_too_much_are_cut_the_slowest_first_and_nobody_else_notices,
        no_more_clients_are_cut_than_it_takes,
        an_answer_that_nobody_shares_is_not_cut_for_what_streams_hold,
        streams_of_http_2_that_hold_too_much_are_reset_and_their_connection_goes_on,
    ]
}

const VIEWERS: i64 = 24;
const EACH: i64 = 10;
const MOST: usize = 1_000_000;
const CUT: &str = r#"sluicegate_http_connections_overdue_total{reason="pinned"}"#;
const PINNED: &str = "sluicegate_pinned_bytes";

async fn clients_that_hold_too_much_are_cut_the_slowest_first_and_nobody_else_notices(context: Context) {
    let topic = context.topic("pinned", 1).await;
    let small = |config: &mut Config| {
        config.streams.ring_bytes = 1_000_000;
        config.streams.max_pinned_bytes = MOST;
    };
    let (gateway, writer) = (context.gateway_with(small).await, context.kafka().writer());
    let mut reads = gateway.stream(&topic, "").await;
    reads.expect("ready").await;
    reads.expect("caught-up").await;
    // They come one after the other and take nothing, so that each is left with records of its own.
    let mut stuck = Vec::new();
    for n in 0..VIEWERS {
        let mut stream = gateway.stream(&topic, "").await;
        stream.expect("ready").await;
        stream.expect("caught-up").await;
        stuck.push(stream);
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(100_000)))).await;
        for (record, offset) in reads.records(EACH as usize).await.iter().zip(n * EACH..) {
            assert_eq!(record.address(), (0, offset));
        }
    }
    let cut = r#"sluicegate_http_connections_overdue_total{reason="pinned"}"#;
    until("the slowest are cut", async || (gateway.metric(cut).await > 0).then_some(())).await;
    until("the others hold what they may", async || {
        (gateway.metric("sluicegate_pinned_bytes").await <= MOST).then_some(())
    })
    .await;
    let cut = gateway.metric(cut).await as i64;
    assert!(cut < VIEWERS - 1, "not all of them: {cut}");
    assert_eq!(gateway.metric("sluicegate_streams").await as i64, VIEWERS + 1 - cut);
    // The last to come has lost nothing, and neither has who reads.
    let last = stuck.pop().expect("the last").records(EACH as usize).await;
    for (record, offset) in last.iter().zip((VIEWERS - 1) * EACH..) {
        assert_eq!(record.address(), (0, offset));
    }
    drop(stuck);
    until("nothing is held", async || (gateway.metric("sluicegate_pinned_bytes").await == 0).then_some(()))
        .await;
    gateway.produce(&topic, "", "1").await.receipt();
    assert_eq!(reads.records(1).await[0].address(), (0, VIEWERS * EACH));
}

/// A gateway with a small ring, where slow clients may hold `most` bytes, and a stream that is read.
async fn watched(context: &Context, topic: &str, most: usize) -> (Gateway, Sse) {
    let small = |config: &mut Config| {
        config.streams.ring_bytes = 1_000_000;
        config.streams.max_pinned_bytes = most;
    };
    let gateway = context.gateway_with(small).await;
    let reads = open(&gateway, topic).await;
    (gateway, reads)
}

async fn open(gateway: &Gateway, topic: &str) -> Sse {
    let mut stream = gateway.stream(topic, "").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    stream
}

async fn no_more_clients_are_cut_than_it_takes(context: Context) {
    // One client holds as much as many blocks.
    const LARGE: usize = 900_000;
    const MOST: usize = 10_000_000;
    let topic = context.topic("large", 1).await;
    let ((gateway, mut reads), writer) = (watched(&context, &topic, MOST).await, context.kafka().writer());
    let mut stuck = Vec::new();
    while gateway.metric(CUT).await == 0 {
        assert!(stuck.len() < 3 * VIEWERS as usize, "nobody is cut");
        stuck.push(open(&gateway, &topic).await);
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(LARGE)))).await;
        reads.records(EACH as usize).await;
    }
    until("they hold what they may", async || (gateway.metric(PINNED).await <= MOST).then_some(())).await;
    // Before the last of them came it was not too much, and who comes holds two records at most.
    let cut = gateway.metric(CUT).await;
    assert!(cut <= 4, "{cut} of {}", stuck.len());
}

async fn an_answer_that_nobody_shares_is_not_cut_for_what_streams_hold(context: Context) {
    let (topic, paged) = (context.topic("pinned", 1).await, context.topic("paged", 1).await);
    let ((gateway, mut reads), writer) = (watched(&context, &topic, MOST).await, context.kafka().writer());
    writer.write_all(&paged, 0, (0..18).map(|_| Draft::value("x".repeat(900_000)))).await;
    // It is the first that takes nothing.
    let mut page = Socket::connect(gateway.address()).await;
    let path = format!("/v1/topics/{paged}/records?from=earliest&max_bytes=16000000");
    page.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
    page.read_past("200 OK").await;
    let mut stuck = Vec::new();
    for _ in 0..VIEWERS {
        stuck.push(open(&gateway, &topic).await);
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(100_000)))).await;
        reads.records(EACH as usize).await;
    }
    until("streams are cut", async || (gateway.metric(CUT).await > 0).then_some(())).await;
    until("the others hold what they may", async || (gateway.metric(PINNED).await <= MOST).then_some(()))
        .await;
    let rest = page.until_closed().await;
    assert!(rest.len() > 14_000_000 && rest.ends_with(b"}"), "cut after {} bytes", rest.len());
}

async fn streams_of_http_2_that_hold_too_much_are_reset_and_their_connection_goes_on(context: Context) {
    const WINDOW: usize = 4000;
    let topic = context.topic("pinned", 1).await;
    let ((gateway, mut reads), writer) = (watched(&context, &topic, MOST).await, context.kafka().writer());
    let mut frames = Frames::connect(gateway.address()).await;
    frames.take_nothing().await;
    frames.take_more(0, 1_000_000).await;
    let path = format!("/v1/topics/{topic}/stream");
    let request = |method, path| {
        [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
    };
    let mut resets = Vec::new();
    let streams: Vec<_> = (0..VIEWERS as u32).map(|n| 2 * n + 1).collect();
    for stream in &streams {
        assert!(frames.head(*stream, &request("GET", &path), true).await);
        frames.take_more(*stream, WINDOW).await;
        // What comes first is taken, and of a record only a part.
        let mut begun = Vec::new();
        while !String::from_utf8_lossy(&begun).contains("event: caught-up") {
            let frame = within("a frame", frames.next()).await.expect("the connection goes on");
            resets.extend(frame.is_reset().then_some(frame.stream));
            begun.extend(frame.data().filter(|_| frame.stream == *stream).unwrap_or_default());
        }
        writer.write_all(&topic, 0, (0..EACH).map(|_| Draft::value("x".repeat(100_000)))).await;
        reads.records(EACH as usize).await;
    }
    until("streams are cut", async || (gateway.metric(CUT).await > 0).then_some(())).await;
    until("the others hold what they may", async || (gateway.metric(PINNED).await <= MOST).then_some(()))
        .await;
    let last = streams[streams.len() - 1] + 2;
    assert!(frames.head(last, &request("HEAD", "/livez"), true).await);
    loop {
        let frame = within("a frame", frames.next()).await.expect("the connection goes on");
        assert!(!frame.is_goaway(), "{frame:?}");
        resets.extend(frame.is_reset().then_some(frame.stream));
        if frame.is_answer() && frame.stream == last {
            break;
        }
    }
    resets.sort_unstable();
    assert_eq!(resets, streams[..resets.len()], "the slowest are reset");
    assert!((1..streams.len()).contains(&resets.len()), "{} are reset", resets.len());
}
