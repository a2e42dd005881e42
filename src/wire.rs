//! Pure encoders of what a reader is sent: the record envelope, and the two forms in which frames travel.
//!
//! They stand outside `http` because a frame is encoded once for everybody who reads it, long before any response
//! exists. They take no clock and do no I/O.

pub mod envelope;
pub mod ndjson;
pub mod sse;

use crate::record::{Record, ValueForm};
use bytes::BytesMut;
pub use envelope::NotJson;
use std::time::Duration;

/// The form in which frames travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Server-sent events whose data is a record's envelope.
    Events(ValueForm),
    /// Server-sent events whose data is a record's value.
    Values,
    /// Newline-delimited JSON.
    Lines(ValueForm),
}

/// The fields of a named event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event<'a> {
    /// Its name; never `error`, `open` or `message`, which are EventSource's own.
    pub name: &'a str,
    /// The cursor a client hands back to go on from here.
    pub id: Option<&'a str>,
    /// How long a client waits before it comes back.
    pub retry: Option<Duration>,
    /// JSON on one line.
    pub data: &'a str,
}

impl Format {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Events(_) | Format::Values => "text/event-stream",
            Format::Lines(_) => "application/x-ndjson",
        }
    }

    /// How many forms there are.
    pub const COUNT: usize = 9;

    /// Its number among all forms, below [`Format::COUNT`].
    pub fn index(self) -> usize {
        match self {
            Format::Values => 0,
            Format::Events(form) => 1 + form as usize,
            Format::Lines(form) => 5 + form as usize,
        }
    }

    /// Appends a record without its end, which differs from reader to reader: [`Format::write_end`] is to follow.
    ///
    /// # Errors
    /// When the value is to be JSON and is none; then nothing is appended.
    pub fn write_record(self, record: &Record, out: &mut BytesMut) -> Result<(), NotJson> {
        match self {
            Format::Events(form) => sse::write_envelope(record, form, out),
            Format::Values => {
                sse::write_value(record, out);
                Ok(())
            }
            Format::Lines(form) => ndjson::write_record(record, form, out),
        }
    }

    /// Appends a record of a group, whole: the how-manieth `attempt` it is stands in its envelope from the second on, and `id`
    /// acknowledges it.
    ///
    /// # Errors
    /// When the value is to be JSON and is none; then nothing is appended.
    pub fn write_held(
        self,
        record: &Record,
        attempt: u32,
        id: &str,
        out: &mut BytesMut,
    ) -> Result<(), NotJson> {
        match self {
            Format::Values => sse::write_value(record, out),
            Format::Lines(form) => {
                ndjson::write_held(record, form, (attempt, id), out)?;
                out.extend_from_slice(b"\n");
                return Ok(());
            }
            Format::Events(form) => sse::write_held(record, form, attempt, out)?,
        }
        sse::write_end(Some(id), out);
        Ok(())
    }

    /// Appends the end of a record; `id` is the cursor after it.
    pub fn write_end(self, id: Option<&str>, out: &mut BytesMut) {
        match self {
            Format::Events(_) | Format::Values => sse::write_end(id, out),
            Format::Lines(_) => ndjson::write_end(id, out),
        }
    }

    /// Appends a named event.
    pub fn write_event(self, event: Event<'_>, out: &mut BytesMut) {
        match self {
            Format::Events(_) | Format::Values => sse::write_event(event, out),
            Format::Lines(_) => ndjson::write_event(event, out),
        }
    }

    /// What breaks a silence; with `visible`, so that page code sees it.
    pub fn write_heartbeat(self, visible: bool, out: &mut BytesMut) {
        match self {
            Format::Lines(_) => out.extend_from_slice(ndjson::HEARTBEAT),
            _ if visible => {
                sse::write_event(Event { name: "ping", data: "{}", ..Event::default() }, out);
            }
            _ => out.extend_from_slice(sse::HEARTBEAT),
        }
    }

    /// What goes first, so that the head of the response leaves at once.
    pub fn write_preamble(self, out: &mut BytesMut) {
        if !matches!(self, Format::Lines(_)) {
            out.extend_from_slice(sse::HEARTBEAT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_number_of_its_own() {
        use ValueForm::{Auto, Base64, Json, Text};
        let forms = [Auto, Json, Text, Base64];
        let all =
            forms.map(Format::Events).into_iter().chain(forms.map(Format::Lines)).chain([Format::Values]);
        let mut numbers: Vec<_> = all.map(Format::index).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..Format::COUNT).collect::<Vec<_>>());
    }
}
