//! `from` and `until` as times: record timestamps need not be in order, and any of them is an ordinary one.

use crate::harness::{Context, Event, Gateway, Sse, Test};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_time_begins_at_the_first_record_stamped_at_or_after_it,
        a_time_is_looked_up_in_every_partition_of_every_topic,
        a_record_dated_1970_or_2100_is_ordinary,
        until_a_time_ends_each_partition_before_its_first_later_record,
        until_a_time_goes_on_over_a_reconnect,
    ]
}

/// 2100-01-01T00:00:00Z.
const FAR: i64 = 4_102_444_800_000;

/// A topic in which a record may be dated as far ahead as it likes.
async fn dateless(context: &Context, name: &str, partitions: i32) -> String {
    context.topic_with(name, partitions, &[("message.timestamp.after.max.ms", "9223372036854775807")]).await
}

/// Writes a record for each of these timestamps.
async fn stamp(gateway: &Gateway, topic: &str, partition: i32, stamps: &[i64]) {
    for stamp in stamps {
        let query = format!("partition={partition}&timestamp={stamp}");
        gateway.produce(topic, &query, stamp.to_string()).await.receipt();
    }
}

fn stamps(records: &[Event]) -> Vec<i64> {
    records.iter().map(|record| record.json()["timestamp"].as_i64().expect("a time")).collect()
}

async fn a_time_begins_at_the_first_record_stamped_at_or_after_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, dateless(&context, "disorder", 1).await);
    let written = [1000, 5_000_000, 2000, FAR, 3000];
    stamp(&gateway, &topic, 0, &written).await;
    for (from, start) in [
        ("0", 0),
        ("1000", 0),
        ("1001", 1),
        ("5000000", 1),
        ("1970-01-01T01:23:20Z", 1),
        ("1970-01-01T02:23:20.001%2B01:00", 3),
        ("5000001", 3),
        ("2100-01-01T00:00:00Z", 3),
        ("2100-01-01T00:00:00.001Z", 5),
    ] {
        let mut stream = gateway.stream(&topic, &format!("from={from}")).await;
        let ready = stream.expect("ready").await.json();
        assert_eq!(ready["positions"], json!({ topic.as_str(): [start] }), "{from}");
        // Records that are stamped earlier may follow, and are not held back.
        assert_eq!(stamps(&stream.records(5 - start).await), written[start..], "{from}");
        stream.expect("caught-up").await;
    }
}

async fn a_time_is_looked_up_in_every_partition_of_every_topic(context: Context) {
    let gateway = context.gateway().await;
    let (first, second) = (context.topic("first", 2).await, context.topic("second", 1).await);
    stamp(&gateway, &first, 0, &[1000, 2000, 3000]).await;
    stamp(&gateway, &first, 1, &[1000]).await;
    stamp(&gateway, &second, 0, &[2500, 2600]).await;
    let mut stream = gateway.stream(&format!("{first},{second}"), "from=2500").await;
    let positions = json!({ first.as_str(): [2, 1], second.as_str(): [0] });
    assert_eq!(stream.expect("ready").await.json()["positions"], positions);
    let mut seen = stamps(&stream.records(3).await);
    seen.sort_unstable();
    assert_eq!(seen, [2500, 2600, 3000]);
    stream.expect("caught-up").await;
}

async fn a_record_dated_1970_or_2100_is_ordinary(context: Context) {
    let (gateway, topic) = (context.gateway().await, dateless(&context, "dates", 1).await);
    let mut live = gateway.stream(&topic, "").await;
    live.expect("ready").await;
    live.expect("caught-up").await;
    let written = [1, FAR, 86_400_000, FAR + 1];
    stamp(&gateway, &topic, 0, &written).await;
    let records = live.records(4).await;
    assert_eq!(stamps(&records), written);
    let mut lines = gateway.lines(&topic, "from=earliest").await;
    lines.expect("ready").await;
    for stamp in written {
        assert_eq!(lines.expect("").await["timestamp"], stamp);
    }
    let page = gateway.page(&topic, "from=earliest").await.json(200);
    for (n, stamp) in written.iter().enumerate() {
        assert_eq!(page["records"][n]["timestamp"], *stamp);
        let mut back = Sse::open(gateway.streaming(&topic, "").header("last-event-id", &records[n].id)).await;
        back.expect("ready").await;
        assert_eq!(stamps(&back.records(3 - n).await), written[n + 1..]);
    }
}

async fn until_a_time_ends_each_partition_before_its_first_later_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("until", 3).await);
    stamp(&gateway, &topic, 0, &[1000, 2000, 9000, 1500]).await;
    stamp(&gateway, &topic, 1, &[1000, 8000]).await;
    let mut stream = gateway.stream(&topic, "from=earliest&until=5000").await;
    let ready = stream.expect("ready").await.json();
    assert_eq!(ready["end"], json!({ topic.as_str(): [4, 2, 0] }));
    let events = stream.rest().await;
    let (end, events) = events.split_last().expect("an end");
    let mut seen: Vec<_> = events.iter().filter(|event| event.kind == "message").collect();
    seen.sort_by_key(|event| event.address());
    let seen: Vec<_> = seen.into_iter().map(Event::address).collect();
    assert_eq!(seen, [(0, 0), (0, 1), (1, 0)], "what is stamped earlier behind the end is not seen");
    assert_eq!(end.kind, "end");
    assert_eq!(end.json()["positions"], json!({ topic.as_str(): [2, 1, 0] }));
    assert!(end.id.starts_with("e1."), "{}", end.id);
    assert_eq!(events.iter().filter(|event| event.kind == "caught-up").count(), 1, "{events:?}");
    // Behind the last record there is nothing, and the clock has passed it.
    let mut stream = gateway.stream(&topic, "from=earliest&until=10000").await;
    let kinds: Vec<_> = stream.rest().await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "message").count(), 6);
    assert_eq!(kinds.last().map(String::as_str), Some("end"));
}

async fn until_a_time_goes_on_over_a_reconnect(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("cut", 1).await);
    stamp(&gateway, &topic, 0, &[1000, 2000, 3000, 9000, 1000]).await;
    let query = "from=earliest&until=5000";
    let mut id = gateway.stream(&topic, query).await.records(1).await.remove(0).id;
    for offset in [1, 2] {
        let mut stream = Sse::open(gateway.streaming(&topic, query).header("last-event-id", &id)).await;
        stream.expect("ready").await;
        let record = stream.expect("message").await;
        assert_eq!(record.address(), (0, offset));
        id = record.id;
    }
    let mut stream = Sse::open(gateway.streaming(&topic, query).header("last-event-id", &id)).await;
    let kinds: Vec<_> = stream.rest().await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["ready", "caught-up", "end"]);
}
