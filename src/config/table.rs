//! The tables of librdkafka properties, checked and brought to one form.
//!
//! A property's name has dots, and TOML lets it be written quoted (`"sasl.password" = …`) or nested
//! (`sasl.password = …`, `[kafka.properties.sasl]`). All forms mean the same, so they are made the same before
//! layers are merged: a flat table of texts, where the `_file` twin of a secret stands under the secret's own
//! name. A twin in a later layer then overrules the secret of an earlier one, and the reverse.

use super::error::{found, found_property, is_date, listed, number};
use super::refused::refusal;
use super::secret::{FILE_SUFFIX, MASK, SECRETS, is_secret, twin_of};
use figment::value::{Dict, Value};

/// Brings one table of one layer to its flat form. `tell` is called with the name of each property that is
/// wrong, as it was given, and why; such a property is left out.
pub(super) fn flatten(table: Dict, tell: &mut dyn FnMut(&str, String)) -> Dict {
    let mut given = Vec::new();
    gather("", table, &mut given);
    let mut flat = Dict::new();
    for (name, value) in given {
        match property(&name, value) {
            Ok((name, _)) if flat.contains_key(&name) => {
                let twin = if is_secret(&name) { " (or its `_file` twin)" } else { "" };
                tell(&name, format!("found twice; allowed: once, quoted or nested{twin}"));
            }
            Ok((name, value)) => {
                flat.insert(name, value);
            }
            Err(why) => tell(&name, why),
        }
    }
    flat
}

/// Joins the names of nested tables with dots.
fn gather(prefix: &str, table: Dict, given: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) if !is_date(&inner) => gather(&name, inner, given),
            value => given.push((name, value)),
        }
    }
}

/// Checks one property: the name under which it is kept and the text (or the file) that it is.
fn property(name: &str, value: Value) -> Result<(String, Value), String> {
    let text = match &value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, flag) => flag.to_string(),
        _ => number(&value).ok_or_else(|| {
            format!("found {}; allowed: a text, a number, `true` or `false`", found(&value))
        })?,
    };
    if name.is_empty() || name.contains('\0') || text.contains('\0') {
        return Err("found an empty name or a NUL character; allowed: a property of librdkafka".to_owned());
    }
    if let Some(why) = refusal(twin_of(name).unwrap_or(name), &text) {
        return Err(match twin_of(name) {
            None => format!("found {}; {why}", found_property(name, &text)),
            Some(_) => why,
        });
    }
    if let Some(secret) = twin_of(name) {
        return match text.as_str() {
            "" => Err("found no path; allowed: the path of a file that holds the secret".to_owned()),
            path => Ok((secret.to_owned(), Value::from(Dict::from([("file".to_owned(), path.into())])))),
        };
    }
    if name.ends_with(FILE_SUFFIX) {
        return Err(format!("found a `_file` twin of what is no secret; allowed for {}", listed(SECRETS)));
    }
    match text.as_str() {
        "" if is_secret(name) => {
            Err("found an empty secret; allowed: the secret, or its `_file` twin".to_owned())
        }
        MASK if is_secret(name) => {
            Err("found the mask that `print-config` prints; allowed: the secret, or its `_file` twin"
                .to_owned())
        }
        text => Ok((name.to_owned(), text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::providers::{Format, Toml};

    fn flat(toml: &str) -> (Vec<(String, String)>, Vec<String>) {
        let table = Toml::from_str::<Dict>(toml).expect("the row is TOML");
        let mut told = Vec::new();
        let flat = flatten(table, &mut |name, why| told.push(format!("{name}: {why}")));
        let text = |value: Value| match value {
            Value::Dict(_, mut file) => {
                format!("file {}", file.remove("file").and_then(Value::into_string).unwrap_or_default())
            }
            value => value.into_string().unwrap_or_default(),
        };
        (flat.into_iter().map(|(name, value)| (name, text(value))).collect(), told)
    }

    #[test]
    fn quoted_and_nested_names_and_every_scalar_are_read() {
        for (toml, name, text) in [
            (r#""security.protocol" = "ssl""#, "security.protocol", "ssl"),
            (r#"security.protocol = "ssl""#, "security.protocol", "ssl"),
            ("[socket.keepalive]\nenable = true", "socket.keepalive.enable", "true"),
            ("batch.size = 100000", "batch.size", "100000"),
            ("x.y = -1", "x.y", "-1"),
            ("x.y = 1.5", "x.y", "1.5"),
            (r#"sasl.password = "0123""#, "sasl.password", "0123"),
            (r#"sasl.password_file = "/run/s""#, "sasl.password", "file /run/s"),
            (r#""ssl.key.pem_file" = "k.pem""#, "ssl.key.pem", "file k.pem"),
            (
                r#"sasl.oauthbearer.assertion.private.key.file = "k""#,
                "sasl.oauthbearer.assertion.private.key.file",
                "k",
            ),
            (r#"enable.idempotence = true"#, "enable.idempotence", "true"),
            (r#"client.rack = """#, "client.rack", ""),
        ] {
            assert_eq!(flat(toml), (vec![(name.to_owned(), text.to_owned())], vec![]), "{toml}");
        }
    }

    #[test]
    fn what_is_wrong_is_left_out_and_told_without_secrets() {
        for (toml, told) in [
            ("debug = ['a', 'b']", "debug: found a list; allowed: a text, a number, `true` or `false`"),
            ("x = 1979-05-27", "x: found a date; allowed: a text, a number, `true` or `false`"),
            (
                "enable.idempotence = false",
                "enable.idempotence: found \"false\"; refused: without it a retry may write a record twice or out of \
                 order; allowed: `true`, which it is anyway",
            ),
            ("client.id = 'me'", "client.id: found \"me\"; refused: set `kafka.client_id`"),
            (
                "sasl.jaas.config = 'hunter2'",
                "sasl.jaas.config: found a secret; refused: that is a property of Java's clients; set \
                 `sasl.mechanism`, `sasl.username` and `sasl.password_file`",
            ),
            (
                "sasl.password = ''",
                "sasl.password: found an empty secret; allowed: the secret, or its `_file` twin",
            ),
            (
                "sasl.password = ['hunter2']",
                "sasl.password: found a list; allowed: a text, a number, `true` or `false`",
            ),
            (
                "sasl.password_file = ''",
                "sasl.password_file: found no path; allowed: the path of a file that holds the secret",
            ),
            (
                "sasl.password = '********'",
                "sasl.password: found the mask that `print-config` prints; allowed: the secret, or its `_file` twin",
            ),
            (r#""" = 1"#, ": found an empty name or a NUL character; allowed: a property of librdkafka"),
            (
                r#"x = "a\u0000b""#,
                "x: found an empty name or a NUL character; allowed: a property of librdkafka",
            ),
        ] {
            assert_eq!(flat(toml), (vec![], vec![told.to_owned()]), "{toml}");
        }
        let (kept, told) = flat("ssl.ca.location_file = 'x'");
        assert!(kept.is_empty() && told[0].contains("allowed for `sasl.oauthbearer"), "{told:?}");
    }

    #[test]
    fn what_is_given_twice_is_kept_once_and_told() {
        for (toml, twin) in [
            ("\"security.protocol\" = 'ssl'\nsecurity.protocol = 'ssl'", ""),
            ("sasl.password = 'hunter2'\nsasl.password_file = 'x'", " (or its `_file` twin)"),
            ("\"sasl.password\" = 'hunter2'\nsasl.password_file = 'x'", " (or its `_file` twin)"),
        ] {
            let (kept, told) = flat(toml);
            assert_eq!((kept.len(), told.len()), (1, 1), "{toml}");
            assert!(
                told[0].ends_with(&format!("found twice; allowed: once, quoted or nested{twin}")),
                "{told:?}"
            );
        }
    }
}
