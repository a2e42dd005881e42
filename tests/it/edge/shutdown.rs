//! SIGTERM: everything ends within the deadline, and what was acknowledged is written.

use crate::harness::{Context, Gateway, Test, until};
use crate::tests;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

pub fn tests() -> Vec<Test> {
    tests![
        sigterm_ends_an_idle_process_with_code_zero_and_frees_its_port,
        sigterm_ends_open_streams_and_loses_nothing_that_was_acknowledged,
        a_request_that_never_ends_is_cut_at_the_deadline,
    ]
}

async fn sigterm_ends_an_idle_process_with_code_zero_and_frees_its_port(context: Context) {
    let mut child = context.serve(&[]);
    let gateway = child.gateway().await;
    gateway.get("/livez").await.json(200);
    let begun = Instant::now();
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(begun.elapsed() < Duration::from_secs(10), "ended after {:?}", begun.elapsed());
    let address = gateway.address();
    until("the port is free", || async { std::net::TcpListener::bind(address).ok() }).await;
}

/// Produces until it is told to stop or the gateway is gone, and gives what was acknowledged.
async fn produce_on(gateway: Gateway, topic: String, worker: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let value = format!("{worker}-{n}");
        let Ok(reply) = gateway.producing(&topic, "").body(value.clone()).send().await else { break };
        if reply.status() == 200 && reply.bytes().await.is_ok() {
            acknowledged.push(value);
        }
    }
    acknowledged
}

async fn sigterm_ends_open_streams_and_loses_nothing_that_was_acknowledged(context: Context) {
    let topic = context.topic("busy", 3).await;
    let mut child = context.serve(&[("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "10s")]);
    let gateway = child.gateway().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = gateway.stream(&topic, "").await;
        stream.expect("ready").await;
        streams.push(stream);
    }
    let (stop, mut workers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for worker in 0..8 {
        workers.spawn(produce_on(gateway.clone(), topic.clone(), worker, stop.clone()));
    }
    streams[0].records(50).await;
    let begun = Instant::now();
    child.terminate();
    for stream in &mut streams {
        stream.rest().await;
        let tail = String::from_utf8_lossy(&stream.raw);
        assert!(
            tail.ends_with("\n\n") || tail.ends_with(":\n"),
            "a stream ends between two blocks: {tail:?}"
        );
    }
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(begun.elapsed() < Duration::from_secs(12), "ended after {:?}", begun.elapsed());
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() >= 50, "only {} were acknowledged", acknowledged.len());
    let ledger = context.kafka().consume_all(&topic).await;
    let mut written: Vec<_> = ledger.iter().map(|entry| entry.value.clone().expect("a value")).collect();
    written.sort();
    for value in &acknowledged {
        assert!(written.binary_search(&value.clone().into()).is_ok(), "{value} was acknowledged and is lost");
    }
    written.dedup();
    assert_eq!(written.len(), ledger.len(), "a record was written twice");
}

async fn a_request_that_never_ends_is_cut_at_the_deadline(context: Context) {
    let topic = context.topic("endless", 1).await;
    let mut child = context.serve(&[("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "1s")]);
    let gateway = child.gateway().await;
    let mut socket = crate::harness::Socket::connect(gateway.address()).await;
    let head =
        format!("POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
    socket.write(head + "half").await;
    gateway.get("/livez").await.json(200);
    let begun = Instant::now();
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(begun.elapsed() < Duration::from_secs(8), "ended after {:?}", begun.elapsed());
    assert!(context.kafka().consume_all(&topic).await.is_empty(), "half a record was written");
}
