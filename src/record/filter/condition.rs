//! One condition on a record's value: `/total>100`, `exists(/user/id)`.
//!
//! The pointer is RFC 6901's. It ends at the first `=`, `!=`, `<` or `>`; one that has such a character in a name stands in
//! double quotes, as a JSON string (RFC 6901, section 5): `"/a=b"=1`. What it is compared with is JSON where it is a number, a
//! string in double quotes, `true`, `false` or `null`, and else a text as it stands.

use super::subject::{Content, Node, Scalar, Subject};
use super::{FilterError, MAX_STEPS, MAX_TEXT_BYTES};
use crate::record::json;
use serde_json::value::RawValue;
use std::cmp::Ordering;

/// A condition. A value that is no JSON meets none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    steps: Vec<String>,
    test: Test,
}

/// What is asked of the value that the pointer leads to; of none, nothing holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Test {
    Exists,
    Equals(Scalar),
    /// Also by its type.
    Differs(Scalar),
    Less(Scalar),
    Greater(Scalar),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// When it is too long or has none of the forms, its pointer is malformed or too deep, or it compares with what cannot be
    /// compared so.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(FilterError::TooLong);
        }
        if let Some(pointer) = text.strip_prefix("exists(").and_then(|rest| rest.strip_suffix(')')) {
            let unquoted = if pointer.starts_with('"') { quoted(pointer)? } else { pointer.to_owned() };
            return Ok(Self { steps: steps(&unquoted)?, test: Test::Exists });
        }
        let (pointer, comparison) = split(text)?;
        let sign = ["!=", "=", "<", ">"].into_iter().find(|sign| comparison.starts_with(sign));
        let sign = sign.ok_or_else(|| FilterError::Form(brief(text)))?;
        let value = &comparison[sign.len()..];
        let bound = scalar(value)?;
        let test = match sign {
            "!=" => Test::Differs(bound),
            "=" => Test::Equals(bound),
            _ if matches!(bound, Scalar::Null | Scalar::Bool(_)) => {
                return Err(FilterError::NoOrder(brief(value)));
            }
            "<" => Test::Less(bound),
            _ => Test::Greater(bound),
        };
        Ok(Self { steps: steps(&pointer)?, test })
    }

    /// Whether a record's value meets it.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        let Some(found) = subject.value().and_then(|value| value.at(&self.steps)) else { return false };
        match &self.test {
            Test::Exists => true,
            Test::Equals(wanted) => is(found, wanted),
            Test::Differs(unwanted) => !is(found, unwanted),
            Test::Less(bound) => order(found, bound) == Some(Ordering::Less),
            Test::Greater(bound) => order(found, bound) == Some(Ordering::Greater),
        }
    }
}

fn is(found: &Node<'_>, wanted: &Scalar) -> bool {
    matches!(found.content(), Content::Scalar(found) if found == wanted)
}

/// The order of two numbers, or of two texts by code points; values of other or of different types have none.
fn order(found: &Node<'_>, bound: &Scalar) -> Option<Ordering> {
    match (found.content(), bound) {
        (Content::Scalar(Scalar::Number(found)), Scalar::Number(bound)) => Some(found.cmp(bound)),
        (Content::Scalar(Scalar::Text(found)), Scalar::Text(bound)) => Some(found.cmp(bound)),
        _ => None,
    }
}

/// A pointer, and the comparison behind it.
fn split(text: &str) -> Result<(String, &str), FilterError> {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let pointer = strings.next().and_then(Result::ok).ok_or_else(|| FilterError::Quotes(brief(text)))?;
        return Ok((pointer, &text[strings.byte_offset()..]));
    }
    let at = text.find(['=', '<', '>']).ok_or_else(|| FilterError::Form(brief(text)))?;
    let differs = text[at..].starts_with('=') && text[..at].ends_with('!');
    let (pointer, comparison) = text.split_at(if differs { at - 1 } else { at });
    Ok((pointer.to_owned(), comparison))
}

fn steps(pointer: &str) -> Result<Vec<String>, FilterError> {
    let steps = json::steps(pointer)?;
    if steps.len() > MAX_STEPS { Err(FilterError::TooDeep) } else { Ok(steps) }
}

/// What a value is compared with.
fn scalar(text: &str) -> Result<Scalar, FilterError> {
    if text.starts_with('=') {
        return Err(FilterError::Operator);
    }
    if text.starts_with('"') {
        return quoted(text).map(Scalar::Text);
    }
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return Ok(Scalar::Text(text.to_owned())) };
    match Content::of(raw) {
        Content::Scalar(scalar) => Ok(scalar),
        Content::Array(_) | Content::Object(_) | Content::NoText => Err(FilterError::NotScalar(brief(text))),
    }
}

fn quoted(text: &str) -> Result<String, FilterError> {
    serde_json::from_str(text).map_err(|_| FilterError::Quotes(brief(text)))
}

/// The beginning of a caller's text, for a message.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}
