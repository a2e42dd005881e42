//! `ids=flush`: an id once a write, less bytes on wide topics; who comes back may be told one flush again.

use crate::harness::{Context, Draft, Sse, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        an_id_a_flush_is_told_and_loses_nothing,
        lines_have_a_cursor_a_flush_too,
        a_flush_of_one_record_has_its_id,
    ]
}

const RECORDS: usize = 400;

async fn an_id_a_flush_is_told_and_loses_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("burst", 1).await);
    let drafts = (0..RECORDS).map(|n| Draft::value(format!("\"{n:0400}\"")));
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    let mut stream = gateway.stream(&topic, "from=earliest&ids=flush").await;
    let ready = stream.expect("ready").await;
    assert_eq!(ready.json()["ids"], "flush");
    let records = stream.records(RECORDS).await;
    // Ids of records, and after which of them each came: the parser keeps the last one it was told.
    let mut told: Vec<(String, usize)> = Vec::new();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.address(), (0, n as i64), "none is missing, none comes twice");
        let before = told.last().map_or(&ready.id, |(id, _)| id);
        if record.id != *before {
            told.push((record.id.clone(), n));
        }
    }
    assert!(!told.is_empty() && told.len() < RECORDS / 2, "{} ids for {RECORDS} records", told.len());
    assert_eq!(told.last().map(|(_, n)| *n), Some(RECORDS - 1), "a flush ends with an id");
    let caught_up = stream.expect("caught-up").await;
    assert_eq!(caught_up.id, records[RECORDS - 1].id);
    let text = std::str::from_utf8(&stream.raw).expect("UTF-8");
    assert_eq!(
        text.matches("\nid: ").count(),
        told.len() + 2,
        "no other block has one but the control events'"
    );
    // A client that was cut anywhere in a flush goes on from the id before it.
    for (id, n) in told.iter().rev().take(4) {
        let mut stream = Sse::open(gateway.streaming(&topic, "ids=flush").header("last-event-id", id)).await;
        stream.expect("ready").await;
        if n + 1 < RECORDS {
            assert_eq!(stream.expect("message").await.address(), (0, *n as i64 + 1));
        } else {
            stream.expect("caught-up").await;
        }
    }
    let plain = gateway.stream(&topic, "from=earliest&ids=event").await.expect("ready").await;
    assert_eq!(plain.json().get("ids"), None);
}

async fn lines_have_a_cursor_a_flush_too(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("lines", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..RECORDS).await;
    let mut lines = gateway.lines(&topic, "from=earliest&ids=flush&until=now").await;
    assert_eq!(lines.expect("ready").await["ids"], "flush");
    let (mut offsets, mut cursors) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next().await {
        if line["@"].is_null() {
            offsets.push(line["offset"].as_u64().expect("an offset") as usize);
            cursors.push(line["cursor"].as_str().map(str::to_owned));
        } else {
            assert!(line["cursor"].is_string(), "{line}");
        }
    }
    assert_eq!(offsets, (0..RECORDS).collect::<Vec<_>>());
    let with = cursors.iter().flatten().count();
    assert!(with > 0 && with < RECORDS / 2, "{with} cursors for {RECORDS} records");
    assert!(cursors[RECORDS - 1].is_some(), "a flush ends with one");
}

async fn a_flush_of_one_record_has_its_id(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("single", 1).await);
    let mut stream = gateway.stream(&topic, "ids=flush&format=value").await;
    let mut before = stream.expect("ready").await.id;
    stream.expect("caught-up").await;
    for n in 0..5 {
        gateway.produce(&topic, "", n.to_string()).await.receipt();
        let record = stream.expect("message").await;
        assert_eq!(record.data, n.to_string());
        assert_ne!(record.id, before, "it waits for no other record");
        before = record.id;
    }
}
