//! A browser's own EventSource while everything about it changes: the gateway is ended and started anew, partitions join.

use super::feed::pages;
use crate::harness::{Browser, Child, Context, Kafka, Relay, Test};
use crate::tests;
use futures_util::future::join_all;
use serde_json::json;
use std::net::TcpListener;

pub fn tests() -> Vec<Test> {
    tests![
        a_browser_sees_a_hundred_thousand_records_once_through_a_restart_and_added_partitions needs [Chromium],
    ]
}

/// Partitions at first, when some were added under the running stream, and when more were added while it was away.
const PARTITIONS: [usize; 3] = [2, 4, 5];

/// Writes so many records to each of the first partitions; `written` counts them.
async fn write(kafka: &Kafka, topic: &str, each: usize, written: &mut [usize]) {
    // One of its own each time, for another may not have heard of a partition that was added.
    let writer = kafka.writer();
    let writes = written
        .iter()
        .enumerate()
        .map(|(partition, from)| writer.write_numbers(topic, partition as i32, *from..from + each));
    join_all(writes).await;
    written.iter_mut().for_each(|count| *count += each);
}

async fn a_browser_sees_a_hundred_thousand_records_once_through_a_restart_and_added_partitions(
    context: Context,
) {
    let [first, second, third] = PARTITIONS;
    let (topic, kafka) = (context.topic("counted", first as i32).await, context.kafka());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("an address");
    let (site, _told) = Relay::start(address, [], pages()).await;
    let serve = || -> Child {
        let variables = [
            ("SLUICEGATE_LISTEN__CORS_ORIGINS", site.url("")),
            ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "1s".to_owned()),
            ("SLUICEGATE_LISTEN__SHUTDOWN_DEADLINE", "3s".to_owned()),
        ];
        context.serve_on(&socket, &variables.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let mut child = serve();
    let mut written = vec![0; third];
    write(&kafka, &topic, 10_000, &mut written[..first]).await;

    let mut browser = Browser::start().await;
    let stream = format!("http://{address}/v1/topics/{topic}/stream?from=earliest");
    let mut tab = browser.open(&site.url(&format!("/counting.html?stream={stream}")), [800, 600]).await;
    let seen = |records: usize| format!("globalThis.seen?.records >= {records}");
    tab.until(&seen(1)).await;
    kafka.add_partitions(&topic, second).await;
    write(&kafka, &topic, 5_000, &mut written[..second]).await;
    tab.until(&seen(40_000)).await;

    child.terminate();
    // It is told to go while records come, and some come while nobody listens.
    write(&kafka, &topic, 5_000, &mut written[..second]).await;
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    kafka.add_partitions(&topic, third).await;
    write(&kafka, &topic, 4_000, &mut written).await;
    let mut child = serve();
    tab.until("seen.opened >= 2 && seen.records >= 70_000").await;
    write(&kafka, &topic, 4_000, &mut written).await;

    assert_eq!(written.iter().sum::<usize>(), 100_000);
    tab.until(&seen(100_000)).await;
    // What was repeated would come before the last record of its partition.
    write(&kafka, &topic, 1, &mut written).await;
    tab.until(&seen(100_000 + third)).await;
    let told = tab.evaluate("seen").await;
    let next: serde_json::Map<_, _> =
        written.iter().enumerate().map(|(partition, next)| (partition.to_string(), json!(next))).collect();
    assert_eq!(
        (&told["lost"], &told["repeated"], &told["next"]),
        (&json!(0), &json!(0), &next.into()),
        "{told}"
    );
    assert_eq!((&told["drained"], &told["closed"]), (&json!(1), &json!(false)), "{told}");
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}
