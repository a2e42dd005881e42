//! What clients make of an event stream beside what the standard says, and why the gateway's frames are as they are.
//!
//! Some of these streams are written by hand, as another server might send them: they show what a client does with what
//! the gateway never sends. `docs/clients.md` tells users what is left for them to know.

use super::feed::{Client, Feed, pages};
use crate::harness::{Context, Draft, Event, Gateway, Page, Relay, Test, until};
use crate::tests;
use serde_json::Value;

pub fn tests() -> Vec<Test> {
    tests![
        an_id_alone_is_not_kept_by_all_but_that_of_a_named_event_is needs [Chromium, NodeClients, PythonClients],
        blocks_without_data_are_empty_messages_to_some needs [Chromium, NodeClients, PythonClients],
        every_block_of_the_gateway_has_data,
        a_byte_order_mark_at_the_start_would_spoil_the_first_line needs [PythonClients],
        a_stream_never_starts_with_a_byte_order_mark,
        an_id_that_is_not_ascii_could_never_be_sent_back needs [NodeClients, PythonClients],
        fetch_event_source_left_alone_skips_the_record_it_was_cut_in needs [Chromium, NodeClients, PythonClients],
        fetch_event_source_changes_some_values_that_stand_alone needs [Chromium, NodeClients],
        rusts_eventsource_client_forgets_its_id_by_an_event_without_one needs [NodeClients],
        a_refusal_ends_the_event_source_of_a_browser_for_good needs [Chromium],
        a_browser_opens_six_streams_of_one_origin_and_no_more needs [Chromium],
        clients_outlive_a_kafka_that_is_away needs [Chromium, NodeClients],
    ]
}

const EVENT_SOURCE: Client = Client::Page("event_source.html");
const NPM: Client = Client::Node("eventsource.mjs");
const FETCH: Client = Client::Page("fetch_event_source.html");
const FETCH_ALONE: Client = Client::Page("fetch_event_source.html?plain");
const HTTPX: Client = Client::Python("httpx_sse_client.py");

/// The path of a stream that is written by hand.
const BY_HAND: &str = "/by-hand";

/// A client on streams written by hand: the first is its first connection's, the last that of all that follow.
async fn by_hand(gateway: &Gateway, client: Client, streams: &[&str]) -> (Relay, Feed) {
    let mut all = pages();
    all.extend(streams.iter().map(|stream| Page {
        path: BY_HAND.to_owned(),
        content_type: "text/event-stream",
        body: stream.as_bytes().to_vec(),
    }));
    let (relay, told) = Relay::start(gateway.address(), [], all).await;
    let feed = Feed::start(client, &relay, told, BY_HAND);
    (relay, feed)
}

/// The next event that a client tells, which says no more than that.
async fn next(feed: &mut Feed) -> Event {
    let line = feed.line().await.unwrap_or_else(|| panic!("the client ended: {}", feed.said()));
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}")).to_owned();
    Event { kind: text("event"), id: text("id"), data: text("data"), retry: None }
}

/// The id that a client comes back with.
async fn second_id(relay: &Relay) -> String {
    until("the client comes back", || async { relay.last_ids(BY_HAND).get(1).cloned() }).await
}

async fn an_id_alone_is_not_kept_by_all_but_that_of_a_named_event_is(context: Context) {
    let gateway = context.gateway().await;
    let alone = "event: ready\nretry: 20\nid: 1.first\ndata: {}\n\nid: 1.alone\n\n";
    let named =
        "event: ready\nretry: 20\nid: 1.first\ndata: {}\n\nevent: checkpoint\nid: 1.named\ndata: {}\n\n";
    for (client, kept) in
        [(EVENT_SOURCE, true), (NPM, false), (Client::Rust, false), (HTTPX, true), (FETCH, true)]
    {
        let (relay, _feed) = by_hand(&gateway, client, &[alone]).await;
        let expected = if kept { "1.alone" } else { "1.first" };
        assert_eq!(second_id(&relay).await, expected, "{client:?}");
        let (relay, _feed) = by_hand(&gateway, client, &[named]).await;
        assert_eq!(second_id(&relay).await, "1.named", "{client:?}");
    }
}

async fn blocks_without_data_are_empty_messages_to_some(context: Context) {
    let gateway = context.gateway().await;
    let stream = "event: ready\nid: 1.first\ndata: {}\n\nretry: 20\n\n: comment\n\nid: 1.last\ndata: 1\n\n";
    for (client, empty) in
        [(EVENT_SOURCE, false), (NPM, false), (Client::Rust, false), (HTTPX, true), (FETCH, true)]
    {
        let (_relay, mut feed) = by_hand(&gateway, client, &[stream]).await;
        let mut told = vec![next(&mut feed).await];
        while told.last().is_some_and(|event| event.data != "1") {
            told.push(next(&mut feed).await);
        }
        let datas: Vec<_> = told.iter().map(|event| event.data.as_str()).collect();
        let expected: &[&str] = if empty { &["{}", "", "", "1"] } else { &["{}", "1"] };
        assert_eq!(datas, expected, "{client:?}");
    }
}

async fn every_block_of_the_gateway_has_data(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("blocks", 1).await);
    gateway.produce(&topic, "", "").await.receipt();
    gateway.produce(&topic, "tombstone=true", "").await.receipt();
    let mut stream = gateway.stream(&topic, "from=earliest&format=value&heartbeat=5s").await;
    while stream.parser.comments < 2 {
        assert!(stream.more().await, "the stream goes on");
    }
    gateway.produce(&topic, "", "last").await.receipt();
    while !stream.raw.ends_with(b"\n\n") || !stream.raw.windows(6).any(|bytes| bytes == b": last") {
        assert!(stream.more().await, "the stream goes on");
    }
    let text = String::from_utf8(stream.raw.clone()).expect("text");
    let blocks: Vec<_> = text.trim_end_matches("\n\n").split("\n\n").collect();
    assert_eq!(blocks.len(), 5, "ready, three records, caught-up: {text}");
    for block in blocks {
        assert!(block.lines().any(|line| line.starts_with("data: ") || line == "data:"), "{block:?}");
    }
}

async fn a_byte_order_mark_at_the_start_would_spoil_the_first_line(context: Context) {
    let gateway = context.gateway().await;
    let stream = "\u{feff}data: 1\n\nretry: 20\ndata: 2\n\n";
    for (client, first) in [(NPM, "1"), (Client::Rust, "1"), (HTTPX, "2")] {
        let (_relay, mut feed) = by_hand(&gateway, client, &[stream]).await;
        assert_eq!(next(&mut feed).await.data, first, "{client:?}");
    }
}

async fn a_stream_never_starts_with_a_byte_order_mark(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bom", 1).await);
    let marked = "\u{feff}{}";
    gateway.produce(&topic, "", marked).await.receipt();
    for format in ["value", "envelope"] {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&format={format}")).await;
        let record = stream.records(1).await.remove(0);
        assert!(stream.raw.starts_with(b":\n"), "{:?}", &stream.raw[..8]);
        match format {
            "value" => assert_eq!(record.data, marked),
            _ => assert_eq!(record.json()["value"], marked),
        }
    }
}

async fn an_id_that_is_not_ascii_could_never_be_sent_back(context: Context) {
    let gateway = context.gateway().await;
    for client in [NPM, HTTPX] {
        let (relay, mut feed) = by_hand(&gateway, client, &["retry: 20\nid: 1.\u{20ac}\ndata: {}\n\n"]).await;
        next(&mut feed).await;
        let told = || async {
            let said = feed.said();
            (said.contains("ByteString") || said.contains("UnicodeEncodeError")).then_some(())
        };
        until("the client cannot say the id", told).await;
        assert_eq!(relay.last_ids(BY_HAND), [""], "{client:?} came back");
    }
}

async fn fetch_event_source_left_alone_skips_the_record_it_was_cut_in(context: Context) {
    let gateway = context.gateway().await;
    let stream = "retry: 20\nid: 1.whole\ndata: 1\n\nid: 1.cut\ndata: 2";
    for client in [FETCH_ALONE, FETCH, EVENT_SOURCE, NPM, HTTPX, Client::Rust] {
        let (relay, mut feed) = by_hand(&gateway, client, &[stream]).await;
        assert_eq!(next(&mut feed).await.data, "1", "{client:?}");
        // Who comes back with an id says to have seen what it belongs to.
        let expected = if client == FETCH_ALONE { "1.cut" } else { "1.whole" };
        assert_eq!(second_id(&relay).await, expected, "{client:?}");
    }
}

async fn fetch_event_source_changes_some_values_that_stand_alone(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("changed", 1).await);
    let table = [
        (" space", " space"),
        ("a\n\nb\n", "a\n\nb\n"),
        ("\n\nlines", "lines"),
        ("\u{feff}mark", "mark"),
        ("a\n\u{feff}b", "a\nb"),
    ];
    context.kafka().writer().write_all(&topic, 0, table.map(|(value, _)| Draft::value(value))).await;
    let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
    let stream = format!("/v1/topics/{topic}/stream?from=earliest&format=value");
    let mut feed = Feed::start(FETCH, &relay, told, &stream);
    assert_eq!(next(&mut feed).await.kind, "ready");
    for (value, seen) in table {
        assert_eq!(next(&mut feed).await.data, seen, "{value:?}");
    }
}

async fn rusts_eventsource_client_forgets_its_id_by_an_event_without_one(context: Context) {
    let gateway = context.gateway().await;
    let streams = ["retry: 20\nid: 1.first\ndata: 1\n\n", "retry: 20\nevent: fault\ndata: {}\n\n"];
    for (client, third) in [(Client::Rust, ""), (NPM, "1.first")] {
        let (relay, _feed) = by_hand(&gateway, client, &streams).await;
        let ids = until("the client comes back", || async {
            Some(relay.last_ids(BY_HAND)).filter(|ids| ids.len() >= 3)
        });
        assert_eq!(ids.await[..3], ["", "1.first", third], "{client:?}");
    }
}

async fn a_refusal_ends_the_event_source_of_a_browser_for_good(context: Context) {
    let gateway = context.gateway().await;
    let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
    let stream = format!("/v1/topics/{}/stream", context.name("missing"));
    let mut feed = Feed::start(EVENT_SOURCE, &relay, told, &stream);
    assert_eq!(next(&mut feed).await.kind, "closed");
}

async fn a_browser_opens_six_streams_of_one_origin_and_no_more(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("seven", 1).await);
    let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
    let stream = format!("/v1/topics/{topic}/stream");
    let mut feed = Feed::start(Client::Page("seven_streams.html"), &relay, told, &stream);
    let held = next(&mut feed).await;
    assert_eq!((held.kind.as_str(), held.data.as_str()), ("held", "6"));
    assert_eq!(next(&mut feed).await.kind, "all");
}

async fn clients_outlive_a_kafka_that_is_away(context: Context) {
    // A fault has no id, and this one would forget its own.
    tokio::join!(
        outlive_an_outage(&context, EVENT_SOURCE, ""),
        outlive_an_outage(&context, NPM, ""),
        outlive_an_outage(&context, Client::Rust, "&errors=status"),
    );
}

async fn outlive_an_outage(context: &Context, client: Client, query: &str) {
    let (broker, topic) = (context.own_broker().await, context.name("outage"));
    broker.kafka().create_topic(&topic, 1, &[]).await;
    let short = std::time::Duration::from_secs(1);
    let gateway = context.gateway_before(&broker, |config| config.kafka.request_timeout = short).await;
    let writer = broker.kafka().writer();
    writer.write(&topic, 0, &Draft::value("0")).await;
    let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
    let path = format!("/v1/topics/{topic}/stream");
    // Only an id can bring what is written while nobody reads, and nothing twice.
    let mut feed = Feed::start(client, &relay, told, &format!("{path}?from=earliest{query}"));
    for kind in ["ready", "message", "caught-up"] {
        assert_eq!(next(&mut feed).await.kind, kind, "{client:?}");
    }
    broker.away().await;
    relay.cut_all();
    until("the client was refused and came again", || async {
        (relay.last_ids(&path).len() >= 3).then_some(())
    })
    .await;
    broker.back().await;
    writer.write(&topic, 0, &Draft::value("1")).await;
    let mut faults = 0;
    loop {
        let event = next(&mut feed).await;
        match event.kind.as_str() {
            "ready" | "caught-up" => {}
            "fault" => {
                assert_eq!(event.json()["problem"]["retryable"], true, "{event:?}");
                faults += 1;
            }
            "message" => break assert_eq!(event.json()["value"], 1, "{client:?}"),
            other => panic!("{other}: {event:?}"),
        }
    }
    assert_eq!(faults > 0, query.is_empty(), "{client:?}: {faults} faults");
    let ids = relay.last_ids(&path);
    assert!(!ids[1].is_empty() && ids[1..].iter().all(|id| *id == ids[1]), "{client:?}: {ids:?}");
}
