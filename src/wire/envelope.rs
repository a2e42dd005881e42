//! The envelope: a record as one line of JSON.
//!
//! A value that is JSON passes byte for byte; one that is UTF-8 becomes a string; anything else base64; and the
//! envelope says which. Keys and header values are never parsed. Written straight into the frame: building a
//! `serde_json::Value` would lose number precision and cost an allocation a member.

use crate::record::{Header, Record, ValueForm, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

/// A value was asked for as JSON and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

/// Appends the members of the envelope of `record`, without the braces around them and without a line break.
///
/// # Errors
/// When the value is to be JSON and is none; then nothing is appended.
pub fn write_members(record: &Record, form: ValueForm, out: &mut BytesMut) -> Result<(), NotJson> {
    let begun = out.len();
    put(out, "\"topic\":\"");
    put(out, record.topic.as_str());
    put(out, "\",\"partition\":");
    integer(record.partition.into(), out);
    put(out, ",\"offset\":");
    integer(record.offset, out);
    put(out, ",\"timestamp\":");
    match record.timestamp {
        Some(timestamp) => integer(timestamp, out),
        None => put(out, "null"),
    }
    put(out, ",");
    write_key(record.key.as_deref(), out);
    put(out, ",\"headers\":[");
    for (n, header) in record.headers.iter().enumerate() {
        put(out, if n > 0 { "," } else { "" });
        write_header(header, out);
    }
    put(out, "],");
    let written = write_value(record.value.as_deref(), form, out);
    if written.is_err() {
        out.truncate(begun);
    }
    written
}

/// Appends `"key":…` and, where the key is not UTF-8, `"key_encoding":"base64"`.
pub fn write_key(key: Option<&[u8]>, out: &mut BytesMut) {
    put(out, "\"key\":");
    match key.map(|key| (key, std::str::from_utf8(key))) {
        None => put(out, "null"),
        Some((_, Ok(text))) => string(text, out),
        Some((key, Err(_))) => {
            base64(key, out);
            put(out, ",\"key_encoding\":\"base64\"");
        }
    }
}

fn write_header((name, value): &Header, out: &mut BytesMut) {
    put(out, "[");
    string(name, out);
    put(out, ",");
    match value.as_deref().map(|value| (value, std::str::from_utf8(value))) {
        None => put(out, "null"),
        Some((_, Ok(text))) => string(text, out),
        Some((value, Err(_))) => {
            base64(value, out);
            put(out, ",\"base64\"");
        }
    }
    put(out, "]");
}

fn write_value(value: Option<&[u8]>, form: ValueForm, out: &mut BytesMut) -> Result<(), NotJson> {
    put(out, "\"value\":");
    let Some(value) = value else {
        put(out, "null,\"tombstone\":true");
        return Ok(());
    };
    let json =
        if matches!(form, ValueForm::Auto | ValueForm::Json) { json::on_one_line(value) } else { None };
    let text = if form == ValueForm::Base64 { None } else { std::str::from_utf8(value).ok() };
    match (json, text) {
        (Some(json), _) => {
            put(out, &json);
            // A bare string or null would be misread as text or as a tombstone when the line is posted back.
            if json.starts_with('"') || json == "null" {
                put(out, ",\"value_encoding\":\"json\"");
            }
        }
        (None, _) if form == ValueForm::Json => return Err(NotJson),
        (None, Some(text)) => {
            string(text, out);
            put(out, ",\"value_encoding\":\"text\"");
        }
        (None, None) => {
            base64(value, out);
            put(out, ",\"value_encoding\":\"base64\"");
        }
    }
    Ok(())
}

fn put(out: &mut BytesMut, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends `,"attempt":…` from the second attempt on.
pub fn write_attempt(attempt: u32, out: &mut BytesMut) {
    if attempt > 1 {
        put(out, ",\"attempt\":");
        integer(attempt.into(), out);
    }
}

fn integer(number: i64, out: &mut BytesMut) {
    put(out, itoa::Buffer::new().format(number));
}

/// Appends `text` as a JSON string.
pub fn string(text: &str, out: &mut BytesMut) {
    serde_json::to_writer(bytes::BufMut::writer(out), text)
        .expect("a string and a growing buffer cannot fail");
}

fn base64(bytes: &[u8], out: &mut BytesMut) {
    put(out, "\"");
    let start = out.len();
    let room = base64::encoded_len(bytes.len(), true).expect("a record is far below the address space");
    out.resize(start + room, 0);
    STANDARD.encode_slice(bytes, &mut out[start..]).expect("the room was measured for it");
    put(out, "\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;
    use bytes::Bytes;

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>, headers: Vec<Header>) -> Record {
        Record {
            topic: TopicName::parse("orders").expect("a legal name"),
            partition: 2,
            offset: 1203,
            timestamp: Some(1_763_795_871_123),
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers,
        }
    }

    fn envelope(key: Option<&'static [u8]>, value: Option<&'static [u8]>, headers: Vec<Header>) -> String {
        let mut out = BytesMut::from(&b"{"[..]);
        write_members(&record(key, value, headers), ValueForm::Auto, &mut out)
            .expect("auto takes every value");
        put(&mut out, "}");
        let text = String::from_utf8(out.to_vec()).expect("UTF-8");
        serde_json::from_str::<serde_json::Value>(&text).expect("one JSON object");
        assert!(!text.contains(['\n', '\r']), "one line: {text}");
        text
    }

    #[test]
    fn an_envelope_says_everything_about_a_record() {
        assert_eq!(
            envelope(
                Some(b"c-17"),
                Some(b"{\"total\":12.50}"),
                vec![
                    ("trace".into(), Some(Bytes::from_static(b"ab12"))),
                    ("trace".into(), None),
                    ("raw".into(), Some(Bytes::from_static(b"\xff"))),
                ]
            ),
            r#"{"topic":"orders","partition":2,"offset":1203,"timestamp":1763795871123,"key":"c-17","headers":[["trace","ab12"],["trace",null],["raw","/w==","base64"]],"value":{"total":12.50}}"#
        );
    }

    #[test]
    fn every_kind_of_value_is_told_apart() {
        let table: &[(Option<&'static [u8]>, &str)] = &[
            (None, r#""value":null,"tombstone":true}"#),
            (Some(b""), r#""value":"","value_encoding":"text"}"#),
            (Some(b"null"), r#""value":null,"value_encoding":"json"}"#),
            (Some(b"\"s\""), r#""value":"s","value_encoding":"json"}"#),
            (Some(b"0"), r#""value":0}"#),
            (Some(b"false"), r#""value":false}"#),
            (Some(b"a\r\nb"), r#""value":"a\r\nb","value_encoding":"text"}"#),
            (Some(b"[1,\n2]"), r#""value":[1, 2]}"#),
            (Some(b"\x00\xff"), r#""value":"AP8=","value_encoding":"base64"}"#),
        ];
        for (value, expected) in table {
            let text = envelope(None, *value, vec![]);
            assert!(text.ends_with(expected), "{text} should end with {expected}");
        }
    }

    #[test]
    fn keys_are_never_parsed() {
        for (key, expected) in [
            (None, r#""key":null,"headers""#),
            (Some(&b""[..]), r#""key":"","headers""#),
            (Some(&b"null"[..]), r#""key":"null","headers""#),
            (Some(&b"7"[..]), r#""key":"7","headers""#),
            (Some(&b"\xfe"[..]), r#""key":"/g==","key_encoding":"base64","headers""#),
        ] {
            assert!(envelope(key, None, vec![]).contains(expected), "{key:?}");
        }
    }

    #[test]
    fn a_form_is_kept_whatever_the_value_is() {
        let table: &[(ValueForm, &'static [u8], Option<&str>)] = &[
            (ValueForm::Json, b"{\"a\":1}", Some(r#""value":{"a":1}"#)),
            (ValueForm::Json, b"text", None),
            (ValueForm::Json, b"", None),
            (ValueForm::Text, b"{\"a\":1}", Some(r#""value":"{\"a\":1}","value_encoding":"text""#)),
            (ValueForm::Text, b"\xff", Some(r#""value":"/w==","value_encoding":"base64""#)),
            (ValueForm::Base64, b"{}", Some(r#""value":"e30=","value_encoding":"base64""#)),
            (ValueForm::Base64, b"", Some(r#""value":"","value_encoding":"base64""#)),
        ];
        for (form, value, expected) in table {
            let mut out = BytesMut::from(&b"before"[..]);
            let written = write_members(&record(None, Some(value), vec![]), *form, &mut out);
            let text = String::from_utf8(out.to_vec()).expect("UTF-8");
            match expected {
                Some(expected) => assert!(text.ends_with(expected), "{form:?} {text}"),
                None => assert_eq!((written, text.as_str()), (Err(NotJson), "before"), "{form:?}"),
            }
        }
    }
}
