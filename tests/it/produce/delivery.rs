//! A 200 means written, once.

use crate::harness::{Context, DEADLINE, Socket, Test, until};
use crate::tests;
use futures_util::{StreamExt, stream};
use sluicegate::config::Config;
use std::collections::BTreeMap;

pub fn tests() -> Vec<Test> {
    tests![
        a_thousand_records_at_once_are_each_written_once_where_their_receipts_say,
        records_sent_one_after_the_other_keep_their_order,
        a_client_that_leaves_after_its_body_was_sent_has_its_record_written,
        a_body_that_ends_before_its_announced_end_writes_nothing,
        a_lost_answer_of_the_broker_repeats_nothing,
    ]
}

async fn a_thousand_records_at_once_are_each_written_once_where_their_receipts_say(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("many", 3).await);
    let sent = stream::iter(0..1000).map(|n| {
        let (gateway, topic) = (gateway.clone(), topic.clone());
        async move { (gateway.produce(&topic, "", format!("{n}")).await.receipt(), format!("{n}")) }
    });
    let receipts: BTreeMap<_, _> = sent.buffer_unordered(64).collect().await;
    assert_eq!(receipts.len(), 1000, "no two receipts name one place");
    let ledger = context.kafka().consume_all(&topic).await;
    let text =
        |value: Option<bytes::Bytes>| String::from_utf8(value.expect("a value").to_vec()).expect("text");
    let written: Vec<_> =
        ledger.into_iter().map(|entry| ((entry.partition, entry.offset), text(entry.value))).collect();
    assert_eq!(written, receipts.into_iter().collect::<Vec<_>>());
}

async fn records_sent_one_after_the_other_keep_their_order(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("order", 1).await);
    for n in 0..100 {
        assert_eq!(gateway.produce(&topic, "key=k", format!("{n}")).await.receipt(), (0, n));
    }
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(
        ledger.iter().enumerate().all(|(n, entry)| entry.value.as_deref() == Some(n.to_string().as_bytes()))
    );
}

async fn a_client_that_leaves_after_its_body_was_sent_has_its_record_written(context: Context) {
    let broker = context.own_broker().await;
    let patient = |config: &mut Config| config.kafka.request_timeout = DEADLINE;
    let gateway = context.gateway_before(&broker, patient).await;
    broker.kafka().create_topic("left", 1, &[]).await;
    // The broker is away and the gateway has yet to ask it for the topic, so when the client leaves the record cannot
    // have been written, nor handed to anybody who would go on with it.
    broker.away().await;
    let mut socket = Socket::connect(gateway.address()).await;
    socket
        .write("POST /v1/topics/left/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\ngone")
        .await;
    until("the gateway has the record", || async {
        // The request and this one. A connection alone may not have been read from yet.
        (gateway.metric("sluicegate_http_requests_in_flight").await == 2).then_some(())
    })
    .await;
    drop(socket);
    until("the gateway has noticed", || async {
        (gateway.metric("sluicegate_http_connections").await == 1).then_some(())
    })
    .await;
    broker.back().await;
    let ledger = until("the record is written", || async {
        Some(broker.kafka().consume_all("left").await).filter(|ledger| ledger.len() == 1)
    })
    .await;
    assert_eq!(ledger[0].value.as_deref(), Some(&b"gone"[..]));
}

async fn a_body_that_ends_before_its_announced_end_writes_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("cut", 1).await);
    let mut socket = Socket::connect(gateway.address()).await;
    let head =
        format!("POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
    socket.write(head + "half").await;
    drop(socket);
    let mut socket = Socket::connect(gateway.address()).await;
    let head = format!(
        "POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    socket.write(head + "4\r\nhalf\r\n").await;
    drop(socket);
    // Whatever those two were to write would be there before what comes after them.
    gateway.produce(&topic, "", "whole").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger.iter().map(|entry| entry.value.as_deref()).collect::<Vec<_>>(), [Some(&b"whole"[..])]);
}

async fn a_lost_answer_of_the_broker_repeats_nothing(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    broker.kafka().create_topic("lost", 1, &[]).await;
    gateway.produce("lost", "", "0").await.receipt();
    for n in 1..4 {
        broker.faults().lose_produce_answers(1);
        assert_eq!(gateway.produce("lost", "", format!("{n}")).await.receipt(), (0, n));
    }
    let ledger = broker.kafka().consume_all("lost").await;
    let values: Vec<_> = ledger.iter().map(|entry| entry.value.as_deref().expect("a value")).collect();
    assert_eq!(values, [b"0", b"1", b"2", b"3"]);
}
