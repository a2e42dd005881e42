//! Ten thousand records of every kind through five disconnects, by each client.

use super::content;
use super::feed::{Client, Feed, pages};
use super::reader::Reader;
use crate::harness::{Context, Cut, Draft, Relay, Test, Writer, until};
use crate::stream::property::decode::Form;
use crate::tests;
use futures_util::future::join_all;

pub fn tests() -> Vec<Test> {
    tests![
        chromiums_event_source_sees_every_record_once needs [Chromium],
        chromiums_event_source_sees_every_value_once needs [Chromium],
        npms_eventsource_sees_every_record_once needs [NodeClients],
        npms_eventsource_sees_every_value_once needs [NodeClients],
        fetch_event_source_sees_every_record_once needs [Chromium, NodeClients],
        httpx_sse_sees_every_record_once needs [PythonClients],
        httpx_sse_sees_every_value_once needs [PythonClients],
        rusts_eventsource_client_sees_every_record_once,
        rusts_eventsource_client_sees_every_value_once,
        curl_sees_every_record_once needs [Curl],
        pythons_requests_sees_every_line_once needs [PythonClients],
    ]
}

const PARTITIONS: usize = 3;

/// The records in all; how many are there before the client comes; how many are written one by one at the end.
const RECORDS: usize = 10_000;
const BEFORE: usize = 5_000;
const LIVE: usize = 200;

/// Cuts in a backlog, in the middle of the answer's head, again far into the backlog; a fifth comes amid live records.
const CUTS: [Cut; 4] = [Cut::Closed(150_003), Cut::Reset(40), Cut::Reset(400_001), Cut::Closed(300_007)];

/// The two formats of a stream of events.
const ENVELOPE: (&str, Form) = ("envelope", Form::Auto);
const VALUE: (&str, Form) = ("value", Form::Value);

async fn chromiums_event_source_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Page("event_source.html"), ENVELOPE).await;
}

async fn chromiums_event_source_sees_every_value_once(context: Context) {
    reads_everything(&context, Client::Page("event_source.html"), VALUE).await;
}

async fn npms_eventsource_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Node("eventsource.mjs"), ENVELOPE).await;
}

async fn npms_eventsource_sees_every_value_once(context: Context) {
    reads_everything(&context, Client::Node("eventsource.mjs"), VALUE).await;
}

async fn fetch_event_source_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Page("fetch_event_source.html"), ENVELOPE).await;
}

async fn httpx_sse_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Python("httpx_sse_client.py"), ENVELOPE).await;
}

async fn httpx_sse_sees_every_value_once(context: Context) {
    reads_everything(&context, Client::Python("httpx_sse_client.py"), VALUE).await;
}

async fn rusts_eventsource_client_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Rust, ENVELOPE).await;
}

async fn rusts_eventsource_client_sees_every_value_once(context: Context) {
    reads_everything(&context, Client::Rust, VALUE).await;
}

async fn curl_sees_every_record_once(context: Context) {
    reads_everything(&context, Client::Script("curl_sse"), ENVELOPE).await;
}

async fn pythons_requests_sees_every_line_once(context: Context) {
    reads_everything(&context, Client::Python("requests_ndjson.py"), ENVELOPE).await;
}

async fn reads_everything(context: &Context, client: Client, (format, form): (&str, Form)) {
    let topic = context.topic("everything", PARTITIONS as i32).await;
    let (gateway, writer) = (context.gateway().await, context.kafka().writer());
    write(&writer, &topic, 0..BEFORE).await;
    let (relay, told) = Relay::start(gateway.address(), CUTS, pages()).await;
    let stream = format!("/v1/topics/{topic}/stream?from=earliest&format={format}");
    let mut reader = Reader::new(Feed::start(client, &relay, told, &stream));
    tokio::join!(write(&writer, &topic, BEFORE..RECORDS - LIVE), reader.read(RECORDS - LIVE));
    // From here on the client is at the end of what there is: it is cut between two records, and some are written
    // while it is away.
    for number in RECORDS - LIVE..RECORDS {
        if number == RECORDS - LIVE / 2 {
            reader.read(number - 1).await;
            relay.cut_all();
            until("the live stream is cut", || async { (relay.cuts() == CUTS.len() + 1).then_some(()) })
                .await;
        }
        let partition = (number % PARTITIONS) as i32;
        writer.write(&topic, partition, &content::draft(number)).await;
    }
    reader.read(RECORDS).await;
    // What was repeated would come before the last record of its partition.
    for partition in 0..PARTITIONS {
        writer.write(&topic, partition as i32, &Draft::value("the last")).await;
    }
    reader.read(RECORDS + PARTITIONS).await;
    reader.compare(&context.kafka().consume_all(&topic).await, form);
    assert_eq!(relay.cuts(), CUTS.len() + 1);
    let path = stream.split('?').next().unwrap_or_default();
    let ids = relay.last_ids(path);
    // A client that is cut before its user was handed anything has no id yet, however much had come.
    let resumed = ids.iter().skip_while(|id| id.is_empty()).filter(|id| !id.is_empty()).count();
    let fresh = ids.iter().take_while(|id| id.is_empty()).count();
    assert!(ids.len() >= CUTS.len() + 2 && resumed >= 2 && fresh + resumed == ids.len(), "{ids:?}");
}

/// Writes the records with these numbers, each to the partition that its number says.
async fn write(writer: &Writer, topic: &str, numbers: std::ops::Range<usize>) {
    let partitions = (0..PARTITIONS).map(|partition| {
        let mine = numbers.clone().filter(move |number| number % PARTITIONS == partition);
        writer.write_all(topic, partition as i32, mine.map(content::draft))
    });
    join_all(partitions).await;
}
