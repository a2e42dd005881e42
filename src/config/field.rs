//! The schema of the configuration: for each key what it means and what it may be.
//!
//! Every section's file holds its own table of [`Field`]s beside its struct. The one table serves the check of
//! every layer, the words of the errors, the reading of environment variables, and `docs/config.md`; so none
//! of them can disagree with another.

use super::Origin;
use super::error::{found, kind, listed};
use super::secret;
use crate::record::duration::{self, Text};
use figment::value::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// One section.
pub(super) struct Section {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// Its keys, in the order of the struct.
    pub fields: &'static [Field],
}

/// One key.
pub(super) struct Field {
    /// Its name in the section.
    pub key: &'static str,
    /// What it means, in sentences.
    pub meaning: &'static str,
    /// What it may be.
    pub rule: Rule,
}

/// What a value may be.
pub(super) enum Rule {
    /// An IP address with a port.
    Address,
    /// A duration within bounds.
    Time(Duration, Duration),
    /// An integer within bounds.
    Integer(u64, u64),
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of web origins.
    Origins,
    /// A text that a function passes; the second is what it demands, in words.
    Text(fn(&str) -> bool, &'static str),
    /// A secret of the gateway's own, or none.
    Secret,
    /// A table of librdkafka properties.
    Properties,
}

/// A value that breaks its rule: what was found, and why that is wrong where the rule's words do not say it.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    pub found: String,
    pub reason: Option<String>,
}

impl Section {
    /// The field of this name.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

impl Rule {
    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match self {
            Self::Address => "an IP address with a port, such as `127.0.0.1:8080` or `[::1]:8080`".to_owned(),
            Self::Time(least, most) => {
                format!("a duration from `{}` to `{}`", Text(*least), Text(*most))
            }
            Self::Integer(least, most) => format!("an integer from {least} to {most}"),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::OneOf(words) => {
                format!("one of {}", listed(*words))
            }
            Self::Origins => "a list of origins, each `scheme://host` or `scheme://host:port`".to_owned(),
            Self::Text(_, allowed) => (*allowed).to_owned(),
            Self::Secret => secret::ALLOWED.to_owned(),
            Self::Properties => {
                "a table of librdkafka properties: texts, numbers, `true` or `false`".to_owned()
            }
        }
    }

    /// Checks a scalar or a list against this rule. Tables of properties are checked by their own module.
    pub fn check(&self, value: &Value) -> Result<(), Broken> {
        let passed = match self {
            Self::Address => value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Time(least, most) => return check_time(value, *least, *most),
            Self::Integer(least, most) => {
                value
                    .to_i128()
                    .is_some_and(|number| (i128::from(*least)..=i128::from(*most)).contains(&number))
                    || value
                        .to_u128()
                        .is_some_and(|number| (u128::from(*least)..=u128::from(*most)).contains(&number))
            }
            Self::Flag => value.to_bool().is_some(),
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Origins => return check_origins(value),
            Self::Text(passes, _) => value.as_str().is_some_and(passes),
            Self::Secret => return check_secret(value),
            // Reached only by what is no table; and a text in a table's place may hold a secret.
            Self::Properties => return Err(Broken { found: kind(value).to_owned(), reason: None }),
        };
        if passed { Ok(()) } else { Err(Broken { found: found(value), reason: None }) }
    }

    /// The value that the text of an environment variable stands for. A text that stands for none stays a
    /// text, which [`Rule::check`] then refuses in its own words.
    pub fn value_of(&self, text: &str) -> Value {
        let value = match self {
            Self::Integer(..) => text.parse::<u64>().ok().map(Value::from),
            Self::Flag => text.parse::<bool>().ok().map(Value::from),
            Self::Origins => {
                let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
                Some(Value::from(members.collect::<Vec<_>>()))
            }
            _ => None,
        };
        value.unwrap_or_else(|| Value::from(text))
    }
}

fn check_time(value: &Value, least: Duration, most: Duration) -> Result<(), Broken> {
    let broken = |reason| Err(Broken { found: found(value), reason });
    let Some(text) = value.as_str() else {
        let bare = value.to_num().map(|_| duration::DurationError::NoUnit.to_string());
        return broken(bare);
    };
    match duration::parse(text) {
        Ok(time) if (least..=most).contains(&time) => Ok(()),
        Ok(_) => broken(None),
        Err(error) => broken(Some(error.to_string())),
    }
}

/// What is found is told without its text.
fn check_secret(value: &Value) -> Result<(), Broken> {
    let found = match value.as_str().map(secret::check) {
        Some(Ok(())) => return Ok(()),
        Some(Err(found)) => found,
        None => kind(value),
    };
    Err(Broken { found: found.to_owned(), reason: None })
}

fn check_origins(value: &Value) -> Result<(), Broken> {
    let Some(members) = value.as_array() else {
        return Err(Broken { found: found(value), reason: None });
    };
    for member in members {
        let reason = match member.as_str().map(str::parse::<Origin>) {
            Some(Ok(_)) => continue,
            Some(Err(error)) => Some(error.to_string()),
            None => None,
        };
        return Err(Broken { found: found(member), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Rule = Rule::Time(Duration::from_secs(5), Duration::from_secs(60));
    const WORDS: Rule = Rule::OneOf(&["text", "json"]);
    const NUMBER: Rule = Rule::Integer(1, 100);

    #[test]
    fn a_value_within_its_rule_passes() {
        for (rule, value) in [
            (&Rule::Address, Value::from("0.0.0.0:0")),
            (&Rule::Address, Value::from("[::1]:8080")),
            (&TIME, Value::from("5s")),
            (&TIME, Value::from("1m")),
            (&NUMBER, Value::from(1)),
            (&NUMBER, Value::from(100_u64)),
            (&Rule::Flag, Value::from(false)),
            (&WORDS, Value::from("json")),
            (&Rule::Origins, Value::from(Vec::<String>::new())),
            (&Rule::Origins, Value::from(vec!["http://localhost:5173"])),
        ] {
            assert_eq!(rule.check(&value), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn a_value_outside_its_rule_is_told_as_found() {
        for (rule, value, found) in [
            (&Rule::Address, Value::from("localhost:8080"), r#""localhost:8080""#),
            (&Rule::Address, Value::from("127.0.0.1"), r#""127.0.0.1""#),
            (&Rule::Address, Value::from(8080), "8080"),
            (&TIME, Value::from("4999ms"), r#""4999ms""#),
            (&TIME, Value::from("60001ms"), r#""60001ms""#),
            (&TIME, Value::from(20), "20"),
            (&NUMBER, Value::from(0), "0"),
            (&NUMBER, Value::from(101), "101"),
            (&NUMBER, Value::from(-1), "-1"),
            (&NUMBER, Value::from(1.0), "1"),
            (&NUMBER, Value::from("1"), r#""1""#),
            (&Rule::Flag, Value::from("true"), r#""true""#),
            (&Rule::Flag, Value::from(1), "1"),
            (&WORDS, Value::from("JSON"), r#""JSON""#),
            (&Rule::Origins, Value::from("http://localhost"), r#""http://localhost""#),
            (&Rule::Origins, Value::from(vec!["http://localhost", "*"]), r#""*""#),
            (&Rule::Origins, Value::from(vec![1]), "1"),
            (&Rule::Secret, Value::from("hunter2"), "a secret of another form"),
            (&Rule::Secret, Value::from(1_234_567_890_123_456_u64), "a number"),
            (&Rule::Properties, Value::from("sasl.password=x"), "a text"),
        ] {
            assert_eq!(rule.check(&value).map_err(|broken| broken.found), Err(found.to_owned()));
        }
    }

    #[test]
    fn a_reason_is_given_where_the_form_is_wrong() {
        let broken = TIME.check(&Value::from("20")).expect_err("no unit");
        assert!(broken.reason.is_some_and(|reason| reason.contains("without its unit")));
        let broken = Rule::Origins.check(&Value::from(vec!["http://a/"])).expect_err("a path");
        assert!(broken.reason.is_some_and(|reason| reason.contains("no path")));
    }

    #[test]
    fn a_variable_is_read_by_the_rule_of_its_key() {
        let plain = |value: Value| (value.to_u128(), value.to_bool(), value.into_string());
        assert_eq!(plain(NUMBER.value_of("42")), (Some(42), None, None));
        assert_eq!(plain(NUMBER.value_of("4x")), (None, None, Some("4x".to_owned())));
        assert_eq!(plain(Rule::Flag.value_of("true")), (None, Some(true), None));
        assert_eq!(plain(Rule::Flag.value_of("yes")), (None, None, Some("yes".to_owned())));
        assert_eq!(plain(Rule::Address.value_of("1")), (None, None, Some("1".to_owned())));
        let list = Rule::Origins.value_of("http://a, http://b,").into_array().expect("a list");
        assert_eq!(list.iter().filter_map(Value::as_str).collect::<Vec<_>>(), ["http://a", "http://b"]);
        assert_eq!(Rule::Origins.value_of("").into_array().map(|list| list.len()), Some(0));
    }
}
