//! All brokers gone: at the start, and later.

use super::{failed, outage, until_ready};
use crate::harness::{Context, Gateway, Sse, Test, until};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_gateway_that_starts_before_its_brokers_serves_as_soon_as_they_come,
        brokers_that_are_gone_for_long_cost_open_streams_nothing,
    ]
}

/// How long it may take, after the brokers are back, until all is well by itself.
const RECOVERY: Duration = Duration::from_secs(10);

/// Short against an outage, so that the table is met many times in it.
const PATIENCE: Duration = Duration::from_secs(2);

async fn before(context: &Context, broker: &crate::harness::OwnBroker) -> Gateway {
    let patient = |config: &mut sluicegate::config::Config| {
        (config.kafka.request_timeout, config.produce.delivery_timeout) = (PATIENCE, PATIENCE);
    };
    context.gateway_before(broker, patient).await
}

async fn a_gateway_that_starts_before_its_brokers_serves_as_soon_as_they_come(context: Context) {
    let broker = context.own_broker().await;
    broker.kafka().create_topic("orders", 1, &[]).await;
    broker.away().await;
    let gateway = before(&context, &broker).await;
    let begun = Instant::now();
    while begun.elapsed() < outage() {
        assert_eq!(gateway.get("/livez").await.status, 200);
        gateway.get("/readyz").await.refusal(503, "not_ready");
        assert_eq!(failed(&gateway.produce("orders", "", "early").await), "no");
        let mut stream = gateway.stream("orders", "").await;
        assert_eq!(stream.header("kafka-stream-status"), "503");
        let fault = stream.expect("fault").await;
        assert!(fault.retry.is_some() && fault.json()["final"] == false, "{fault:?}");
        gateway.page("orders", "").await.refusal(503, "kafka_unavailable");
    }
    broker.back().await;
    let back = Instant::now();
    until_ready(&gateway).await;
    until("it produces", || async { (gateway.produce("orders", "", "v").await.status == 200).then_some(()) })
        .await;
    let mut stream = gateway.stream("orders", "from=earliest").await;
    assert_eq!(stream.records(1).await[0].address(), (0, 0));
    assert!(back.elapsed() < RECOVERY, "well after {:?}", back.elapsed());
    assert_eq!(
        broker.kafka().consume_all("orders").await.len(),
        1,
        "nothing of what was refused was written"
    );
}

/// The next record of a stream that waits.
async fn next(stream: &mut Sse) -> (i64, i64) {
    stream.records(1).await[0].address()
}

async fn brokers_that_are_gone_for_long_cost_open_streams_nothing(context: Context) {
    let broker = context.own_broker().await;
    broker.kafka().create_topic("orders", 2, &[]).await;
    let gateway = before(&context, &broker).await;
    let mut streams = Vec::new();
    for query in ["heartbeat=5s", "heartbeat=5s&from=earliest", "heartbeat=5s&partition=1"] {
        let mut stream = gateway.stream("orders", query).await;
        stream.expect("ready").await;
        stream.expect("caught-up").await;
        streams.push(stream);
    }
    gateway.produce("orders", "partition=1", "before").await.receipt();
    for stream in &mut streams {
        assert_eq!(next(stream).await, (1, 0));
    }
    broker.away().await;
    let (gone, quiet): (_, Vec<_>) =
        (Instant::now(), streams.iter().map(|stream| stream.parser.comments).collect());
    let mut unknown = 0;
    while gone.elapsed() < outage() {
        unknown +=
            usize::from(failed(&gateway.produce("orders", "partition=1", "meanwhile").await) == "unknown");
        assert_eq!(gateway.get("/livez").await.status, 200);
        gateway.get("/readyz").await.refusal(503, "not_ready");
    }
    for (stream, before) in streams.iter_mut().zip(quiet) {
        while stream.parser.comments == before {
            assert!(stream.more().await, "the stream goes on by heartbeats");
        }
    }
    broker.back().await;
    let back = Instant::now();
    until_ready(&gateway).await;
    let after = until("it produces", || async {
        Some(gateway.produce("orders", "partition=1", "after").await).filter(|reply| reply.status == 200)
    });
    let (_, last) = after.await.receipt();
    for stream in &mut streams {
        for offset in 1..=last {
            assert_eq!(next(stream).await, (1, offset), "without a hole and without a repeat");
        }
    }
    assert!(back.elapsed() < RECOVERY, "well after {:?}", back.elapsed());
    let ledger = broker.kafka().consume_all("orders").await;
    let meanwhile = ledger.iter().filter(|entry| entry.value.as_deref() == Some(b"meanwhile")).count();
    assert!(meanwhile <= unknown, "{meanwhile} were written, of {unknown} whose fate was said to be unknown");
}
