//! Acknowledging by coming back, which is all that an `EventSource` can do.

use super::{Worked, take};
use crate::harness::{Context, Sse, Test};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        coming_back_with_an_id_acknowledges_up_to_it_and_the_rest_comes_again_at_once,
        a_stream_asks_its_client_back_at_half_its_window,
        a_stream_asks_its_client_back_when_a_record_has_waited_for_long,
        what_a_client_held_that_stays_away_comes_again_after_its_lease,
        a_client_on_a_new_connection_ends_its_old_one,
        an_old_id_never_ends_or_loops_an_event_source,
        an_id_acknowledges_though_no_stream_can_be_opened,
        in_other_modes_an_id_that_is_brought_acknowledges_nothing,
        a_stream_without_a_page_to_come_back_to_gives_up_after_so_many_attempts,
    ]
}

/// The client comes back with an id; what `ready` says of it.
async fn back(worked: &Worked, id: &str, query: &str) -> (Sse, String) {
    let mut stream = Sse::open(worked.streaming(query).header("last-event-id", id)).await;
    assert_eq!(stream.status, 200);
    let ready = stream.expect("ready").await;
    (stream, ready.json()["ack"].as_str().expect("a word").to_owned())
}

async fn coming_back_with_an_id_acknowledges_up_to_it_and_the_rest_comes_again_at_once(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 2).await;
    worked.write(0, 0..3).await;
    worked.write(1, 10..13).await;
    // The lease would be long: it is the coming back that ends it.
    let query = "ack_timeout=1h";
    let mut stream = worked.stream(query).await;
    let ready = stream.expect("ready").await.json();
    assert_eq!(
        (&ready["mode"], &ready["ack"], &ready["window"]),
        (&json!("reconnect"), &json!("none"), &json!(5000))
    );
    let batch = take(&mut stream, 6).await;
    let (ids, numbers) = (batch.ids(), batch.tries());
    drop(stream);
    let (mut stream, ack) = back(&worked, &ids[3], query).await;
    assert_eq!(ack, "done");
    let batch = take(&mut stream, 2).await;
    let (again, repeated) = (batch.ids(), batch.tries());
    let rest: Vec<_> = numbers[4..].iter().map(|(number, _)| (*number, 2)).collect();
    assert_eq!(repeated, rest);
    drop(stream);
    let (_stream, ack) = back(&worked, &again[1], query).await;
    assert_eq!(ack, "done");
    worked.until_committed(&[3, 3]).await;
}

async fn a_stream_asks_its_client_back_at_half_its_window(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..20).await;
    let mut id = String::new();
    for turn in 0..4 {
        let (mut stream, ack) = back(&worked, &id, "window=10").await;
        assert_eq!(ack, if turn == 0 { "none" } else { "done" });
        let batch = take(&mut stream, 5).await;
        let (ids, numbers) = (batch.ids(), batch.tries());
        assert_eq!(numbers, (turn * 5..turn * 5 + 5).map(|number| (number, 1)).collect::<Vec<_>>());
        let drain = stream.expect("drain").await;
        assert_eq!(drain.json(), json!({"reason": "ack", "reconnect": true}));
        assert_eq!(drain.retry, Some(Duration::from_millis(500)));
        assert!(stream.next().await.is_none(), "it ends in good order");
        id.clone_from(&ids[4]);
        assert_eq!(drain.id, id, "an EventSource keeps the last record's");
    }
    let (_stream, _) = back(&worked, &id, "window=10").await;
    worked.until_committed(&[20]).await;
}

async fn a_stream_asks_its_client_back_when_a_record_has_waited_for_long(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, [0]).await;
    let mut stream = worked.stream("heartbeat=60s").await;
    let ids = take(&mut stream, 1).await.ids();
    let came = Instant::now();
    assert_eq!(stream.expect("drain").await.json()["reason"], "ack");
    assert!(came.elapsed() > Duration::from_secs(15), "after {:?}", came.elapsed());
    let (_stream, ack) = back(&worked, &ids[0], "").await;
    assert_eq!(ack, "done");
    worked.until_committed(&[1]).await;
}

async fn what_a_client_held_that_stays_away_comes_again_after_its_lease(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let query = "ack_timeout=700ms";
    let mut stream = worked.stream(query).await;
    assert_eq!(take(&mut stream, 2).await.tries(), [(0, 1), (1, 1)]);
    drop(stream);
    let gone = Instant::now();
    let mut other = worked.stream(query).await;
    let batch = take(&mut other, 2).await;
    let (ids, again) = (batch.ids(), batch.tries());
    assert_eq!(again, [(0, 2), (1, 2)]);
    assert!(gone.elapsed() >= Duration::from_millis(500), "after {:?}", gone.elapsed());
    drop(other);
    back(&worked, &ids[1], query).await;
    worked.until_committed(&[2]).await;
}

async fn a_client_on_a_new_connection_ends_its_old_one(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..4).await;
    let mut stream = worked.stream("").await;
    let ids = take(&mut stream, 4).await.ids();
    // A proxy may keep the old one open, or nobody may have noticed that it broke.
    let (mut next, ack) = back(&worked, &ids[1], "").await;
    assert_eq!(ack, "done");
    assert!(stream.next().await.is_none(), "nothing more is handed to it");
    assert_eq!(take(&mut next, 2).await.tries(), [(2, 2), (3, 2)]);
}

async fn an_old_id_never_ends_or_loops_an_event_source(context: Context) {
    let worked = Worked::new(&context, context.gateway_with(|_| {}).await, 1).await;
    let other = Worked { group: context.name("other"), ..worked.clone() };
    worked.write(0, 0..3).await;
    let foreign = take(&mut other.stream("").await, 1).await.ids().remove(0);
    let mut stream = worked.stream("ack_timeout=200ms").await;
    let own = take(&mut stream, 3).await.ids().remove(2);
    drop(stream);
    let middle = own.len() / 2;
    let forged = format!(
        "{}{}{}",
        &own[..middle],
        if &own[middle..=middle] == "A" { "B" } else { "A" },
        &own[middle + 1..]
    );
    let long = format!("{own}{}", "A".repeat(3000));
    for old in
        [foreign.as_str(), &forged, &long, "1.HJ4iXo0fMAGzCQ", "e1.AA", "0", "g1.", "g1.!", "\u{1f980}"]
    {
        let request = worked.streaming("ack_timeout=200ms").header("last-event-id", old.as_bytes());
        let mut stream = Sse::open(request).await;
        let ready = stream.expect("ready").await.json();
        assert_eq!((stream.status, &ready["ack"]), (200, &json!("dropped")), "{old}");
        let again = take(&mut stream, 3).await.tries();
        assert_eq!(
            again.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [0, 1, 2],
            "nothing was moved by {old}"
        );
    }
    assert_eq!(worked.committed(1).await, [0]);
    worked.gateway.stop().await;
    let after = worked.through(&context.gateway_with(|_| {}).await);
    let (mut stream, ack) = back(&after, &own, "").await;
    assert_eq!(
        (ack.as_str(), take(&mut stream, 1).await.tries()),
        ("dropped", vec![(0, 1)]),
        "of another process"
    );
}

async fn an_id_acknowledges_though_no_stream_can_be_opened(context: Context) {
    let gateway = context.gateway_with(|config| config.streams.max_streams = 1).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..2).await;
    let mut stream = worked.stream("").await;
    let ids = take(&mut stream, 2).await.ids();
    // The place is its own until it has gone.
    let request = worked.streaming("").header("last-event-id", &ids[1]).header("accept", "text/event-stream");
    let mut refused = Sse::open(request).await;
    assert_eq!(refused.header("kafka-stream-status"), "503");
    assert_eq!(refused.expect("fault").await.id, ids[1], "the client keeps what it has");
    worked.until_committed(&[2]).await;
}

async fn in_other_modes_an_id_that_is_brought_acknowledges_nothing(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let query = "ack=explicit&ack_timeout=300ms";
    let ids = take(&mut worked.stream(query).await, 2).await.ids();
    let (mut stream, ack) = back(&worked, &ids[1], query).await;
    assert_eq!(ack, "none");
    assert_eq!(take(&mut stream, 2).await.tries(), [(0, 2), (1, 2)]);
    assert_eq!(worked.committed(1).await, [0]);
}

async fn a_stream_without_a_page_to_come_back_to_gives_up_after_so_many_attempts(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let grave = context.topic("grave", 1).await;
    worked.write(0, 0..1).await;
    let query = format!("ack_timeout=100ms&max_attempts=2&dead_letter={grave}");
    for attempt in 1..3 {
        let mut stream = worked.stream(&query).await;
        assert_eq!(take(&mut stream, 1).await.tries(), [(0, attempt)]);
    }
    worked.until_committed(&[1]).await;
    let letters = context.kafka().consume_all(&grave).await;
    assert_eq!(letters.len(), 1);
}
