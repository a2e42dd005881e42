//! Newline-delimited JSON: the same objects as the events, one a line.
//!
//! A record is its envelope with a `cursor`; everything else begins with `"@"`, the event's name.

use super::Event;
use super::envelope::{self, NotJson};
use crate::record::{Record, ValueForm};
use bytes::BytesMut;

/// A line that keeps a quiet connection alive.
pub const HEARTBEAT: &[u8] = b"{\"@\":\"ping\"}\n";

/// Appends a record; [`write_end`] is to follow.
///
/// # Errors
/// When the value is to be JSON and is none; then nothing is appended.
pub fn write_record(record: &Record, form: ValueForm, out: &mut BytesMut) -> Result<(), NotJson> {
    let begun = out.len();
    out.extend_from_slice(b"{");
    if envelope::write_members(record, form, out).is_err() {
        out.truncate(begun);
        return Err(NotJson);
    }
    Ok(())
}

/// Appends a record of a group as an object, with its attempt from the second on, and the id that acknowledges it.
///
/// # Errors
/// As for [`write_record`].
pub fn write_held(
    record: &Record,
    form: ValueForm,
    (attempt, id): (u32, &str),
    out: &mut BytesMut,
) -> Result<(), NotJson> {
    write_record(record, form, out)?;
    envelope::write_attempt(attempt, out);
    out.extend_from_slice(b",\"id\":");
    envelope::string(id, out);
    out.extend_from_slice(b"}");
    Ok(())
}

/// Appends what ends a record's line.
pub fn write_end(cursor: Option<&str>, out: &mut BytesMut) {
    write_cursor(cursor, out);
    out.extend_from_slice(b"}\n");
}

/// Appends a control line: the name, the cursor, then the members of the event's data.
pub fn write_event(event: Event<'_>, out: &mut BytesMut) {
    out.extend_from_slice(b"{\"@\":");
    envelope::string(event.name, out);
    write_cursor(event.id, out);
    let members = event.data.strip_prefix('{').and_then(|data| data.strip_suffix('}')).unwrap_or_default();
    if !members.is_empty() {
        out.extend_from_slice(b",");
        out.extend_from_slice(members.as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn write_cursor(cursor: Option<&str>, out: &mut BytesMut) {
    if let Some(cursor) = cursor {
        out.extend_from_slice(b",\"cursor\":");
        envelope::string(cursor, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicName;

    #[test]
    fn a_record_is_its_envelope_with_a_cursor() {
        let record = Record {
            topic: TopicName::parse("t").expect("a legal name"),
            partition: 0,
            offset: 7,
            timestamp: Some(1),
            key: None,
            value: Some(bytes::Bytes::from_static(b"[1,\n2]")),
            headers: vec![],
        };
        let mut out = BytesMut::new();
        write_record(&record, ValueForm::Auto, &mut out).expect("auto takes every value");
        write_end(Some("1.AB"), &mut out);
        assert_eq!(
            &out[..],
            b"{\"topic\":\"t\",\"partition\":0,\"offset\":7,\"timestamp\":1,\"key\":null,\"headers\":[],\"value\":[1, 2],\"cursor\":\"1.AB\"}\n"
        );
    }

    #[test]
    fn a_control_line_has_its_name_its_cursor_and_the_events_data() {
        let mut out = BytesMut::new();
        write_event(Event { name: "gap", id: Some("1.AB"), retry: None, data: r#"{"to":3}"# }, &mut out);
        write_event(Event { name: "ping", id: None, retry: None, data: "{}" }, &mut out);
        assert_eq!(&out[..], b"{\"@\":\"gap\",\"cursor\":\"1.AB\",\"to\":3}\n{\"@\":\"ping\"}\n");
    }
}
