//! What the gateway needs of JSON without ever rebuilding a value: is it JSON, its text on one line, and one
//! member of it by RFC 6901 pointer. Numbers, key order and repeats stay as the producer wrote them.

use super::number;
use bytes::Bytes;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// Nesting beyond this makes a value count as text: common parsers give up near it.
const MAX_DEPTH: usize = 128;

/// Why a pointer led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// The value it points into is not JSON.
    #[error("the value is not JSON: {0}")]
    NotJson(String),
    /// The pointer is not of RFC 6901's form.
    #[error(
        "`{0}` is not a JSON pointer (RFC 6901): empty, or `/` before every step, `~0` for `~`, `~1` for `/`"
    )]
    Malformed(String),
}

/// The text of a JSON value on one line: line breaks between tokens become spaces, all else stays.
///
/// `None` when `value` is not JSON (RFC 8259) in UTF-8, or is nested deeper than 128 levels.
pub fn on_one_line(value: &[u8]) -> Option<Cow<'_, str>> {
    let (raw, broken) = read(value)?;
    // Inside a JSON string a raw line break is illegal, so every one found lies between tokens.
    Some(if broken { Cow::Owned(raw.get().replace(['\n', '\r'], " ")) } else { Cow::Borrowed(raw.get()) })
}

/// A JSON value as it stands; `None` for what [`on_one_line`] takes for none.
pub fn parse(value: &[u8]) -> Option<&RawValue> {
    read(value).map(|(raw, _)| raw)
}

/// A JSON value, and whether there are line breaks in it.
fn read(value: &[u8]) -> Option<(&RawValue, bool)> {
    let raw: &RawValue = serde_json::from_slice(value).ok()?;
    let text = raw.get().as_bytes();
    // A raw line break is legal between tokens only.
    let broken = memchr::memchr2(b'\n', b'\r', text).is_some();
    // What opens no more than so often is no deeper, whatever is quoted; most values are not looked at token by token.
    let may_be_deep = memchr::memchr2_iter(b'{', b'[', text).nth(MAX_DEPTH).is_some();
    (!may_be_deep || depth(raw.get()) <= MAX_DEPTH).then_some((raw, broken))
}

/// How deep arrays and objects are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for (byte, _) in Tokens::new(json).filter(|(_, quoted)| !quoted) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// The member of a JSON value that `pointer` names, as a record key: a string's own text, anything else as compact
/// JSON. `None` when the value has no such member.
///
/// # Errors
/// When `value` is not JSON or `pointer` is malformed.
pub fn key_at(value: &[u8], pointer: &str) -> Result<Option<Bytes>, PointerError> {
    let mut at: &RawValue =
        serde_json::from_slice(value).map_err(|error| PointerError::NotJson(error.to_string()))?;
    for step in steps(pointer)? {
        match member(at, &step) {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(match serde_json::from_str::<String>(at.get()) {
        Ok(text) => Bytes::from(text),
        Err(_) => Tokens::new(at.get())
            .filter(|(byte, quoted)| *quoted || !byte.is_ascii_whitespace())
            .map(|(byte, _)| byte)
            .collect(),
    }))
}

/// Checks a pointer's form, and unescapes its steps.
///
/// # Errors
/// When it is not of RFC 6901's form.
pub fn steps(pointer: &str) -> Result<Vec<String>, PointerError> {
    let malformed = || PointerError::Malformed(pointer.chars().take(80).collect());
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let body = pointer.strip_prefix('/').ok_or_else(malformed)?;
    body.split('/')
        .map(|step| {
            let escapes = step.matches('~').count();
            let known = step.matches("~0").count() + step.matches("~1").count();
            if escapes == known { Ok(step.replace("~1", "/").replace("~0", "~")) } else { Err(malformed()) }
        })
        .collect()
}

fn member<'a>(value: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    let text = value.get();
    if text.starts_with('{') {
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
        return members.get(step).copied();
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        return items.get(index(step)?).copied();
    }
    None
}

/// The place in an array that a pointer's step names: a number without leading zeros (RFC 6901, section 4).
pub fn index(step: &str) -> Option<usize> {
    if step != "0" && step.starts_with('0') { None } else { number(step) }
}

/// The bytes of a valid JSON text, each with whether it lies in a string (quotes included).
struct Tokens<'a> {
    bytes: std::slice::Iter<'a, u8>,
    quoted: bool,
    escaped: bool,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes().iter(), quoted: false, escaped: false }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (u8, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let byte = *self.bytes.next()?;
        let inside = self.quoted;
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = inside;
        } else if byte == b'"' {
            self.quoted = !inside;
        }
        Some((byte, inside || byte == b'"'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_bytes_but_for_line_breaks_between_tokens() {
        let table: &[(&str, Option<&str>)] = &[
            (" {\"b\":1,\"a\":1.50e+400} ", Some("{\"b\":1,\"a\":1.50e+400}")),
            ("{\"a\":\r\n[1,\n2]}", Some("{\"a\":  [1, 2]}")),
            (r#""a\nb \" { [ \u0000""#, Some(r#""a\nb \" { [ \u0000""#)),
            ("12345678901234567890123456789", Some("12345678901234567890123456789")),
            ("null", Some("null")),
            ("", None),
            ("plain text", None),
            ("{\"a\":1} {\"b\":2}", None),
            ("\u{feff}{}", None),
            ("\"raw\nbreak\"", None),
        ];
        for (value, expected) in table {
            assert_eq!(on_one_line(value.as_bytes()).as_deref(), *expected, "{value:?}");
        }
        assert_eq!(on_one_line(b"\"\xff\""), None, "not UTF-8");
    }

    #[test]
    fn nesting_beyond_128_levels_counts_as_text() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(on_one_line(nested(128).as_bytes()).is_some());
        assert!(on_one_line(nested(129).as_bytes()).is_none());
        assert!(on_one_line(nested(100_000).as_bytes()).is_none());
    }

    #[test]
    fn a_pointer_finds_the_key_as_it_was_written() {
        let value = br#"{"user":{"id":"c-17","n":10000000000000000000001,"o":{"a": [1, "x y"]}},"a/b":{"~":null},"list":[5]}"#;
        let table: &[(&str, Option<&str>)] = &[
            ("/user/id", Some("c-17")),
            ("/user/n", Some("10000000000000000000001")),
            ("/user/o", Some(r#"{"a":[1,"x y"]}"#)),
            ("/a~1b/~0", Some("null")),
            ("/list/0", Some("5")),
            ("/list/1", None),
            ("/list/00", None),
            ("/list/-", None),
            ("/user/id/x", None),
            ("/none", None),
        ];
        for (pointer, expected) in table {
            let found = key_at(value, pointer).expect(pointer);
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{pointer}");
        }
        assert_eq!(key_at(b" 7 ", ""), Ok(Some(Bytes::from_static(b"7"))));
        assert!(matches!(key_at(b"no", "/a"), Err(PointerError::NotJson(_))));
        for bad in ["a", "/~", "/a~2"] {
            assert!(matches!(key_at(b"{}", bad), Err(PointerError::Malformed(_))), "{bad}");
        }
    }
}
