//! `format=value`: the value alone, whatever it holds; and how others read our frames.

use crate::harness::{Context, Draft, Sse, Test};
use crate::tests;
use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use rand::RngExt;
use std::convert::Infallible;

pub fn tests() -> Vec<Test> {
    tests![
        a_value_is_its_lines_and_never_a_field,
        a_tombstone_is_an_event_with_the_key,
        a_parser_of_strangers_reads_the_same_events,
    ]
}

/// Values, and what a client is given: the event's type and data.
const VALUES: &[(&[u8], &str, &str)] = &[
    (b"plain", "message", "plain"),
    (b"{\"a\": [1,\r\n2]}", "message", "{\"a\": [1,\n2]}"),
    (b"a\nb", "message", "a\nb"),
    (b"a\rb", "message", "a\nb"),
    (b"a\r\nb", "message", "a\nb"),
    (b"a\n\r\nb\r\rc", "message", "a\n\nb\n\nc"),
    (b"a\n\nid: 1.evil\ndata: x\n\n", "message", "a\n\nid: 1.evil\ndata: x\n\n"),
    (b"\rretry: 1\revent: fault\r\r", "message", "\nretry: 1\nevent: fault\n\n"),
    (b"\n", "message", "\n"),
    (b" leading", "message", " leading"),
    (b"\n  two", "message", "\n  two"),
    (b":comment", "message", ":comment"),
    (b"\0nul\0", "message", "\0nul\0"),
    (b"\xef\xbb\xbfbom", "message", "\u{feff}bom"),
    (b"\xe2\x80\xa8\xc2\x85", "message", "\u{2028}\u{85}"),
    (b"\xff\xfe\r\n", "binary", "//4NCg=="),
    (b"text and \xc3", "binary", "dGV4dCBhbmQgww=="),
    (b"", "message", ""),
];

async fn a_value_is_its_lines_and_never_a_field(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("value", 1).await);
    for (value, _, _) in VALUES {
        gateway.produce(&topic, "", value.to_vec()).await.receipt();
    }
    let mut stream = gateway.stream(&topic, "from=earliest&format=value").await;
    let mut id = stream.expect("ready").await.id;
    for (value, kind, data) in VALUES {
        let event = stream.next().await.expect("the stream goes on");
        assert_eq!((event.kind.as_str(), event.data.as_str()), (*kind, *data), "{value:?}");
        assert!(event.id.starts_with("1.") && event.id != id, "{value:?} has the id {}", event.id);
        assert_eq!(event.retry, None, "{value:?}");
        id = event.id;
    }
    stream.expect("caught-up").await;
}

async fn a_tombstone_is_an_event_with_the_key(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tombstone", 1).await);
    let table: [(Option<&[u8]>, &str); 4] = [
        (Some(b"k\r\n"), r#"{"key":"k\r\n"}"#),
        (Some(b"\xff"), r#"{"key":"/w==","key_encoding":"base64"}"#),
        (Some(b""), r#"{"key":""}"#),
        (None, r#"{"key":null}"#),
    ];
    let drafts = table.map(|(key, _)| Draft { key: key.map(<[u8]>::to_vec), ..Draft::default() });
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    let mut stream = gateway.stream(&topic, "from=earliest&format=value").await;
    stream.expect("ready").await;
    for (_, data) in table {
        assert_eq!(stream.expect("tombstone").await.data, data);
    }
}

async fn a_parser_of_strangers_reads_the_same_events(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("strangers", 1).await);
    for (value, _, _) in VALUES {
        gateway.produce(&topic, "key=k%0D%0A", value.to_vec()).await.receipt();
    }
    gateway.produce(&topic, "key=k&tombstone=true", "").await.receipt();
    for format in ["envelope", "value"] {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&format={format}")).await;
        let ours = until_caught_up(&mut stream).await;
        let theirs = as_strangers_read(&stream.raw).await;
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{format}");
        }
        assert_eq!(ours.len(), theirs.len(), "{format}");
        assert_eq!(ours.len(), VALUES.len() + 3, "{format}: ready, records, a tombstone, caught-up");
    }
}

type Triple = (String, String, String);

async fn until_caught_up(stream: &mut Sse) -> Vec<Triple> {
    let mut events = Vec::new();
    loop {
        let event = stream.next().await.expect("the stream goes on");
        let last = event.kind == "caught-up";
        events.push((event.kind, event.id, event.data));
        if last {
            return events;
        }
    }
}

/// What the crate `eventsource-stream` makes of these bytes, cut into pieces anywhere.
async fn as_strangers_read(raw: &[u8]) -> Vec<Triple> {
    let (mut pieces, mut rest) = (Vec::new(), raw);
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(rand::rng().random_range(1..=rest.len().min(50)));
        pieces.push(Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
        rest = tail;
    }
    let events = futures_util::stream::iter(pieces).eventsource();
    events
        .map(|event| event.map(|event| (event.event, event.id, event.data)).expect("it parses"))
        .collect()
        .await
}
