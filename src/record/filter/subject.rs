//! A record that filters are asked about, whose value is parsed once whoever asks.
//!
//! Only as far as somebody looks: each level of the value is taken apart when a pointer first leads into it. Numbers stay
//! texts until they are compared, because no float holds all of them.

use super::MAX_VALUE_BYTES;
use super::decimal::Decimal;
use crate::record::{Record, json};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::{Borrow, Cow};
use std::cell::OnceCell;
use std::collections::HashMap;

/// A record, and what was seen of its value so far.
#[derive(Debug)]
pub struct Subject<'a> {
    record: &'a Record,
    value: OnceCell<Option<Node<'a>>>,
}

/// What conditions compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
}

/// A value within the record's value.
#[derive(Debug)]
pub struct Node<'a> {
    raw: &'a RawValue,
    content: OnceCell<Box<Content<'a>>>,
}

#[derive(Debug)]
pub enum Content<'a> {
    Scalar(Scalar),
    Array(Vec<Node<'a>>),
    /// Of members of one name the last counts.
    Object(HashMap<Name<'a>, Node<'a>>),
    /// A text with half of a surrogate pair in it (`"\ud800"`), which no text in UTF-8 equals, or an object with such a name. It is
    /// there, and equals nothing.
    NoText,
}

/// A member's name.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Name<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'a> Subject<'a> {
    /// Asks about a record.
    pub fn new(record: &'a Record) -> Self {
        Self { record, value: OnceCell::new() }
    }

    /// The record.
    pub fn record(&self) -> &'a Record {
        self.record
    }

    /// The value; `None` of a tombstone, and where it is no JSON (as an envelope tells it) or larger than
    /// [`MAX_VALUE_BYTES`].
    pub(super) fn value(&self) -> Option<&Node<'a>> {
        let parse = || {
            let value = self.record.value.as_deref().filter(|value| value.len() <= MAX_VALUE_BYTES)?;
            json::parse(value).map(Node::new)
        };
        self.value.get_or_init(parse).as_ref()
    }
}

impl<'a> Node<'a> {
    fn new(raw: &'a RawValue) -> Self {
        Self { raw, content: OnceCell::new() }
    }

    /// What it is.
    pub fn content(&self) -> &Content<'a> {
        self.content.get_or_init(|| Box::new(Content::of(self.raw)))
    }

    /// The value that a pointer's steps lead to from here (RFC 6901, section 4).
    pub fn at(&self, steps: &[String]) -> Option<&Self> {
        steps.iter().try_fold(self, |node, step| match node.content() {
            Content::Object(members) => members.get(step.as_str()),
            Content::Array(items) => items.get(json::index(step)?),
            Content::Scalar(_) | Content::NoText => None,
        })
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::new)
    }
}

impl<'a> Content<'a> {
    /// Takes a value apart, one level deep.
    pub fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map_or(Self::NoText, Self::Object),
            Some(b'[') => serde_json::from_str(text).map_or(Self::NoText, Self::Array),
            Some(b'"') => {
                serde_json::from_str(text).map_or(Self::NoText, |text| Self::Scalar(Scalar::Text(text)))
            }
            Some(b'n') => Self::Scalar(Scalar::Null),
            Some(b't' | b'f') => Self::Scalar(Scalar::Bool(text == "true")),
            _ => Self::Scalar(Scalar::Number(Decimal::read(text))),
        }
    }
}
