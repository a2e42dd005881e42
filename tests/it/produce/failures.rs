//! Kafka in trouble: what a client is told, and whether its record may have been written.

use crate::harness::{Context, Gateway, OwnBroker, Reply, Test, until};
use crate::tests;
use sluicegate::config::Config;
use sluicegate::dev::ApiKey;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_broker_that_was_never_there_is_told_as_unavailable,
        a_broker_that_left_is_told_in_time_and_serves_again_when_it_is_back,
        a_broker_that_answers_too_late_is_told_as_a_time_out,
        what_the_broker_refuses_for_good_is_told_by_its_meaning,
        what_kafkas_rules_forbid_is_told_as_forbidden,
        what_was_forbidden_and_is_allowed_by_now_is_written_once,
        what_the_broker_refuses_for_a_while_is_tried_again,
        too_few_replicas_for_too_long_are_told_as_retryable,
        a_producer_that_kafka_no_longer_knows_is_renewed_and_loses_nothing,
    ]
}

/// Far from every other time here, and short enough for a test.
const DELIVERY: Duration = Duration::from_secs(2);

fn impatient(config: &mut Config) {
    config.produce.delivery_timeout = DELIVERY;
    config.kafka.request_timeout = Duration::from_secs(1);
}

async fn troubled(context: &Context) -> (OwnBroker, Gateway) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, impatient).await;
    broker.kafka().create_topic("orders", 1, &[]).await;
    gateway.produce("orders", "", "first").await.receipt();
    (broker, gateway)
}

/// Holds that a refusal may be repeated, and gives what it says about the record.
#[track_caller]
fn retryable(reply: &Reply, expected: &[(u16, &str)]) -> String {
    let found = expected.iter().find(|(status, _)| *status == reply.status);
    let (status, code) = found.unwrap_or_else(|| panic!("{} {}", reply.status, reply.text()));
    let problem = reply.problem(*status, code);
    assert_eq!(problem["retryable"], true, "{problem}");
    if *status == 503 {
        assert_eq!(reply.header("retry-after"), "1");
    }
    problem["written"].as_str().unwrap_or_else(|| panic!("no word on the record: {problem}")).to_owned()
}

async fn a_broker_that_was_never_there_is_told_as_unavailable(context: Context) {
    let broker = context.own_broker().await;
    broker.away().await;
    let gateway = context.gateway_before(&broker, impatient).await;
    for acks in ["all", "leader", "none"] {
        let begun = Instant::now();
        let reply = gateway.produce("orders", &format!("acks={acks}"), "v").await;
        let written = retryable(&reply, &[(503, "kafka_unavailable"), (504, "delivery_timed_out")]);
        assert_eq!(written, "no", "nothing can have been written");
        assert!(begun.elapsed() < DELIVERY * 3, "told after {:?}", begun.elapsed());
    }
}

async fn a_broker_that_left_is_told_in_time_and_serves_again_when_it_is_back(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    broker.away().await;
    let begun = Instant::now();
    let reply = gateway.produce("orders", "", "away").await;
    let written = retryable(&reply, &[(503, "kafka_unavailable"), (504, "delivery_timed_out")]);
    assert_eq!(written, "no", "it never left the gateway");
    assert!(begun.elapsed() < DELIVERY * 3, "told after {:?}", begun.elapsed());
    broker.back().await;
    until("the gateway serves again", || async {
        (gateway.produce("orders", "", "back").await.status == 200).then_some(())
    })
    .await;
    let ledger = broker.kafka().consume_all("orders").await;
    let away = ledger.iter().filter(|entry| entry.value.as_deref() == Some(b"away")).count();
    assert_eq!(away, 0, "it was said not to be written");
}

async fn a_broker_that_answers_too_late_is_told_as_a_time_out(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    broker.faults().delay(ApiKey::Produce, DELIVERY * 2);
    let reply = gateway.produce("orders", "", "late").await;
    assert_eq!(retryable(&reply, &[(504, "delivery_timed_out")]), "unknown", "the broker has it");
    broker.faults().delay(ApiKey::Produce, Duration::ZERO);
    until("the gateway serves again", || async {
        (gateway.produce("orders", "", "again").await.status == 200).then_some(())
    })
    .await;
    let ledger = broker.kafka().consume_all("orders").await;
    let late = ledger.iter().filter(|entry| entry.value.as_deref() == Some(b"late")).count();
    assert!(late <= 1, "unknown means once or not at all, not {late} times");
}

async fn what_the_broker_refuses_for_good_is_told_by_its_meaning(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    // Codes of Kafka's protocol.
    let table = [
        (10, "MESSAGE_TOO_LARGE", 413, "record_too_large"),
        (31, "CLUSTER_AUTHORIZATION_FAILED", 403, "forbidden"),
        (32, "INVALID_TIMESTAMP", 400, "refused_by_kafka"),
        (44, "POLICY_VIOLATION", 400, "refused_by_kafka"),
        (87, "INVALID_RECORD", 400, "refused_by_kafka"),
    ];
    for (number, name, status, code) in table {
        for acks in ["all", "leader"] {
            // What is forbidden is asked for once more: it may be allowed by now.
            broker.faults().refuse_produces(number, if code == "forbidden" { 2 } else { 1 });
            let reply = gateway.produce("orders", &format!("acks={acks}"), "refused").await;
            assert_eq!(reply.status, status, "{name} with acks={acks}: {}", reply.text());
            assert_eq!(reply.problem(status, code)["retryable"], false, "{name}");
            // What was refused holds nothing up.
            gateway.produce("orders", &format!("acks={acks}"), "after").await.receipt();
        }
    }
    let ledger = broker.kafka().consume_all("orders").await;
    assert!(ledger.iter().all(|entry| entry.value.as_deref() != Some(b"refused")), "{ledger:?}");
    assert_eq!(ledger.len(), 1 + 2 * table.len());
}

async fn what_kafkas_rules_forbid_is_told_as_forbidden(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    for acks in ["all", "leader"] {
        broker.faults().refuse_produces(29, 2);
        let reply = gateway.produce("orders", &format!("acks={acks}"), "refused").await;
        assert_eq!(reply.problem(403, "forbidden")["retryable"], false);
    }
    assert_eq!(broker.kafka().consume_all("orders").await.len(), 1);
}

/// librdkafka remembers the refusal for the topic, and would refuse by itself until it asks for metadata again.
async fn what_was_forbidden_and_is_allowed_by_now_is_written_once(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    for (offset, acks) in (1..).zip(["all", "leader"]) {
        broker.faults().refuse_produces(29, 1);
        let reply = gateway.produce("orders", &format!("acks={acks}"), "allowed").await;
        assert_eq!(reply.receipt(), (0, offset));
    }
    assert_eq!(broker.kafka().consume_all("orders").await.len(), 3);
}

async fn what_the_broker_refuses_for_a_while_is_tried_again(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    // NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR.
    for (offset, code) in (1..).zip([6, 7, 19, 56]) {
        broker.faults().refuse_produces(code, 1);
        assert_eq!(gateway.produce("orders", "", "again").await.receipt(), (0, offset), "code {code}");
    }
    assert_eq!(broker.kafka().consume_all("orders").await.len(), 5);
}

async fn too_few_replicas_for_too_long_are_told_as_retryable(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    broker.faults().refuse_produces(19, 10_000);
    for acks in ["all", "leader"] {
        let begun = Instant::now();
        let reply = gateway.produce("orders", &format!("acks={acks}"), "few").await;
        retryable(&reply, &[(503, "kafka_unavailable"), (504, "delivery_timed_out")]);
        assert!(begun.elapsed() < DELIVERY * 3, "told after {:?}", begun.elapsed());
    }
}

/// OUT_OF_ORDER_SEQUENCE_NUMBER for the first batch under way: librdkafka declares the whole producer dead.
async fn a_producer_that_kafka_no_longer_knows_is_renewed_and_loses_nothing(context: Context) {
    let (broker, gateway) = troubled(&context).await;
    broker.faults().refuse_produces(45, 1);
    let reply = gateway.produce("orders", "", "killer").await;
    assert_eq!(retryable(&reply, &[(503, "kafka_unavailable")]), "unknown");
    let sent: Vec<_> = (0..50).map(|n| format!("after-{n}")).collect();
    let replies = sent.iter().map(|value| gateway.produce("orders", "", value.clone()));
    for reply in futures_util::future::join_all(replies).await {
        reply.receipt();
    }
    let mut written: Vec<_> = broker.kafka().consume_all("orders").await;
    written.retain(|entry| entry.value.as_deref().is_some_and(|value| value.starts_with(b"after-")));
    assert_eq!(written.len(), sent.len(), "each once: {written:?}");
}
