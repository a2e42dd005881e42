//! An envelope says all there is of a record: who decodes it and writes it again has the same record.
//!
//! With `value=auto` a JSON value may differ in the white space around and between its tokens; in every other form, and
//! for every other value, not a byte does.

use crate::harness::{Context, Draft, Entry, Sse, Test};
use crate::tests;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;

pub fn tests() -> Vec<Test> {
    tests![an_envelope_written_back_is_the_same_record]
}

fn drafts() -> Vec<Draft> {
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    let values: &[Option<&[u8]>] = &[
        Some(b"{\"b\":1,\"a\":2,\"b\":3}"),
        Some(b"12345678901234567890123456789.10e+400"),
        Some(b" {\"a\":\r\n[1,\r2,\n3], \"s\": \"x  \\n y\"}\n"),
        Some(b"0"),
        Some(b"false"),
        Some(b"null"),
        Some(b"\"text\""),
        Some(b"text"),
        Some(b""),
        Some(b"a\r\nid: 1.evil\n\ndata: x\0"),
        Some("\u{feff}{}".as_bytes()),
        Some("\u{2028}\u{85}ü".as_bytes()),
        Some(b"{\"a\":1"),
        Some(b"\"\xff\""),
        Some(b"\0\xff\xfe"),
        None,
    ];
    let keys: [Option<&[u8]>; 5] = [None, Some(b""), Some(b"k\r\n"), Some(b"null"), Some(b"\xff")];
    let draft = |(n, value): (usize, &Option<&[u8]>)| Draft {
        key: keys[n % keys.len()].map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: vec![
            header("h", Some(b"1")),
            header("h", None),
            header("", Some(b"")),
            header("raw\n", Some(b"\xfe")),
        ],
    };
    values.iter().enumerate().map(draft).collect()
}

/// Reads an envelope as `docs` tell clients to.
fn decode(envelope: &str) -> Draft {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        key: Option<String>,
        key_encoding: Option<String>,
        headers: Vec<Vec<Value>>,
        #[serde(borrow)]
        value: &'a RawValue,
        value_encoding: Option<String>,
        tombstone: Option<bool>,
    }
    let line: Line<'_> = serde_json::from_str(envelope).unwrap_or_else(|error| panic!("{error}: {envelope}"));
    let bytes = |text: String, encoding: Option<&str>| match encoding {
        Some("base64") => STANDARD.decode(text).expect("base64"),
        _ => text.into_bytes(),
    };
    let text = || serde_json::from_str::<String>(line.value.get()).expect("a string");
    let value = match (line.tombstone, line.value_encoding.as_deref()) {
        (Some(true), _) => None,
        (_, None | Some("json")) => Some(line.value.get().as_bytes().to_vec()),
        (_, encoding) => Some(bytes(text(), encoding)),
    };
    let header = |parts: &Vec<Value>| {
        let value =
            parts[1].as_str().map(|text| bytes(text.to_owned(), parts.get(2).and_then(Value::as_str)));
        (parts[0].as_str().expect("a name").to_owned(), value)
    };
    Draft {
        key: line.key.map(|key| bytes(key, line.key_encoding.as_deref())),
        value,
        headers: line.headers.iter().map(header).collect(),
    }
}

/// JSON without the white space around and between its tokens; any other bytes as they are.
fn tokens(value: &[u8]) -> Vec<u8> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(value).is_err() {
        return value.to_vec();
    }
    let (mut out, mut within, mut escaped) = (Vec::new(), false, false);
    for byte in value {
        if within || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        if *byte == b'"' && !escaped {
            within = !within;
        }
        escaped = within && *byte == b'\\' && !escaped;
    }
    out
}

fn same(form: &str, ours: &Entry, theirs: &Entry) {
    assert_eq!((&ours.key, &ours.headers), (&theirs.key, &theirs.headers), "{form}");
    let bare = |entry: &Entry| entry.value.as_ref().map(|value| tokens(value));
    if form == "auto" {
        assert_eq!(bare(ours), bare(theirs), "{form}");
    } else {
        assert_eq!(ours.value, theirs.value, "{form}");
    }
}

async fn an_envelope_written_back_is_the_same_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("first", 1).await);
    let (kafka, drafts) = (context.kafka(), drafts());
    kafka.writer().write_all(&topic, 0, drafts.iter().cloned()).await;
    let ledger = kafka.consume_all(&topic).await;
    assert_eq!(ledger.len(), drafts.len());
    for form in ["auto", "text", "base64"] {
        let copy = context.topic(form, 1).await;
        let mut stream = gateway.stream(&topic, &format!("from=earliest&value={form}")).await;
        let read: Vec<_> = stream.records(drafts.len()).await.iter().map(|r| decode(&r.data)).collect();
        kafka.writer().write_all(&copy, 0, read).await;
        for (ours, theirs) in ledger.iter().zip(kafka.consume_all(&copy).await) {
            same(form, ours, &theirs);
        }
        // What was written back reads as what was written first, to the byte.
        let mut first = gateway.stream(&topic, "from=earliest&format=value&until=now").await;
        let mut second = gateway.stream(&copy, "from=earliest&format=value&until=now").await;
        if form != "auto" {
            let told = async |stream: &mut Sse| {
                let events = stream.rest().await.into_iter();
                let events = events.filter(|e| matches!(e.kind.as_str(), "message" | "binary" | "tombstone"));
                events.map(|event| (event.kind, event.data)).collect::<Vec<_>>()
            };
            assert_eq!(told(&mut first).await, told(&mut second).await, "{form}");
        }
    }
}
