//! Streams that end in good order, as every stream of events does by its age, and what clients make of that.

use super::content;
use super::feed::{Client, Feed, pages};
use super::reader::Reader;
use crate::harness::{Context, Relay, Test, until};
use crate::stream::property::decode::Form;
use crate::tests;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        every_client_comes_back_when_its_stream_ends_by_its_age needs [Chromium, NodeClients, PythonClients, Curl],
        an_end_that_was_asked_for_ends_an_event_source_for_good needs [Chromium, NodeClients],
    ]
}

const CLIENTS: [Client; 7] = [
    Client::Page("event_source.html"),
    Client::Page("fetch_event_source.html"),
    Client::Node("eventsource.mjs"),
    Client::Python("httpx_sse_client.py"),
    Client::Python("requests_ndjson.py"),
    Client::Script("curl_sse"),
    Client::Rust,
];

async fn every_client_comes_back_when_its_stream_ends_by_its_age(context: Context) {
    let topic = context.topic("age", 1).await;
    let (gateway, writer) = (context.gateway().await, context.kafka().writer());
    // The shortest that may be asked for.
    let path = format!("/v1/topics/{topic}/stream");
    let stream = format!("{path}?from=earliest&max_age=10s");
    let (mut relays, mut readers) = (Vec::new(), Vec::new());
    for client in CLIENTS {
        let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
        readers.push(Reader::new(Feed::start(client, &relay, told, &stream)));
        relays.push(relay);
    }
    // Records come all the while: when streams end, when they are away, and when they are back.
    let mut written = 0;
    until("every client has come back", || {
        let number = written;
        written += 1;
        let (writer, topic, relays, path) = (&writer, &topic, &relays, &path);
        async move {
            writer.write(topic, 0, &content::draft(number)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            relays.iter().all(|relay| relay.last_ids(path).len() > 1).then_some(())
        }
    })
    .await;
    let ledger = context.kafka().consume_all(&topic).await;
    for (reader, client) in readers.iter_mut().zip(CLIENTS) {
        reader.read(ledger.len()).await;
        assert!(reader.others.iter().any(|name| name == "drain"), "{client:?}: {:?}", reader.others);
        reader.compare(&ledger, Form::Auto);
    }
    assert!(relays.iter().all(|relay| relay.cuts() == 0), "streams were cut");
}

async fn an_end_that_was_asked_for_ends_an_event_source_for_good(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("end", 1).await);
    for number in 0..3 {
        gateway.produce(&topic, "", number.to_string()).await.receipt();
    }
    let path = format!("/v1/topics/{topic}/stream");
    for client in [Client::Page("event_source.html"), Client::Node("eventsource.mjs")] {
        let (relay, told) = Relay::start(gateway.address(), [], pages()).await;
        let stream = format!("{path}?from=earliest&until=now");
        let mut reader = Reader::new(Feed::start(client, &relay, told, &stream));
        reader.read(3).await;
        let mut end = reader.event().await;
        while end.kind != "end" {
            end = reader.event().await;
        }
        // It comes back once more, as it must, and is told by a 204 never to do so again.
        let closed = reader.event().await;
        assert_eq!(closed.kind, "closed", "{client:?}: {closed:?}");
        let ids = relay.last_ids(&path);
        assert!(ids.len() == 2 && ids[1] == end.id && end.id.starts_with("e1."), "{client:?}: {ids:?}");
    }
}
