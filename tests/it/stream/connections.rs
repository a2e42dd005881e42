//! A stream and the connection that carries it.

use crate::harness::{Context, Draft, Sse, Test, send, within};
use crate::tests;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub fn tests() -> Vec<Test> {
    tests![
        http2_carries_streams_beside_other_requests_on_one_connection,
        sigterm_ends_open_streams_between_two_frames,
    ]
}

async fn http2_carries_streams_beside_other_requests_on_one_connection(context: Context) {
    let topic = context.topic("h2", 1).await;
    let gateway = context.gateway_with(|_| {}).await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let url = |path: &str| gateway.url(&format!("/v1/topics/{topic}/{path}"));
    let open = || client.get(url("stream?format=value")).header("accept", "text/event-stream");
    let response = within("a head", open().send()).await.expect("a reply");
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    drop(response);
    let mut streams = [Sse::open(open()).await, Sse::open(open()).await];
    for stream in &mut streams {
        assert_eq!((stream.status, stream.header("content-type")), (200, "text/event-stream"));
        stream.expect("ready").await;
        stream.expect("caught-up").await;
    }
    for n in 0..20 {
        send(client.post(url("records")).body(n.to_string())).await.receipt();
        for stream in &mut streams {
            assert_eq!(stream.expect("message").await.data, n.to_string());
        }
    }
    let metrics = send(client.get(gateway.url("/metrics"))).await;
    let line = metrics.text().lines().find(|line| line.starts_with("sluicegate_http_connections "));
    assert_eq!(line, Some("sluicegate_http_connections 1"), "all of it went over one connection");
}

async fn sigterm_ends_open_streams_between_two_frames(context: Context) {
    let (topic, silent) = (context.topic("busy", 1).await, context.topic("quiet", 1).await);
    let mut child = context.serve(&[]);
    let gateway = child.gateway().await;
    let (mut quiet, mut busy) = (gateway.stream(&silent, "").await, gateway.stream(&topic, "").await);
    quiet.expect("ready").await;
    busy.expect("ready").await;
    let over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (writer, topic, over) = (context.kafka().writer(), topic.clone(), over.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                writer.write_all(&topic, 0, (0..50).map(|_| Draft::value(vec![b'x'; 2000]))).await;
            }
        }
    });
    let records = busy.records(200).await;
    assert_eq!(records.len(), 200);
    child.terminate();
    // An end that is not clean fails in `rest`.
    quiet.rest().await;
    busy.rest().await;
    over.store(true, Ordering::Relaxed);
    writing.await.expect("the writer ends");
    for stream in [&quiet, &busy] {
        let tail = &stream.raw[stream.raw.len().saturating_sub(200)..];
        assert!(tail.ends_with(b"\n\n"), "it ends in {:?}", String::from_utf8_lossy(tail));
    }
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}
