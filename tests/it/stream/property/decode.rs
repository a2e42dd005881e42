//! From an event back to the record, in every encoding, without any of the gateway's code.

use crate::harness::{Entry, Event};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Whether an event of `format=value` is this record.
pub fn check_value(event: &Event, entry: &Entry) -> Result<(), String> {
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

/// Whether an event of `format=envelope` is this record.
pub fn check_envelope(event: &Event, entry: &Entry) -> Result<(), String> {
    let envelope: Envelope<'_> = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
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
    match (envelope.tombstone, envelope.value_encoding.as_deref(), entry.value.as_deref()) {
        (true, None, None) if raw == "null" => Ok(()),
        (false, None | Some("json"), Some(value)) => {
            if serde_json::from_slice::<IgnoredAny>(value).is_err() {
                return Err("what is not JSON is told as JSON".into());
            }
            if envelope.value_encoding.is_none() == (raw.starts_with('"') || raw == "null") {
                return Err("a string or null is told as JSON, and nothing else".into());
            }
            let text = String::from_utf8_lossy(value).replace(['\r', '\n'], " ");
            let text = text.trim_matches([' ', '\t']);
            same("value", Some(raw.as_bytes().to_vec()), Some(text.as_bytes()))
        }
        (false, Some("text"), value) => same("value", Some(string(raw)?.into_bytes()), value),
        (false, Some("base64"), value) => {
            if value.is_some_and(|value| std::str::from_utf8(value).is_ok()) {
                return Err("a text is told as base64".into());
            }
            same("value", Some(decoded(&string(raw)?)?), value)
        }
        other => Err(format!("no such value: {other:?}")),
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
