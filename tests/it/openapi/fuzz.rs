//! Ugly requests by the thousand: none is answered by 500 or by anything that the document does not declare, no handler
//! panics, and a good request afterwards succeeds.
//!
//! The gateway runs in a process of its own, so that its memory can be told from the broker's. 20 s in every run;
//! `FUZZ_REQUESTS=100000` sends so many instead, however long it takes (`TEST_SECONDS` has to allow it).

mod raw;
mod requests;
mod ugly;

use crate::harness::{Asked, Child, Context, DECLARED, Gateway, Test, seed};
use crate::tests;
use raw::{Answer, Raw, Request};
use requests::Maker;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![ugly_requests_are_answered_as_declared_and_harm_nobody]
}

/// How long the requests of a usual run may take.
const TIME: Duration = Duration::from_secs(20);

/// Connections at once.
const CONNECTIONS: u64 = 8;

/// How long an answer may take: longer than Kafka may take to make a topic.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much the process may have grown, in bytes: what a cache of some thousands of names, and buffers, come to.
const GROWTH: u64 = 96 << 20;

/// What the requests of a run have in common.
struct Run {
    gateway: Gateway,
    topic: String,
    seed: u64,
    /// How many requests are still to be sent.
    left: AtomicU64,
    until: Option<Instant>,
    sent: AtomicU64,
    /// How many were refused before they were a request to any operation.
    not_http: AtomicU64,
}

async fn ugly_requests_are_answered_as_declared_and_harm_nobody(context: Context) {
    let mut child =
        context.serve(&[("SLUICEGATE_TELEMETRY__LOG", "sluicegate=info,sluicegate::request=off")]);
    let gateway = child.gateway().await;
    let topic = context.topic("fuzz", 2).await;
    context.kafka().commit(&format!("{topic}-group"), &topic, &[(0, 0)]).await;
    let wanted = std::env::var("FUZZ_REQUESTS").ok().and_then(|count| count.parse().ok());
    let run = Arc::new(Run {
        gateway: gateway.clone(),
        topic: topic.clone(),
        seed: seed("fuzz"),
        left: AtomicU64::new(wanted.unwrap_or(u64::MAX)),
        until: wanted.is_none().then(|| Instant::now() + TIME),
        sent: AtomicU64::new(0),
        not_http: AtomicU64::new(0),
    });
    // What is made once and kept, such as buffers and readers, is made before memory is looked at.
    good_request(&gateway, &topic).await;
    let before = resident_bytes(&child);
    let asking: Vec<_> = (0..CONNECTIONS).map(|n| tokio::spawn(ask(run.clone(), n))).collect();
    for asked in asking {
        if let Err(failed) = asked.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    good_request(&gateway, &topic).await;
    let after = resident_bytes(&child);
    let (sent, not_http) = (run.sent.load(Ordering::Relaxed), run.not_http.load(Ordering::Relaxed));
    eprintln!(
        "fuzz: {sent} requests ({not_http} no HTTP), {} MiB before, {} MiB after",
        before >> 20,
        after >> 20
    );
    assert!(sent > 500 && not_http * 4 < sent, "{sent} requests, {not_http} of them no HTTP");
    assert!(after < before + GROWTH, "{before} bytes before, {after} after {sent} requests");
    let said = [child.stdout(), child.stderr()].concat();
    let panicked: Vec<_> = said.iter().filter(|line| line.contains("panicked")).collect();
    assert!(panicked.is_empty(), "{panicked:#?}");
    child.terminate();
    assert!(child.ended().await.success());
}

/// Sends requests on one connection after another.
async fn ask(run: Arc<Run>, number: u64) {
    let mut maker = Maker::new(DECLARED.document(), &run.topic, run.seed.wrapping_add(number));
    let mut raw = Raw::new(run.gateway.address());
    while run.until.is_none_or(|until| Instant::now() < until)
        && run.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    {
        let request = maker.request();
        let answer = match tokio::time::timeout(PATIENCE, raw.ask(&request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{error}: {request:?}"),
            Err(_) => panic!("not answered in {PATIENCE:?}: {request:?}"),
        };
        run.sent.fetch_add(1, Ordering::Relaxed);
        check(&run, &request, &answer);
    }
}

fn check(run: &Run, request: &Request, answer: &Answer) {
    // What is not HTTP never becomes a request: the server's own short answer has no id.
    if [400, 414, 431].contains(&answer.status) && !answer.headers.contains_key("x-request-id") {
        run.not_http.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let asked = Asked { method: request.method.clone(), path: path.to_owned(), query: query.to_owned() };
    assert!(answer.status != 500, "{request:?}\n{answer:?}");
    if let Err(reason) = DECLARED.check(&asked, answer.status, &answer.headers, answer.body.as_deref()) {
        panic!("{reason}\n{request:?}\n{answer:?}");
    }
}

/// A record goes in and comes out.
async fn good_request(gateway: &Gateway, topic: &str) {
    let (partition, offset) = gateway.produce(topic, "key=good", "good").await.receipt();
    let page = gateway.page(topic, &format!("from={partition}:{offset}")).await.json(200);
    assert_eq!(page["records"][0]["value"], "good", "{page}");
    let mut stream = gateway.stream(topic, &format!("from={partition}:{offset}&until=now")).await;
    assert_eq!(stream.records(1).await[0].value(), "good");
}

/// What a process has in memory.
fn resident_bytes(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a Linux process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number") << 10
}
