//! Where a stream ends by itself: `until`, the `end` event, and what its id means to who brings it back.

use crate::harness::{Context, Draft, Event, Gateway, Sse, Test};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

pub fn tests() -> Vec<Test> {
    tests![
        until_now_ends_where_the_log_ended_when_it_opened,
        until_now_of_what_is_empty_ends_at_once,
        until_now_ends_behind_what_was_aborted needs [Transactions],
        until_now_with_a_hanging_transaction_is_not_endless needs [Transactions],
        until_now_is_no_nearer_end_than_the_cursor_that_is_beyond_it needs [Transactions],
        until_a_time_to_come_ends_when_the_clock_has_passed_it,
        until_a_time_to_come_ends_by_records_stamped_later,
        no_time_is_too_far_away_to_be_an_end,
        the_id_of_an_end_is_answered_with_204_by_every_way,
        no_end_comes_without_until,
    ]
}

/// Epoch milliseconds.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

fn records(events: &[Event]) -> Vec<(i64, i64)> {
    let mut seen: Vec<_> = events.iter().filter(|e| e.kind == "message").map(Event::address).collect();
    seen.sort_unstable();
    seen
}

/// Everything a stream that ends says; its last event is `end`.
async fn whole(mut stream: Sse) -> Vec<Event> {
    let events = stream.rest().await;
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("end"), "{events:?}");
    events
}

async fn until_now_ends_where_the_log_ended_when_it_opened(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("now", 2).await);
    let writer = context.kafka().writer();
    writer.write_numbers(&topic, 0, 0..3).await;
    let mut stream = gateway.stream(&topic, "from=0:0,1:0&until=now").await;
    let opened = stream.expect("ready").await.json();
    assert_eq!(opened["end"], json!({ topic.as_str(): [3, 0] }));
    // Behind the end: not seen, whether or not the reader meets it.
    writer.write_numbers(&topic, 0, 3..5).await;
    let events = whole(stream).await;
    assert_eq!(records(&events), [(0, 0), (0, 1), (0, 2)]);
    let end = events.last().expect("an end");
    assert_eq!(end.json(), json!({ "positions": { topic.as_str(): [3, 0] } }));
    // Half-way and back: the end is that of the new stream, and nothing is lost or repeated.
    let half = gateway.stream(&topic, "from=earliest&until=now").await.records(2).await.remove(1);
    let request = gateway.streaming(&topic, "from=earliest&until=now").header("last-event-id", &half.id);
    assert_eq!(records(&whole(Sse::open(request).await).await), [(0, 2), (0, 3), (0, 4)]);
}

async fn until_now_of_what_is_empty_ends_at_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("empty", 3).await);
    for topics in [topic.clone(), format!("{}nothing-*", context.prefix())] {
        for query in ["until=now", "from=earliest&until=now", "from=-5&until=now", "from=latest&until=1000"] {
            let events = whole(gateway.stream(&topics, query).await).await;
            let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
            assert_eq!(kinds, ["ready", "caught-up", "end"], "{topics} {query}");
        }
    }
}

async fn until_now_ends_behind_what_was_aborted(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("aborted", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    context.kafka().writer().write(&topic, 0, &Draft::value("kept")).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 0..3).await;
    writer.abort().await;
    let events = whole(gateway.stream(&topic, "from=earliest&until=now").await).await;
    assert_eq!(records(&events), [(0, 0)]);
    let all = whole(gateway.stream(&topic, "from=earliest&until=now&isolation=uncommitted").await).await;
    assert_eq!(records(&all), [(0, 0), (0, 1), (0, 2), (0, 3)]);
}

async fn until_now_with_a_hanging_transaction_is_not_endless(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("hanging", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    context.kafka().writer().write(&topic, 0, &Draft::value("before")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("open")).await;
    context.kafka().writer().write(&topic, 0, &Draft::value("behind")).await;
    let events = whole(gateway.stream(&topic, "from=earliest&until=now").await).await;
    assert_eq!(records(&events), [(0, 0)], "the end is the last stable offset");
    assert_eq!(events.last().expect("an end").json()["positions"], json!({ topic.as_str(): [1] }));
    let all = whole(gateway.stream(&topic, "from=earliest&until=now&isolation=uncommitted").await).await;
    assert_eq!(records(&all), [(0, 0), (0, 1), (0, 2)], "the end is the high watermark");
    let past = now();
    let events = whole(gateway.stream(&topic, &format!("from=earliest&until={}", past + 1)).await).await;
    assert_eq!(records(&events), [(0, 0)], "the clock has passed it");
    writer.commit().await;
}

async fn until_now_is_no_nearer_end_than_the_cursor_that_is_beyond_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("beyond", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 0..2).await;
    let id =
        gateway.stream(&topic, "from=earliest&isolation=uncommitted").await.records(2).await.remove(1).id;
    let events = whole(gateway.stream(&topic, &format!("from={id}&until=now")).await).await;
    assert_eq!(records(&events), []);
    assert_eq!(events[0].json()["loss"], "none");
    writer.commit().await;
}

async fn until_a_time_to_come_ends_when_the_clock_has_passed_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("clock", 2).await);
    let (begun, stop) = (Instant::now(), now() + 2500);
    let mut stream = gateway.stream(&topic, &format!("from=earliest&until={stop}")).await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    gateway.produce(&topic, "partition=1", "in time").await.receipt();
    assert_eq!(stream.expect("message").await.value(), "in time");
    let end = stream.expect("end").await;
    assert!(begun.elapsed() >= Duration::from_millis(2400), "{:?}", begun.elapsed());
    assert!(now() >= stop, "the time has come");
    assert_eq!(end.json()["positions"], json!({ topic.as_str(): [0, 1] }));
    assert_eq!(stream.next().await, None);
}

async fn until_a_time_to_come_ends_by_records_stamped_later(context: Context) {
    let gateway = context.gateway().await;
    let far = [("message.timestamp.after.max.ms", "9223372036854775807")];
    let topic = context.topic_with("later", 2, &far).await;
    let stop = now() + 3_600_000;
    let mut stream = gateway.stream(&topic, &format!("until={stop}")).await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    let produce = async |partition: i32, stamp: i64| {
        gateway.produce(&topic, &format!("partition={partition}&timestamp={stamp}"), "1").await.receipt();
    };
    produce(0, stop - 1).await;
    assert_eq!(stream.expect("message").await.address(), (0, 0));
    produce(0, stop).await;
    produce(0, stop - 1).await;
    // One partition has ended; the other one has not.
    produce(1, stop - 1).await;
    assert_eq!(stream.expect("message").await.address(), (1, 0));
    produce(1, stop + 1).await;
    let end = stream.expect("end").await;
    assert_eq!(end.json()["positions"], json!({ topic.as_str(): [1, 1] }));
    assert_eq!(stream.next().await, None);
}

async fn no_time_is_too_far_away_to_be_an_end(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("far", 1).await);
    gateway.produce(&topic, "", "1").await.receipt();
    for until in ["-9223372036854775808", "-1", "0", "1970-01-01T00:00:00Z"] {
        let events = whole(gateway.stream(&topic, &format!("from=earliest&until={until}")).await).await;
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["ready", "caught-up", "end"], "{until}: every record is later");
        let page = gateway.page(&topic, &format!("from=earliest&until={until}")).await;
        assert_eq!((page.status, &page.header("kafka-stream-next")[..3]), (204, "e1."), "{until}");
    }
    for until in ["9223372036854775807", "9999-12-30T00:00:00Z"] {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&until={until}")).await;
        stream.expect("ready").await;
        assert_eq!(stream.expect("message").await.value(), 1, "{until}");
        stream.expect("caught-up").await;
        let page = gateway.page(&topic, &format!("from=earliest&until={until}")).await.json(200);
        assert_eq!(page["records"][0]["value"], 1, "{until}");
    }
}

async fn ended(gateway: &Gateway, topic: &str) -> String {
    let events = whole(gateway.stream(topic, "from=earliest&until=now").await).await;
    events.last().expect("an end").id.clone()
}

async fn the_id_of_an_end_is_answered_with_204_by_every_way(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("done", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..2).await;
    let id = ended(&gateway, &topic).await;
    for query in [format!("from={id}"), format!("last_event_id={id}"), format!("until=now&lastEventId={id}")]
    {
        let stream = gateway.stream(&topic, &query).await;
        assert_eq!((stream.status, stream.header("cache-control")), (204, "no-store"), "{query}");
        assert_eq!(gateway.lines(&topic, &query).await.status, 204, "{query}");
        let page = gateway.page(&topic, &query).await;
        assert_eq!((page.status, page.header("kafka-stream-next")), (204, id.as_str()), "{query}");
    }
    let request = gateway.streaming(&topic, "from=earliest&until=now").header("last-event-id", &id);
    let mut stream = Sse::open(request).await;
    assert_eq!((stream.status, stream.rest().await.len()), (204, 0));
    let mut lines = gateway.lines(&topic, "from=earliest&until=now").await;
    let mut last = lines.expect("ready").await;
    while let Some(line) = lines.next().await {
        last = line;
    }
    assert_eq!((last["@"].as_str(), last["cursor"].as_str()), (Some("end"), Some(id.as_str())));
}

async fn no_end_comes_without_until(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("endless", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..2).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.records(2).await;
    stream.expect("caught-up").await;
    context.kafka().writer().write_numbers(&topic, 0, 2..3).await;
    assert_eq!(stream.expect("message").await.address(), (0, 2));
}
