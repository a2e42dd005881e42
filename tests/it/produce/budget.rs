//! How much may be under way: beyond it the answer is "overloaded", for the partition that is stuck alone.

use crate::harness::{Context, Gateway, OwnBroker, Reply, Test, within};
use crate::tests;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sluicegate::dev::ApiKey;
use std::time::Duration;
use tokio::task::JoinHandle;

pub fn tests() -> Vec<Test> {
    tests![
        a_partition_whose_share_is_full_leaves_the_others_alone,
        a_full_queue_answers_overloaded_at_once_with_when_to_come_back,
    ]
}

/// Records that may be under way; one partition may have an eighth.
const QUEUE: usize = 80;
const SHARE: usize = QUEUE / 8;

/// How long the broker keeps an answer back: much longer than the gateway needs to refuse what is too much.
const SLOW: Duration = Duration::from_secs(4);

type Sent = FuturesUnordered<JoinHandle<Reply>>;

/// A gateway whose broker takes its time to answer produces.
async fn slow(context: &Context, partitions: i32) -> (OwnBroker, Gateway) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |config| config.produce.queue_records = QUEUE).await;
    broker.kafka().create_topic("orders", partitions, &[]).await;
    gateway.produce("orders", "", "warm").await.receipt();
    broker.faults().delay(ApiKey::Produce, SLOW);
    (broker, gateway)
}

fn send(gateway: &Gateway, partition: i32) -> JoinHandle<Reply> {
    let gateway = gateway.clone();
    tokio::spawn(async move { gateway.produce("orders", &format!("partition={partition}"), "v").await })
}

/// The next `count` replies, which must all be refusals: those that were let in wait for the broker.
async fn refused(sent: &mut Sent, count: usize) {
    for _ in 0..count {
        let reply = within("a refusal", sent.next()).await.expect("a request is left").expect("no panic");
        let problem = reply.problem(503, "overloaded");
        assert_eq!((&problem["retryable"], problem.get("written")), (&true.into(), None), "{problem}");
        assert_eq!(reply.header("retry-after"), "1");
    }
}

async fn written(mut sent: Sent, count: usize) {
    assert_eq!(sent.len(), count);
    while let Some(reply) = within("a receipt", sent.next()).await {
        reply.expect("no panic").receipt();
    }
}

async fn a_partition_whose_share_is_full_leaves_the_others_alone(context: Context) {
    let (broker, gateway) = slow(&context, 3).await;
    let mut sent: Sent = (0..SHARE + 5).map(|_| send(&gateway, 0)).collect();
    refused(&mut sent, 5).await;
    let others: Sent = (0..SHARE).map(|n| send(&gateway, 1 + (n % 2) as i32)).collect();
    broker.faults().delay(ApiKey::Produce, Duration::ZERO);
    written(others, SHARE).await;
    written(sent, SHARE).await;
    // What has been written holds no place any more.
    assert_eq!(gateway.produce("orders", "partition=0", "v").await.status, 200);
    assert_eq!(broker.kafka().consume_all("orders").await.len(), 2 * SHARE + 2, "a refusal writes nothing");
}

async fn a_full_queue_answers_overloaded_at_once_with_when_to_come_back(context: Context) {
    let (broker, gateway) = slow(&context, 12).await;
    let mut sent: Sent = (0..QUEUE + 20).map(|n| send(&gateway, (n % 10) as i32)).collect();
    refused(&mut sent, 20).await;
    let mut other: Sent = [send(&gateway, 11)].into_iter().collect();
    refused(&mut other, 1).await;
    broker.faults().delay(ApiKey::Produce, Duration::ZERO);
    written(sent, QUEUE).await;
    assert_eq!(broker.kafka().consume_all("orders").await.len(), QUEUE + 1, "a refusal writes nothing");
}
