//! Server-sent-event frames (WHATWG HTML, "Server-sent events").
//!
//! Our own encoder because ready-made ones split data on LF only, so that a bare CR in a value would start a field
//! of its own, or refuse such a value altogether. User bytes never become protocol bytes: ids are ASCII by
//! construction, event names are ours, and data is split on CR, LF and CRLF.

use super::Event;
use super::envelope::{self, NotJson};
use crate::record::{Record, ValueForm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

/// A comment without a blank line: keeps a quiet connection alive and is no event to any client.
pub const HEARTBEAT: &[u8] = b":\n";

/// Appends a named event.
pub fn write_event(event: Event<'_>, out: &mut BytesMut) {
    field(out, "event: ", event.name);
    if let Some(retry) = event.retry {
        field(out, "retry: ", itoa::Buffer::new().format(retry.as_millis()));
    }
    data(out, event.data);
    write_end(event.id, out);
}

/// Appends a record's envelope, which has no `event:` line so that a page's `onmessage` sees it; [`write_end`] is to follow.
///
/// # Errors
/// When the value is to be JSON and is none; then nothing is appended.
pub fn write_envelope(record: &Record, form: ValueForm, out: &mut BytesMut) -> Result<(), NotJson> {
    write_held(record, form, 1, out)
}

/// The same of a record of a group, whose attempt stands in the envelope from the second on.
///
/// # Errors
/// As for [`write_envelope`].
pub fn write_held(record: &Record, form: ValueForm, attempt: u32, out: &mut BytesMut) -> Result<(), NotJson> {
    let begun = out.len();
    put(out, "data: {");
    if envelope::write_members(record, form, out).is_err() {
        out.truncate(begun);
        return Err(NotJson);
    }
    envelope::write_attempt(attempt, out);
    put(out, "}\n");
    Ok(())
}

/// Appends a record's value alone; a tombstone and a value that is not UTF-8 are named events. [`write_end`] is to follow.
pub fn write_value(record: &Record, out: &mut BytesMut) {
    match record.value.as_deref().map(|value| (value, std::str::from_utf8(value))) {
        None => {
            put(out, "event: tombstone\ndata: {");
            envelope::write_key(record.key.as_deref(), out);
            put(out, "}\n");
        }
        Some((_, Ok(text))) => data(out, text),
        Some((value, Err(_))) => {
            put(out, "event: binary\n");
            field(out, "data: ", &STANDARD.encode(value));
        }
    }
}

/// Appends what ends an event.
///
/// The id goes last: some clients keep it as soon as its line is there, and would come back behind an event whose rest
/// was cut off.
pub fn write_end(id: Option<&str>, out: &mut BytesMut) {
    if let Some(id) = id {
        field(out, "id: ", id);
    }
    put(out, "\n");
}

fn put(out: &mut BytesMut, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn field(out: &mut BytesMut, name: &str, value: &str) {
    put(out, name);
    put(out, value);
    put(out, "\n");
}

/// One `data:` line for each line of `text`, so that a client joins them with LF again.
fn data(out: &mut BytesMut, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        data_line(out, &rest[..at]);
        let broken = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + broken..];
    }
    data_line(out, rest);
}

fn data_line(out: &mut BytesMut, line: &str) {
    // Empty data is `data:` alone: the space after the colon belongs to content.
    field(out, if line.is_empty() { "data:" } else { "data: " }, line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;
    use bytes::Bytes;
    use std::time::Duration;

    fn record(value: Option<&'static [u8]>) -> Record {
        Record {
            topic: TopicName::parse("t").expect("a legal name"),
            partition: 0,
            offset: 7,
            timestamp: Some(1),
            key: Some(Bytes::from_static(b"k")),
            value: value.map(Bytes::from_static),
            headers: vec![],
        }
    }

    fn value_frame(value: Option<&'static [u8]>) -> String {
        let mut out = BytesMut::new();
        write_value(&record(value), &mut out);
        write_end(Some("1.AB"), &mut out);
        String::from_utf8(out.to_vec()).expect("UTF-8")
    }

    #[test]
    fn an_event_has_its_fields_in_order_and_ends_with_a_blank_line() {
        let mut out = BytesMut::new();
        let retry = Some(Duration::from_millis(2317));
        write_event(Event { name: "ready", id: Some("1.AB"), retry, data: "{}" }, &mut out);
        assert_eq!(&out[..], b"event: ready\nretry: 2317\ndata: {}\nid: 1.AB\n\n");
    }

    #[test]
    fn a_record_has_an_id_and_no_event_name() {
        let mut out = BytesMut::new();
        write_envelope(&record(Some(b"{}")), ValueForm::Auto, &mut out).expect("auto takes every value");
        write_end(Some("1.AB"), &mut out);
        assert_eq!(
            &out[..],
            b"data: {\"topic\":\"t\",\"partition\":0,\"offset\":7,\"timestamp\":1,\"key\":\"k\",\"headers\":[],\"value\":{}}\nid: 1.AB\n\n"
        );
    }

    #[test]
    fn no_line_break_in_a_value_becomes_a_field() {
        let table: &[(&'static [u8], &str)] = &[
            (b"a\rid: evil\r\nb\n\nc", "data: a\ndata: id: evil\ndata: b\ndata:\ndata: c\n"),
            (b"", "data:\n"),
            (b"\n", "data:\ndata:\n"),
            (b" x", "data:  x\n"),
            (b"\r\r\n", "data:\ndata:\ndata:\n"),
        ];
        for (value, expected) in table {
            assert_eq!(value_frame(Some(value)), format!("{expected}id: 1.AB\n\n"), "{value:?}");
        }
    }

    #[test]
    fn tombstones_and_binary_values_are_named_events() {
        assert_eq!(value_frame(None), "event: tombstone\ndata: {\"key\":\"k\"}\nid: 1.AB\n\n");
        assert_eq!(value_frame(Some(b"\xff")), "event: binary\ndata: /w==\nid: 1.AB\n\n");
    }
}
