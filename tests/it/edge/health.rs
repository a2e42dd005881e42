//! `/livez` and `/readyz`.

use crate::harness::{Context, Test, until};
use crate::tests;
use sluicegate::dev::ApiKey;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        the_process_is_alive_whatever_kafka_does,
        it_is_ready_while_kafka_answers_and_says_why_when_it_does_not,
        many_probes_at_once_are_one_question_to_kafka,
    ]
}

async fn the_process_is_alive_whatever_kafka_does(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    assert_eq!(gateway.get("/livez").await.json(200)["status"], "ok");
    broker.away().await;
    assert_eq!(gateway.get("/livez").await.json(200)["status"], "ok");
}

async fn it_is_ready_while_kafka_answers_and_says_why_when_it_does_not(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    assert_eq!(gateway.get("/readyz").await.json(200)["status"], "ready");
    broker.away().await;
    let reply = until("it is not ready", || async {
        let reply = gateway.get("/readyz").await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    let problem = reply.problem(503, "not_ready");
    assert_eq!(problem["retryable"], true);
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("Kafka")), "{problem}");
    let begun = Instant::now();
    gateway.get("/readyz").await.refusal(503, "not_ready");
    assert!(begun.elapsed() < Duration::from_secs(5), "a probe was told after {:?}", begun.elapsed());
    broker.back().await;
    until("it is ready again", || async { (gateway.get("/readyz").await.status == 200).then_some(()) }).await;
}

async fn many_probes_at_once_are_one_question_to_kafka(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let asked = || broker.broker().requests(ApiKey::Metadata);
    assert_eq!(gateway.get("/readyz").await.status, 200);
    let (before, begun) = (asked(), Instant::now());
    for _ in 0..50 {
        assert_eq!(gateway.get("/readyz").await.status, 200);
    }
    // At most once a second, however often it is probed.
    let most = begun.elapsed().as_secs() + 1;
    assert!(asked() - before <= most, "{} questions in {:?}", asked() - before, begun.elapsed());
    assert!(asked() > 0, "Kafka was never asked");
}
