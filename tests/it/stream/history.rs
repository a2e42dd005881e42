//! Who is behind the rings: the log is read for all of them, once.

use crate::harness::{Context, Gateway, Sse, Test, until};
use crate::tests;
use sluicegate::config::Config;
use std::collections::HashMap;

pub fn tests() -> Vec<Test> {
    tests![
        viewers_who_come_back_together_read_the_log_once,
        viewers_who_begin_in_the_past_together_read_the_log_once,
        pages_go_on_where_the_last_was_read_to,
        one_reader_reads_the_past_of_many_topics,
        a_history_is_left_soon_after_its_last_viewer_and_its_reader_later,
    ]
}

/// Rings that hold nothing but the last block.
async fn gateway(context: &Context) -> Gateway {
    let small = |config: &mut Config| config.streams.ring_bytes = 1000;
    context.gateway_with(small).await
}

/// A topic of three partitions with as many records in each.
async fn written(context: &Context, name: &str, each: i64) -> String {
    let (topic, writer) = (context.topic(name, 3).await, context.kafka().writer());
    for partition in 0..3 {
        writer.write_numbers(&topic, partition, 0..each as usize).await;
    }
    topic
}

/// Takes so many records, each the next of its partition.
async fn take(stream: &mut Sse, next: &mut HashMap<i64, i64>, count: usize) {
    for record in stream.records(count).await {
        let (partition, offset) = record.address();
        let next = next.entry(partition).or_default();
        assert_eq!(offset, *next, "partition {partition}");
        *next += 1;
    }
}

async fn viewers_who_come_back_together_read_the_log_once(context: Context) {
    const EACH: i64 = 400;
    const VIEWERS: usize = 100;
    let (gateway, topic) = (gateway(&context).await, written(&context, "storm", EACH).await);
    let (mut first, mut next, mut ids) =
        (gateway.stream(&topic, "from=earliest").await, HashMap::new(), vec![]);
    for _ in 0..3 * EACH {
        let record = first.records(1).await.remove(0);
        let (partition, offset) = record.address();
        next.insert(partition, offset + 1);
        ids.push((record.id, next.clone()));
    }
    drop(first);
    let begun = gateway.metric("sluicegate_history_reads_total").await;
    // They stood everywhere in the last half.
    let stood = (0..VIEWERS).map(|n| ids[600 + (n * 389) % 599].clone());
    let viewers = stood.map(|(id, mut next)| {
        let request = gateway.streaming(&topic, "").header("last-event-id", &id);
        tokio::spawn(async move {
            let mut stream = Sse::open(request).await;
            let left = 3 * EACH - next.values().sum::<i64>();
            take(&mut stream, &mut next, left as usize).await;
            stream.expect("caught-up").await;
        })
    });
    for viewer in viewers.collect::<Vec<_>>() {
        viewer.await.expect("every record once, in order");
    }
    let more = gateway.metric("sluicegate_history_reads_total").await - begun;
    assert!(begun > 0 && more < VIEWERS / 4, "{begun} stretches were begun at first, {more} for {VIEWERS}");
}

async fn viewers_who_begin_in_the_past_together_read_the_log_once(context: Context) {
    const VIEWERS: usize = 50;
    let (gateway, topic) = (gateway(&context).await, written(&context, "past", 300).await);
    let viewers = (0..VIEWERS).map(|n| {
        // They are told in their own way, and some want less.
        let query = ["from=earliest", "from=earliest&ids=flush", "from=earliest&flush=20ms"][n % 3];
        let request = gateway.streaming(&topic, query);
        tokio::spawn(async move {
            take(&mut Sse::open(request).await, &mut HashMap::new(), 900).await;
        })
    });
    for viewer in viewers.collect::<Vec<_>>() {
        viewer.await.expect("every record once, in order");
    }
    let [begun, shared] = [
        gateway.metric("sluicegate_history_reads_total").await,
        gateway.metric("sluicegate_history_hits_total").await,
    ];
    assert!(begun <= 3 && shared >= VIEWERS - 3, "{begun} begun, {shared} shared");
    assert!(gateway.metric("sluicegate_stream_readers").await <= begun);
}

async fn pages_go_on_where_the_last_was_read_to(context: Context) {
    let (gateway, topic) = (gateway(&context).await, written(&context, "pages", 200).await);
    let (mut query, mut next) = ("from=earliest&max=7".to_owned(), HashMap::new());
    let mut taken = 0;
    while taken < 600 {
        let page = gateway.page(&topic, &query).await.json(200);
        let records = page["records"].as_array().expect("records");
        assert!(!records.is_empty(), "{page}");
        for record in records {
            let next = next.entry(record["partition"].as_i64()).or_insert(0);
            assert_eq!(record["offset"], *next, "{record}");
            (*next, taken) = (*next + 1, taken + 1);
        }
        query = format!("from={}&max=7", page["next"].as_str().expect("a cursor"));
    }
    let begun = gateway.metric("sluicegate_history_reads_total").await;
    assert!((1..10).contains(&begun), "{begun} stretches were begun for 86 pages");
}

async fn one_reader_reads_the_past_of_many_topics(context: Context) {
    let gateway = gateway(&context).await;
    let mut topics = Vec::new();
    for n in 0..6 {
        topics.push(written(&context, &format!("many{n}"), 10).await);
    }
    let mut stream = gateway.stream(&topics.join(","), "from=earliest").await;
    let mut next = HashMap::<_, i64>::new();
    for record in stream.records(180).await {
        let (topic, (partition, offset)) = (record.json()["topic"].to_string(), record.address());
        let next = next.entry((topic, partition)).or_default();
        assert_eq!(offset, *next, "{record:?}");
        *next += 1;
    }
    assert_eq!(gateway.metric("sluicegate_stream_readers").await, 1);
}

async fn a_history_is_left_soon_after_its_last_viewer_and_its_reader_later(context: Context) {
    let own = context.own_broker().await;
    let kafka = own.kafka();
    kafka.create_topic("left", 1, &[]).await;
    kafka.writer().write_numbers("left", 0, 0..10).await;
    let gateway = context.gateway_before(&own, |config| config.streams.ring_bytes = 1000).await;
    let mut stream = gateway.stream("left", "from=earliest&until=now").await;
    stream.records(10).await;
    stream.expect("caught-up").await;
    stream.expect("end").await;
    assert_eq!(gateway.metric("sluicegate_stream_readers").await, 1);
    until("the reader is gone", async || {
        (gateway.metric("sluicegate_stream_readers").await == 0).then_some(())
    })
    .await;
    // What it left is begun anew.
    let mut again = gateway.stream("left", "from=earliest").await;
    assert_eq!(again.records(10).await.len(), 10);
}
