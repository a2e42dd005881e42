//! The clients on standard libraries: what they write is written, and what they read is whole though they are cut off.

use super::run;
use crate::harness::{Context, Cut, Program, Relay, Test, until};
use crate::tests;
use serde_json::Value;
use std::collections::BTreeMap;

pub fn tests() -> Vec<Test> {
    tests![
        the_python_client_reads_each_record_once_through_cuts needs [Python],
        the_node_client_reads_each_record_once_through_cuts needs [Node],
        the_python_client_writes_and_tells_a_refusal needs [Python],
        the_node_client_writes_and_tells_a_refusal needs [Node],
    ]
}

const PYTHON: (&str, &str) = ("python3", "client.py");
const NODE: (&str, &str) = ("node", "client.mjs");

async fn the_python_client_reads_each_record_once_through_cuts(context: Context) {
    reads_each_record_once(&context, PYTHON).await;
}

async fn the_node_client_reads_each_record_once_through_cuts(context: Context) {
    reads_each_record_once(&context, NODE).await;
}

async fn the_python_client_writes_and_tells_a_refusal(context: Context) {
    writes_and_tells_a_refusal(&context, PYTHON).await;
}

async fn the_node_client_writes_and_tells_a_refusal(context: Context) {
    writes_and_tells_a_refusal(&context, NODE).await;
}

/// How many records there are when the client comes, and how many come while it reads.
const BEFORE: usize = 400;
const LIVE: usize = 40;

async fn reads_each_record_once(context: &Context, (interpreter, name): (&str, &str)) {
    let topic = context.topic("read", 3).await;
    let gateway = context.gateway().await;
    for number in 0..BEFORE {
        write(&gateway, &topic, number).await;
    }
    // In the backlog, in the middle of an answer's head, and once more; the last comes amid live records.
    let cuts = [Cut::Closed(20_003), Cut::Reset(40), Cut::Reset(9_001)];
    let (relay, _) = Relay::start(gateway.address(), cuts, Vec::new()).await;
    let mut program = run(interpreter, name, &["read", &relay.url(""), &topic, "earliest"]);
    let mut seen = read(&mut program, BEFORE).await;
    relay.cut_all();
    until("the live stream is cut", || async { (relay.cuts() == cuts.len() + 1).then_some(()) }).await;
    for number in BEFORE..BEFORE + LIVE {
        write(&gateway, &topic, number).await;
    }
    seen.extend(read(&mut program, LIVE).await);
    let mut partitions: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for record in &seen {
        let number = |name: &str| record[name].as_i64().unwrap_or_else(|| panic!("{name} in {record}"));
        partitions.entry(number("partition")).or_default().push(number("offset"));
        assert_eq!(record["key"], format!("k-{}", number_of(record) % 7), "{record}");
    }
    for (partition, offsets) in &partitions {
        assert!(offsets.iter().copied().eq(0..offsets.len() as i64), "{partition}: {offsets:?}");
    }
    let mut numbers: Vec<_> = seen.iter().map(number_of).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..(BEFORE + LIVE) as i64), "{numbers:?}");
    let path = format!("/v1/topics/{topic}/stream");
    let ids = relay.last_ids(&path);
    assert!(ids.len() > cuts.len() && ids[1..].iter().any(|id| !id.is_empty()), "{ids:?}");
    // By the id of a record another process goes on right behind it.
    let [.., before, last] = &seen[..] else { panic!("there are two") };
    let id = before["id"].as_str().expect("an id");
    let mut other = run(interpreter, name, &["read", &gateway.url(""), &topic, "earliest", id]);
    assert_eq!(read(&mut other, 1).await[0]["value"], last["value"]);
}

async fn write(gateway: &crate::harness::Gateway, topic: &str, number: usize) {
    let value = format!(r#"{{"n":{number},"text":"täglich ☕\n{number}"}}"#);
    gateway.produce(topic, &format!("key=k-{}", number % 7), value).await.receipt();
}

fn number_of(record: &Value) -> i64 {
    record["value"]["n"].as_i64().unwrap_or_else(|| panic!("n in {record}"))
}

/// The next records that the program prints.
async fn read(program: &mut Program, records: usize) -> Vec<Value> {
    let mut read = Vec::new();
    while read.len() < records {
        let line = program.line().await;
        let line = line.unwrap_or_else(|| panic!("it ended: {}", program.said()));
        read.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
    }
    read
}

async fn writes_and_tells_a_refusal(context: &Context, (interpreter, name): (&str, &str)) {
    let (gateway, topic) = (context.gateway().await, context.topic("written", 2).await);
    let value = "grüße\n\"☕\"";
    let mut program = run(interpreter, name, &["write", &gateway.url(""), &topic, "c 17&", value]);
    let receipt = read(&mut program, 1).await.remove(0);
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (i64::from(ledger[0].partition), ledger[0].offset),
        (receipt["partition"].as_i64().unwrap_or(-1), 0)
    );
    assert_eq!(ledger[0].key.as_deref(), Some(&b"c 17&"[..]));
    assert_eq!(ledger[0].value.as_deref(), Some(value.as_bytes()));
    for arguments in [vec!["write", "k", "v"], vec!["read"]] {
        let (url, missing) = (gateway.url(""), context.name("missing"));
        let mut words = vec![arguments[0], &url, &missing];
        words.extend(&arguments[1..]);
        let mut program = run(interpreter, name, &words);
        assert_eq!(program.line().await, None);
        let said = program.said();
        assert!(said.contains("refused: ") && said.contains("missing"), "{said}");
    }
}
