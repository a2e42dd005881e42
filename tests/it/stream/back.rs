//! `from=-N`: the last records of each partition, counted in records and not in offsets.

use crate::harness::{Context, Draft, Event, Gateway, Sse, Test, Writer, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        minus_n_begins_with_the_last_records_of_each_partition,
        minus_n_counts_in_the_partitions_that_were_chosen,
        minus_n_counts_records_and_not_what_was_aborted needs [Transactions],
        minus_n_counts_what_is_open_for_those_who_see_it needs [Transactions],
        minus_n_over_a_long_hole_says_that_it_is_short needs [Transactions],
        minus_n_of_a_log_that_was_cut_begins_where_the_log_does needs [DeleteRecords],
        minus_n_gives_way_to_an_id,
    ]
}

/// A topic whose only partition ended, when it was looked at, at `end`: an abort's marker is written a moment after the
/// abort is confirmed.
async fn ends_at(gateway: &Gateway, topic: &str, end: i64) {
    let expected = json!({ topic: [end] });
    until("every marker is written", async || {
        let mut stream = gateway.stream(topic, "").await;
        (stream.expect("ready").await.json()["end"] == expected).then_some(())
    })
    .await;
}

/// A transaction of as many records that comes to nothing.
async fn abort(writer: &Writer, topic: &str, count: usize) {
    writer.begin().await;
    writer.write_all(topic, 0, (0..count).map(|_| Draft::value("aborted"))).await;
    writer.abort().await;
}

async fn values(stream: &mut Sse, count: usize) -> Vec<String> {
    let values = stream.records(count).await;
    values.iter().map(|record| record.value().as_str().expect("a text").to_owned()).collect()
}

async fn minus_n_begins_with_the_last_records_of_each_partition(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("back", 3).await);
    let writer = context.kafka().writer();
    writer.write_numbers(&topic, 0, 0..5).await;
    writer.write_numbers(&topic, 1, 0..2).await;
    for (n, positions, expected) in
        [(1, [4, 1, 0], 2), (3, [2, 0, 0], 5), (5, [0, 0, 0], 7), (10_000, [0, 0, 0], 7)]
    {
        let mut stream = gateway.stream(&topic, &format!("from=-{n}")).await;
        let ready = stream.expect("ready").await.json();
        assert_eq!(ready["positions"], json!({ topic.as_str(): positions }), "-{n}");
        assert_eq!(ready.get("short"), None, "-{n}: all that is there was found");
        let mut seen: Vec<_> = stream.records(expected).await.iter().map(Event::address).collect();
        seen.sort_unstable();
        assert_eq!(seen.first(), Some(&(0, positions[0])), "-{n}");
        stream.expect("caught-up").await;
    }
}

async fn minus_n_counts_in_the_partitions_that_were_chosen(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("chosen", 2).await);
    let writer = context.kafka().writer();
    for partition in [0, 1] {
        writer.write_numbers(&topic, partition, 0..6).await;
    }
    let mut stream = gateway.stream(&topic, "from=-2&partition=1").await;
    stream.expect("ready").await;
    let seen: Vec<_> = stream.records(2).await.iter().map(Event::address).collect();
    assert_eq!(seen, [(1, 4), (1, 5)]);
    stream.expect("caught-up").await;
}

async fn minus_n_counts_records_and_not_what_was_aborted(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("holes", 1).await);
    let (plain, writer) =
        (context.kafka().writer(), context.kafka().transactional_writer(&context.name("writer")).await);
    for n in 0..4 {
        plain.write(&topic, 0, &Draft::value(format!("kept {n}"))).await;
        abort(&writer, &topic, 5).await;
    }
    // Each round: a record, five that were aborted, a marker.
    ends_at(&gateway, &topic, 28).await;
    for (n, expected) in [(1, vec!["kept 3"]), (3, vec!["kept 1", "kept 2", "kept 3"])] {
        let mut stream = gateway.stream(&topic, &format!("from=-{n}")).await;
        assert_eq!(stream.expect("ready").await.json().get("short"), None, "-{n}");
        assert_eq!(values(&mut stream, n).await, expected);
        stream.expect("caught-up").await;
    }
    let mut stream = gateway.stream(&topic, "from=-3&isolation=uncommitted").await;
    stream.expect("ready").await;
    assert_eq!(values(&mut stream, 3).await, ["aborted"; 3], "who sees them counts them");
    stream.expect("caught-up").await;
}

async fn minus_n_counts_what_is_open_for_those_who_see_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("hanging", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    context.kafka().writer().write_numbers(&topic, 0, 0..3).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("open")).await;
    let mut committed = gateway.stream(&topic, "from=-2").await;
    assert_eq!(committed.expect("ready").await.json()["positions"], json!({ topic.as_str(): [1] }));
    let mut all = gateway.stream(&topic, "from=-2&isolation=uncommitted").await;
    assert_eq!(all.expect("ready").await.json()["positions"], json!({ topic.as_str(): [2] }));
    assert_eq!(committed.records(2).await[1].value(), 2);
    assert_eq!(all.records(2).await[1].value(), "open");
    writer.abort().await;
}

async fn minus_n_over_a_long_hole_says_that_it_is_short(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("short", 1).await);
    let (plain, writer) =
        (context.kafka().writer(), context.kafka().transactional_writer(&context.name("writer")).await);
    plain.write(&topic, 0, &Draft::value("before")).await;
    abort(&writer, &topic, 70).await;
    ends_at(&gateway, &topic, 72).await;
    // One record is looked for in 64 offsets.
    let mut stream = gateway.stream(&topic, "from=-1").await;
    let ready = stream.expect("ready").await.json();
    assert_eq!((&ready["short"], &ready["positions"]), (&json!(true), &json!({ topic.as_str(): [8] })));
    stream.expect("caught-up").await;
    plain.write(&topic, 0, &Draft::value("after")).await;
    assert_eq!(stream.expect("message").await.value(), "after");
    // Two are looked for in 128, and the log begins before those: all there is was found.
    let mut stream = gateway.stream(&topic, "from=-3").await;
    assert_eq!(stream.expect("ready").await.json().get("short"), None);
    assert_eq!(values(&mut stream, 2).await, ["before", "after"]);
}

async fn minus_n_of_a_log_that_was_cut_begins_where_the_log_does(context: Context) {
    let (gateway, topic, kafka) = (context.gateway().await, context.topic("cut", 1).await, context.kafka());
    kafka.writer().write_numbers(&topic, 0, 0..10).await;
    kafka.delete_records(&topic, 0, 8).await;
    let mut stream = gateway.stream(&topic, "from=-5").await;
    assert_eq!(stream.header("kafka-stream-loss"), "none");
    let ready = stream.expect("ready").await.json();
    assert_eq!((&ready["positions"], ready.get("short")), (&json!({ topic.as_str(): [8] }), None));
    assert_eq!(stream.expect("message").await.value(), 8);
}

async fn minus_n_gives_way_to_an_id(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("id", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..9).await;
    let first = gateway.stream(&topic, "from=-6").await.records(2).await.pop().expect("two");
    assert_eq!(first.address(), (0, 4));
    let mut stream = Sse::open(gateway.streaming(&topic, "from=-6").header("last-event-id", &first.id)).await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.address(), (0, 5));
}
