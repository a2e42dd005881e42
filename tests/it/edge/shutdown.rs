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
        a_drain_asks_each_stream_to_come_back_and_leaves_no_produce_unanswered,
        a_draining_gateway_is_not_ready_and_tells_newcomers_when_to_come_back,
        a_second_signal_ends_at_once,
        restarts_behind_an_inherited_socket_refuse_nobody,
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

/// What became of a worker's produces: those that were acknowledged, and those that had no answer.
#[derive(Default)]
struct Produced {
    acknowledged: Vec<String>,
    unanswered: Vec<String>,
}

/// Produces until nobody listens any more.
async fn produce_to_the_end(gateway: Gateway, topic: String, worker: usize) -> Produced {
    let mut produced = Produced::default();
    for n in 0.. {
        let value = format!("{worker}-{n}");
        match gateway.producing(&topic, "").body(value.clone()).send().await {
            Ok(reply) if reply.status() == 200 => produced.acknowledged.push(value),
            Ok(reply) => panic!("{}", reply.status()),
            Err(error) if error.is_connect() => break,
            Err(_) => produced.unanswered.push(value),
        }
    }
    produced
}

async fn a_drain_asks_each_stream_to_come_back_and_leaves_no_produce_unanswered(context: Context) {
    let topic = context.topic("drained", 3).await;
    let window = ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "3s");
    let mut child = context.serve(&[window, ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "20s")]);
    let gateway = child.gateway().await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = gateway.stream(&topic, "").await;
        stream.expect("ready").await;
        streams.push(stream);
    }
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        workers.spawn(produce_to_the_end(gateway.clone(), topic.clone(), worker));
    }
    streams[0].records(20).await;
    child.terminate();
    let mut drained = JoinSet::new();
    for mut stream in streams {
        drained.spawn(async move {
            let events = stream.rest().await;
            (events.last().cloned().expect("a last event"), Instant::now())
        });
    }
    let mut moments = Vec::new();
    for (last, moment) in drained.join_all().await {
        assert_eq!((last.kind.as_str(), &last.json()["reason"]), ("drain", &"shutdown".into()));
        assert!(last.retry.is_some(), "it is told when to come back");
        moments.push(moment);
    }
    moments.sort();
    assert!(moments[49] - moments[0] > Duration::from_millis(500), "all went at one moment");
    let produced = workers.join_all().await;
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    let unanswered: Vec<_> = produced.iter().flat_map(|produced| produced.unanswered.clone()).collect();
    let acknowledged: Vec<_> = produced.into_iter().flat_map(|produced| produced.acknowledged).collect();
    let ledger = context.kafka().consume_all(&topic).await;
    let mut written: Vec<_> = ledger.iter().map(|entry| entry.value.clone().expect("a value")).collect();
    written.sort();
    for value in &acknowledged {
        assert!(written.binary_search(&value.clone().into()).is_ok(), "{value} was acknowledged and is lost");
    }
    // Who came when the listener closed was reset by the system, as if it had been refused; nobody else goes without an answer.
    assert_eq!(written.len(), acknowledged.len(), "a record was written that nobody was told of");
    assert!(unanswered.len() <= 1, "{unanswered:?} had no answer");
}

async fn a_draining_gateway_is_not_ready_and_tells_newcomers_when_to_come_back(context: Context) {
    let topic = context.topic("newcomers", 1).await;
    let window = ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "60s");
    let mut child = context.serve(&[window, ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "90s")]);
    let gateway = child.gateway().await;
    gateway.get("/readyz").await.json(200);
    child.terminate();
    until("readiness is off", || async { (gateway.get("/readyz").await.status == 503).then_some(()) }).await;
    gateway.get("/readyz").await.refusal(503, "not_ready");
    gateway.get("/livez").await.json(200);
    let fault = gateway.stream(&topic, "").await.expect("fault").await;
    assert_eq!(fault.json()["problem"]["code"], "not_ready");
    let retry = fault.retry.expect("when to come back");
    assert!((80..95).contains(&retry.as_secs()), "after the deadline: {retry:?}");
    let refused = gateway.get(&format!("/v1/topics/{topic}/stream?errors=status")).await;
    refused.refusal(503, "not_ready");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 60));
    // What is no stream is served to the end, on connections that are not kept.
    gateway.produce(&topic, "", "{}").await.receipt();
    let page = gateway.get(&format!("/v1/topics/{topic}/records?from=earliest")).await;
    assert_eq!((page.status, page.header("connection")), (200, "close"));
    let page = page.json(200);
    assert_eq!((&page["records"][0]["value"], &page["up_to_date"]), (&serde_json::json!({}), &true.into()));
    let next = page["next"].as_str().expect("a cursor");
    let begun = Instant::now();
    let waiting = gateway.get(&format!("/v1/topics/{topic}/records?from={next}&wait=50s")).await;
    assert_eq!(waiting.status, 204);
    assert!(begun.elapsed() < Duration::from_secs(30), "it waited for what another gateway will see");
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn a_second_signal_ends_at_once(context: Context) {
    let topic = context.topic("hurry", 1).await;
    let window = ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "60s");
    let mut child = context.serve(&[window, ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "120s")]);
    let gateway = child.gateway().await;
    let mut stream = gateway.stream(&topic, "").await;
    stream.expect("ready").await;
    child.terminate();
    until("readiness is off", || async { (gateway.get("/readyz").await.status == 503).then_some(()) }).await;
    let begun = Instant::now();
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(begun.elapsed() < Duration::from_secs(30), "ended after {:?}", begun.elapsed());
}

/// Restarts by hand take as long as one likes: `RESTARTS=12` is a minute's worth.
fn restarts() -> usize {
    std::env::var("RESTARTS").ok().and_then(|count| count.parse().ok()).unwrap_or(3)
}

async fn restarts_behind_an_inherited_socket_refuse_nobody(context: Context) {
    let topic = context.topic("restarts", 3).await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let gateway = Gateway::at(socket.local_addr().expect("an address"));
    let window = [("SLUICEGATE_LISTEN__DRAIN_WINDOW", "1s")];
    let mut child = context.serve_on(&socket, &window);
    let (stop, mut workers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for worker in 0..4 {
        let (gateway, topic, stop) = (gateway.clone(), topic.clone(), stop.clone());
        workers.spawn(async move {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let value = format!("{worker}-{}", acknowledged.len());
                let reply = gateway.producing(&topic, "").body(value.clone()).send().await;
                let reply = reply.unwrap_or_else(|error| panic!("{value} had no answer: {error:?}"));
                assert_eq!(reply.status(), 200, "{value}");
                acknowledged.push(value);
            }
            acknowledged
        });
    }
    for _ in 0..restarts() {
        let served = context.kafka().consume_all(&topic).await.len();
        until("it serves", || async {
            (context.kafka().consume_all(&topic).await.len() > served + 20).then_some(())
        })
        .await;
        child.terminate();
        assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
        child = context.serve_on(&socket, &window);
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let ledger = context.kafka().consume_all(&topic).await;
    let mut written: Vec<_> = ledger.into_iter().map(|entry| entry.value.expect("a value")).collect();
    written.sort();
    acknowledged.sort();
    assert!(written.iter().eq(acknowledged.iter()), "each record is written once and acknowledged once");
}
