//! What a stream does by the clock: it beats, tells its position, and ends when it is old.
//!
//! The shortest times that may be asked for are seconds, so these tests take some, nearly all of it waiting.

use crate::harness::{Context, Draft, Event, Sse, Test};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_stream_as_old_as_it_may_be_drains_and_is_gone_on_with,
        a_long_backlog_does_not_outlive_its_stream,
        lines_live_on_unless_a_lifetime_is_asked_for,
        a_ping_is_an_event_that_page_code_sees,
        a_checkpoint_tells_the_position_of_a_quiet_stream,
        a_checkpoint_follows_what_was_aborted_within_seconds needs [Transactions],
        a_checkpoint_stands_where_a_hanging_transaction_begins needs [Transactions],
    ]
}

/// The bytes of the block that begins with this line.
fn block<'a>(raw: &'a [u8], first: &str) -> &'a str {
    let text = std::str::from_utf8(raw).expect("UTF-8");
    let at = text.rfind(first).unwrap_or_else(|| panic!("no {first} in {text}"));
    text[at..].split_inclusive("\n\n").next().expect("a block")
}

async fn a_stream_as_old_as_it_may_be_drains_and_is_gone_on_with(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("old", 1).await);
    let begun = Instant::now();
    let mut stream = gateway.stream(&topic, "max_age=10s").await;
    let max_age = stream.expect("ready").await.json()["max_age_ms"].as_u64().expect("a lifetime");
    assert!((8000..=10_000).contains(&max_age), "{max_age}");
    stream.expect("caught-up").await;
    gateway.produce(&topic, "", "1").await.receipt();
    let id = stream.expect("message").await.id;
    let drain = stream.expect("drain").await;
    let age = begun.elapsed();
    assert!(age >= Duration::from_millis(max_age), "{age:?} of {max_age} ms");
    assert!(age < Duration::from_secs(14), "{age:?}");
    assert_eq!(drain.json(), json!({ "reason": "lifetime", "reconnect": true }));
    let retry = drain.retry.expect("a client is told how long to wait");
    assert!((500..10_000).contains(&retry.as_millis()), "{retry:?}");
    assert_eq!(drain.id, id, "the position stays what it was");
    assert!(!block(&stream.raw, "event: drain\n").contains("id:"));
    assert_eq!(stream.next().await, None);
    gateway.produce(&topic, "", "2").await.receipt();
    let mut stream = Sse::open(gateway.streaming(&topic, "max_age=10s").header("last-event-id", &id)).await;
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.value(), 2);
}

async fn a_long_backlog_does_not_outlive_its_stream(context: Context) {
    const PARTITIONS: usize = 8;
    const EACH: usize = 1800;
    let (gateway, topic) = (context.gateway().await, context.topic("backlog", PARTITIONS as i32).await);
    let writer = context.kafka().writer();
    for partition in 0..PARTITIONS {
        let records = (0..EACH).map(|_| Draft::value(vec![b'x'; 1900]));
        writer.write_all(&topic, partition as i32, records).await;
    }
    let mut stream = gateway.stream(&topic, "from=earliest&max_age=10s").await;
    let max_age = stream.expect("ready").await.json()["max_age_ms"].as_u64().expect("a lifetime");
    // Nothing is taken until its time has come; then there is still more to read than sockets hold.
    tokio::time::sleep(Duration::from_millis(max_age)).await;
    let events = stream.rest().await;
    let (last, records) = events.split_last().expect("a drain");
    assert_eq!(last.kind, "drain");
    assert!(records.iter().all(|event| event.kind == "message"), "it was drained before it had caught up");
    assert!(records.len() < PARTITIONS * EACH * 3 / 4, "after {} records", records.len());
}

async fn lines_live_on_unless_a_lifetime_is_asked_for(context: Context) {
    let topic = context.topic("lines", 1).await;
    let gateway = context.gateway_with(|config| config.streams.max_age = Duration::from_secs(10)).await;
    let (mut for_ever, mut events) = (gateway.lines(&topic, "").await, gateway.stream(&topic, "").await);
    let mut aged = gateway.lines(&topic, "max_age=11s").await;
    assert_eq!(for_ever.expect("ready").await.get("max_age_ms"), None);
    let max_age = aged.expect("ready").await["max_age_ms"].as_u64().expect("a lifetime");
    assert!((8800..=11_000).contains(&max_age), "{max_age}");
    for lines in [&mut for_ever, &mut aged] {
        lines.expect("caught-up").await;
    }
    let drain = aged.expect("drain").await;
    assert_eq!(drain, json!({ "@": "drain", "reason": "lifetime", "reconnect": true }));
    assert_eq!(aged.next().await, None);
    events.rest().await;
    // By now a stream of this gateway that has a lifetime is over.
    gateway.produce(&topic, "", "1").await.receipt();
    assert_eq!(for_ever.expect("").await["value"], 1);
}

async fn a_ping_is_an_event_that_page_code_sees(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ping", 1).await);
    let mut stream = gateway.stream(&topic, "heartbeat=5s&ping=true").await;
    let mut lines = gateway.lines(&topic, "heartbeat=5s").await;
    let mut loud = gateway.lines(&topic, "heartbeat=5s&ping=true").await;
    stream.expect("ready").await;
    let id = stream.expect("caught-up").await.id;
    for lines in [&mut lines, &mut loud] {
        lines.expect("ready").await;
        lines.expect("caught-up").await;
    }
    let (comments, begun) = (stream.parser.comments, Instant::now());
    let ping = stream.expect("ping").await;
    assert!(begun.elapsed() > Duration::from_millis(4000), "after {:?}", begun.elapsed());
    assert_eq!((ping.json(), ping.id, ping.retry), (json!({}), id, None));
    assert_eq!(block(&stream.raw, "event: ping\n"), "event: ping\ndata: {}\n\n");
    assert_eq!(stream.parser.comments, comments, "one of the two beats");
    for lines in [&mut lines, &mut loud] {
        assert_eq!(lines.expect("ping").await, json!({ "@": "ping" }));
        assert!(lines.raw.ends_with(b"}\n{\"@\":\"ping\"}\n"), "{:?}", String::from_utf8_lossy(&lines.raw));
    }
}

async fn a_checkpoint_tells_the_position_of_a_quiet_stream(context: Context) {
    let topics = [context.topic("quiet", 2).await, context.topic("still", 1).await];
    let gateway = context.gateway_with(|config| config.streams.checkpoint = Duration::from_secs(1)).await;
    context.kafka().writer().write_numbers(&topics[0], 1, 0..2).await;
    let list = topics.join(",");
    let (mut stream, mut lines) = (gateway.stream(&list, "").await, gateway.lines(&list, "").await);
    let ready = stream.expect("ready").await;
    stream.expect("caught-up").await;
    lines.expect("ready").await;
    lines.expect("caught-up").await;
    let positions = json!({ topics[0].as_str(): [0, 2], topics[1].as_str(): [0] });
    for _ in 0..2 {
        let checkpoint = stream.expect("checkpoint").await;
        assert_eq!((checkpoint.json(), &checkpoint.id), (json!({ "positions": positions }), &ready.id));
        let line = lines.expect("checkpoint").await;
        assert_eq!(line, json!({ "@": "checkpoint", "cursor": ready.id, "positions": positions }));
    }
    assert!(
        block(&stream.raw, "event: checkpoint\n").contains("\ndata: {"),
        "an id alone would be lost to some"
    );
}

/// The next event, if it is a checkpoint at this position of the first partition.
async fn checkpoint(stream: &mut Sse, topic: &str, position: i64) -> Event {
    loop {
        let checkpoint = stream.expect("checkpoint").await;
        // Kafka writes the marker a moment after it confirms the abort, so there may be one before it.
        if checkpoint.json()["positions"][topic][0] == position {
            return checkpoint;
        }
    }
}

async fn a_checkpoint_follows_what_was_aborted_within_seconds(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("aborted", 1).await);
    let mut stream = gateway.stream(&topic, "").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 0..4).await;
    writer.abort().await;
    let begun = Instant::now();
    let told = checkpoint(&mut stream, &topic, 5).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    context.kafka().writer().write(&topic, 0, &Draft::value("behind")).await;
    let mut again = Sse::open(gateway.streaming(&topic, "").header("last-event-id", &told.id)).await;
    assert_eq!(again.expect("ready").await.json()["positions"], json!({ topic.as_str(): [5] }));
    for stream in [&mut stream, &mut again] {
        assert_eq!(stream.records(1).await[0].address(), (0, 5));
    }
}

async fn a_checkpoint_stands_where_a_hanging_transaction_begins(context: Context) {
    let topic = context.topic("hanging", 1).await;
    let gateway = context.gateway_with(|config| config.streams.checkpoint = Duration::from_secs(1)).await;
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    let plain = context.kafka().writer();
    plain.write_numbers(&topic, 0, 0..2).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("open")).await;
    plain.write_numbers(&topic, 0, 3..5).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.records(2).await;
    stream.expect("caught-up").await;
    let told = checkpoint(&mut stream, &topic, 2).await;
    writer.commit().await;
    let mut again = Sse::open(gateway.streaming(&topic, "").header("last-event-id", &told.id)).await;
    for stream in [&mut stream, &mut again] {
        let seen: Vec<_> = stream.records(3).await.iter().map(Event::address).collect();
        assert_eq!(seen, [(0, 2), (0, 3), (0, 4)]);
    }
}
