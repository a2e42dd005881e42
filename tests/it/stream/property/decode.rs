//! From an event back to the record, in every encoding, without any of the gateway's code.

use crate::harness::{Entry, Event};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The form in which values were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `value=auto`: JSON, else text, else base64.
    Auto,
    /// `value=text`: text, else base64.
    Text,
    /// `value=base64`.
    Base64,
    /// `format=value`: no envelope at all.
    Value,
}

/// The address that an envelope gives itself.
pub fn address(event: &Event) -> Result<(String, i32, i64), String> {
    #[derive(Deserialize)]
    struct Address {
        topic: String,
        partition: i32,
        offset: i64,
    }
    let Address { topic, partition, offset } =
        serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
    Ok((topic, partition, offset))
}

/// Whether an event is this record.
pub fn check(event: &Event, form: Form, entry: &Entry) -> Result<(), String> {
    if form == Form::Value { check_value(event, entry) } else { check_envelope(event, form, entry) }
}

fn check_value(event: &Event, entry: &Entry) -> Result<(), String> {
    match (event.kind.as_str(), entry.value.as_deref().map(std::str::from_utf8)) {
        ("tombstone", None) => {
            let key: Key = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
            same("key", key.bytes()?, entry.key.as_deref())
        }
        // Three kinds of line ends become one: all else is kept.
        ("message", Some(Ok(text))) => {
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            same("value", Some(event.data.as_bytes().to_vec()), Some(lines.as_bytes()))
        }
        ("binary", Some(Err(_))) => same("value", Some(decoded(&event.data)?), entry.value.as_deref()),
        (kind, value) => Err(format!("a {kind} stands for {value:?}")),
    }
}

fn check_envelope(event: &Event, form: Form, entry: &Entry) -> Result<(), String> {
    let envelope: Envelope<'_> = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
    if envelope.cursor.is_some_and(|cursor| cursor != event.id) {
        return Err("another cursor than its own".into());
    }
    let address = (envelope.partition, envelope.offset, envelope.timestamp);
    if event.kind != "message" || address != (entry.partition, entry.offset, entry.timestamp) {
        return Err(format!("a {} of another address: {address:?}", event.kind));
    }
    let key = Key { key: envelope.key, key_encoding: envelope.key_encoding };
    same("key", key.bytes()?, entry.key.as_deref())?;
    if envelope.headers.len() != entry.headers.len() {
        return Err("another number of headers".into());
    }
    for (header, (name, value)) in envelope.headers.iter().zip(&entry.headers) {
        if header.first() != Some(&Some(name.clone())) {
            return Err(format!("another header than {name}"));
        }
        same(name, header_value(header)?, value.as_deref())?;
    }
    let raw = envelope.value.get();
    match (envelope.tombstone, entry.value.as_deref()) {
        (true, None) if raw == "null" && envelope.value_encoding.is_none() => Ok(()),
        (false, Some(value)) => check_bytes((raw, envelope.value_encoding.as_deref()), form, value),
        other => Err(format!("no such value: {other:?}")),
    }
}

/// Whether a value counts as JSON: nested deeper than 128 levels it counts as text.
fn is_json(value: &[u8]) -> bool {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest <= 128 && serde_json::from_slice::<IgnoredAny>(value).is_ok()
}

/// Whether a value and its encoding, in the form that was asked for, are these bytes.
fn check_bytes((raw, encoding): (&str, Option<&str>), form: Form, value: &[u8]) -> Result<(), String> {
    match (encoding, form) {
        (None | Some("json"), Form::Auto) => {
            if !is_json(value) {
                return Err("what is not JSON is told as JSON".into());
            }
            if encoding.is_none() == (raw.starts_with('"') || raw == "null") {
                return Err("a string or null is told as JSON, and nothing else".into());
            }
            let text = String::from_utf8_lossy(value).replace(['\r', '\n'], " ");
            let text = text.trim_matches([' ', '\t']);
            same("value", Some(raw.as_bytes().to_vec()), Some(text.as_bytes()))
        }
        (Some("text"), Form::Auto | Form::Text) => {
            if form == Form::Auto && is_json(value) {
                return Err("JSON is told as text".into());
            }
            same("value", Some(string(raw)?.into_bytes()), Some(value))
        }
        (Some("base64"), _) => {
            if form != Form::Base64 && std::str::from_utf8(value).is_ok() {
                return Err("a text is told as base64".into());
            }
            same("value", Some(decoded(&string(raw)?)?), Some(value))
        }
        other => Err(format!("no such encoding: {other:?}")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(rename = "topic")]
    _topic: String,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    key: Option<String>,
    key_encoding: Option<String>,
    headers: Vec<Vec<Option<String>>>,
    #[serde(borrow)]
    value: &'a RawValue,
    value_encoding: Option<String>,
    #[serde(default)]
    tombstone: bool,
    /// NDJSON alone.
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    key: Option<String>,
    key_encoding: Option<String>,
}

impl Key {
    fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        match (&self.key, self.key_encoding.as_deref()) {
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(text.clone().into_bytes())),
            (Some(text), Some("base64")) => decoded(text).map(Some),
            other => Err(format!("no such key: {other:?}")),
        }
    }
}

fn header_value(header: &[Option<String>]) -> Result<Option<Vec<u8>>, String> {
    match header {
        [_, None] => Ok(None),
        [_, Some(text)] => Ok(Some(text.clone().into_bytes())),
        [_, Some(text), Some(encoding)] if encoding == "base64" => decoded(text).map(Some),
        other => Err(format!("no such header: {other:?}")),
    }
}

fn string(raw: &str) -> Result<String, String> {
    serde_json::from_str(raw).map_err(|error| error.to_string())
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}

fn same(what: &str, ours: Option<Vec<u8>>, theirs: Option<&[u8]>) -> Result<(), String> {
    if ours.as_deref() == theirs { Ok(()) } else { Err(format!("{what} differs: {ours:?}")) }
}
