//! What is wrong with a configuration: every problem at once, each with its place, what was found there, and
//! what is allowed.
//!
//! A problem is plain text. Nobody reacts to one kind of it in another way than to the rest: the start stops,
//! and a person reads. No text here holds the value of a secret; see the places that make them.

use super::secret::is_secret;
use figment::value::{Dict, Value};
use std::fmt;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file and key, the environment variable, or the flag.
    pub place: String,
    /// What was found, why that is wrong, and what is allowed.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// An error of one problem.
    pub(super) fn one(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { problems: vec![Problem { place: place.into(), message: message.into() }] }
    }

    /// Nothing if there is no problem, else an error of them all.
    pub(super) fn of(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }

    /// Every problem, in the order of the layers and then of the keys.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => write!(f, "the configuration is wrong: {problem}"),
            problems => {
                write!(f, "the configuration is wrong in {} places:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// The longest text that a message repeats, in characters.
const SHOWN: usize = 60;

/// A value as a message shows it: a scalar itself, of a table or a list only that it is one.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Char(_, char) => quoted(&char.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        other => number(other).unwrap_or_else(|| kind(other).to_owned()),
    }
}

/// What kind of value this is, without the value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a text",
        Value::Bool(..) => "a flag",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(_, table) if is_date(table) => "a date",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

/// Whether this is what a date of TOML becomes on its way through serde.
pub(super) fn is_date(table: &Dict) -> bool {
    table.contains_key("$__toml_private_datetime")
}

/// A number as it would be written, if the value is one.
pub(super) fn number(value: &Value) -> Option<String> {
    value
        .to_i128()
        .map(|number| number.to_string())
        .or_else(|| value.to_u128().map(|number| number.to_string()))
        .or_else(|| value.to_f64().map(|number| number.to_string()))
}

/// A text in quotes with control characters escaped, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// The value of a librdkafka property as a message shows it: of a secret nothing but that it is one.
pub(super) fn found_property(name: &str, value: &str) -> String {
    if is_secret(name) { "a secret".to_owned() } else { quoted(value) }
}

/// The nearest of some names to one that is none of them, if any is near: at most three, nearest first. Where one stands out
/// the others are noise: names of one section are all alike.
pub(super) fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = among
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = near.first().map_or(0.0, |(likeness, _)| *likeness);
    near.retain(|(likeness, _)| best - likeness < 0.05);
    near.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// Names as a sentence lists them: `` `a`, `b` ``.
pub(super) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_is_one_line_and_many_are_a_list() {
        let error = ConfigError::one("a.toml: listen.http", "found 1; allowed: an address");
        assert_eq!(
            error.to_string(),
            "the configuration is wrong: a.toml: listen.http: found 1; allowed: an address"
        );
        let two = ConfigError { problems: vec![error.problems[0].clone(), error.problems[0].clone()] };
        assert_eq!(two.to_string().lines().count(), 3);
    }

    #[test]
    fn a_found_value_is_escaped_cut_and_never_a_whole_table() {
        assert_eq!(found(&Value::from("a\nb")), r#""a\nb""#);
        assert_eq!(found(&Value::from("x".repeat(61))), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(found(&Value::from(-3)), "-3");
        assert_eq!(found(&Value::from(1.5)), "1.5");
        assert_eq!(found(&Value::from(true)), "true");
        assert_eq!(found(&Value::from(vec![1])), "a list");
        assert_eq!(found_property("sasl.password", "hunter2"), "a secret");
    }

    #[test]
    fn the_nearest_names_come_first() {
        let keys = ["max_record_bytes", "auto_create", "queue_bytes", "queue_records"];
        assert_eq!(nearest("max_record_byte", keys), ["max_record_bytes"]);
        assert_eq!(nearest("queue_record", keys)[0], "queue_records");
        assert!(nearest("zzz", keys).is_empty());
    }
}
