//! Environment variables: `SLUICEGATE_SECTION__KEY`, and for librdkafka properties
//! `SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD`, where each `__` is a dot and a single `_` stays itself.
//!
//! figment has a provider for this. Ours differs where a gateway that must not start wrong needs it: a variable
//! that no key has is an error with the nearest names; a text is read by the rule of its key, so that a
//! password of digits stays a text; an empty variable is an empty value, never "not set".

use super::error::{ConfigError, Problem, listed, nearest};
use super::field::{Rule, Section};
use figment::value::{Dict, Value};
use std::collections::BTreeMap;

/// What the names of all our variables begin with.
pub const PREFIX: &str = "SLUICEGATE_";

/// What stands between a section, a key, and the parts of a property's name.
const SEPARATOR: &str = "__";

/// The variables of this process that are ours.
///
/// # Errors
/// One of them is not UTF-8.
pub fn process_environment() -> Result<Vec<(String, String)>, ConfigError> {
    let ours = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        let place = format!("environment: {}", name.to_string_lossy());
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            _ => return Err(ConfigError::one(place, "found bytes that are no text; allowed: UTF-8")),
        }
    }
    Ok(variables)
}

/// The variable that sets the value at a path of the configuration.
pub(super) fn variable(path: &[&str]) -> String {
    let parts: Vec<String> =
        path.iter().map(|part| part.to_ascii_uppercase().replace('.', SEPARATOR)).collect();
    format!("{PREFIX}{}", parts.join(SEPARATOR))
}

/// Reads variables into sections and keys; a variable that no key has becomes a problem. Values are not
/// checked yet.
pub(super) fn read(
    variables: impl IntoIterator<Item = (String, String)>,
    sections: &[Section],
    problems: &mut Vec<Problem>,
) -> Dict {
    // By name: the environment's own order is that of no one.
    let variables: BTreeMap<String, String> = variables.into_iter().collect();
    let mut values = BTreeMap::<&str, Dict>::new();
    for (name, text) in &variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if is_service_link(rest, text) {
            continue;
        }
        match resolve(rest, sections) {
            Ok((section, key, None, rule)) => {
                values.entry(section).or_default().insert(key.to_owned(), rule.value_of(text));
            }
            Ok((section, key, Some(property), _)) => {
                let table = values.entry(section).or_default().entry(key.to_owned());
                if let Value::Dict(_, table) = table.or_insert_with(|| Value::from(Dict::new())) {
                    table.insert(property, Value::from(text.as_str()));
                }
            }
            Err(message) => problems.push(Problem { place: format!("environment: {name}"), message }),
        }
    }
    values.into_iter().map(|(section, keys)| (section.to_owned(), Value::from(keys))).collect()
}

type Target = (&'static str, &'static str, Option<String>, &'static Rule);

/// Finds what a name without its prefix sets.
fn resolve(rest: &str, sections: &[Section]) -> Result<Target, String> {
    let mut parts = rest.split(SEPARATOR);
    let section = parts.next().and_then(|part| sections.iter().find(|section| is(section.name, part)));
    let field = section.zip(parts.next()).and_then(|(section, part)| {
        let field = section.fields.iter().find(|field| is(field.key, part))?;
        Some((section.name, field))
    });
    let behind: Vec<&str> = parts.collect();
    match field {
        Some((section, field)) if matches!(field.rule, Rule::Properties) => {
            let name = behind.join(".");
            if name.is_empty() || name.bytes().any(|byte| byte.is_ascii_lowercase()) {
                let example = variable(&[section, field.key, "security.protocol"]);
                return Err(format!(
                    "found no property's name behind it; allowed: a name, as in `{example}`"
                ));
            }
            Ok((section, field.key, Some(name.to_ascii_lowercase()), &field.rule))
        }
        Some((section, field)) if behind.is_empty() => Ok((section, field.key, None, &field.rule)),
        _ => Err(unknown(rest, sections)),
    }
}

/// Whether a part of a variable's name stands for this section or key: the same in upper case.
fn is(name: &str, part: &str) -> bool {
    name.to_ascii_uppercase() == part
}

fn unknown(rest: &str, sections: &[Section]) -> String {
    let paths =
        sections.iter().flat_map(|section| section.fields.iter().map(|field| [section.name, field.key]));
    let names: Vec<String> = paths.map(|path| variable(&path)).collect();
    let near = nearest(rest, names.iter().map(|name| &name[PREFIX.len()..]));
    let near = near.iter().map(|name| format!("{PREFIX}{name}"));
    if near.len() == 0 {
        let sections = sections.iter().map(|section| section.name.to_ascii_uppercase());
        return format!(
            "unknown variable; allowed: `{PREFIX}SECTION__KEY`, the sections being {}",
            listed(sections)
        );
    }
    format!("unknown variable; the nearest allowed: {}", listed(near))
}

/// Whether this is a variable that Kubernetes puts into every pod beside a Service whose name begins with
/// `sluicegate`: `…SERVICE_HOST`, `…SERVICE_PORT[_NAME]`, and `…PORT[_8080_TCP[_ADDR|_PORT|_PROTO]]`. Nobody
/// set those, and no key of ours is spelt so.
fn is_service_link(rest: &str, text: &str) -> bool {
    if rest.contains(SEPARATOR) {
        return false;
    }
    let name = format!("_{rest}_");
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme));
    let of_port = |protocol: &str| {
        name.split_once(protocol).and_then(|(before, after)| {
            let (_, port) = before.rsplit_once("_PORT_")?;
            let number = port.parse::<u16>().is_ok();
            Some(number && ["", "ADDR_", "PORT_", "PROTO_"].contains(&after))
        })
    };
    name.ends_with("_SERVICE_HOST_")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT_") && is_url)
        || ["_TCP_", "_UDP_", "_SCTP_"].iter().any(|protocol| of_port(protocol) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::super::SECTIONS;
    use super::*;

    fn read_one(name: &str, text: &str) -> (Dict, Vec<String>) {
        let mut problems = Vec::new();
        let values = read([(name.to_owned(), text.to_owned())], &SECTIONS, &mut problems);
        (values, problems.iter().map(Problem::to_string).collect())
    }

    fn text_at(values: Dict, path: &[&str]) -> Option<String> {
        let mut value = Value::from(values);
        for part in path {
            value = value.into_dict()?.remove(*part)?;
        }
        value.into_string()
    }

    #[test]
    fn a_variable_finds_its_key() {
        for (name, path) in [
            ("SLUICEGATE_LISTEN__HTTP", &["listen", "http"][..]),
            ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", &["kafka", "bootstrap_servers"]),
            ("SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD", &["kafka", "properties", "sasl.password"]),
            (
                "SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD_FILE",
                &["kafka", "properties", "sasl.password_file"],
            ),
            (
                "SLUICEGATE_KAFKA__PRODUCER__BATCH__NUM__MESSAGES",
                &["kafka", "producer", "batch.num.messages"],
            ),
            ("SLUICEGATE_KAFKA__CONSUMER__LOG_LEVEL", &["kafka", "consumer", "log_level"]),
        ] {
            let (values, problems) = read_one(name, "0012");
            assert_eq!(problems, [""; 0], "{name}");
            assert_eq!(text_at(values, path).as_deref(), Some("0012"), "{name}");
            assert_eq!(variable(path), name);
        }
    }

    #[test]
    fn an_unknown_variable_is_told_with_the_nearest() {
        for (name, message) in [
            (
                "SLUICEGATE_LISTEN_HTTP",
                "environment: SLUICEGATE_LISTEN_HTTP: unknown variable; the nearest allowed: `SLUICEGATE_LISTEN__HTTP`",
            ),
            (
                "SLUICEGATE_KAFKA__PROPERTIES",
                "environment: SLUICEGATE_KAFKA__PROPERTIES: found no property's name behind it; allowed: a name, as \
                 in `SLUICEGATE_KAFKA__PROPERTIES__SECURITY__PROTOCOL`",
            ),
            (
                "SLUICEGATE_X",
                "environment: SLUICEGATE_X: unknown variable; allowed: `SLUICEGATE_SECTION__KEY`, the sections being \
                 `LISTEN`, `KAFKA`, `PRODUCE`, `STREAMS`, `GROUPS`, `ACCESS`, `TELEMETRY`, `DEV`",
            ),
        ] {
            assert_eq!(
                read_one(name, "hunter2").1[0].split(", `SLUICEGATE_KAFKA__CLIENT").next(),
                Some(message)
            );
        }
        for name in [
            "SLUICEGATE_",
            "SLUICEGATE_LISTEN",
            "SLUICEGATE_listen__http",
            "SLUICEGATE_LISTEN__HTTP__X",
            "SLUICEGATE_LISTEN__HTTP__",
            "SLUICEGATE_PRODUCE__MAX_RECORD_BYTE",
            "SLUICEGATE_KAFKA_PROPERTIES__SASL__PASSWORD",
            "SLUICEGATE_KAFKA__PROPERTIES__",
            "SLUICEGATE_KAFKA__PROPERTIES__sasl__Password",
        ] {
            let (values, problems) = read_one(name, "hunter2");
            assert!(values.is_empty() && problems.len() == 1, "{name}: {problems:?}");
            assert!(!problems[0].contains("hunter2"), "a value that may be a secret is not repeated");
        }
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_is_passed_over() {
        for (name, text, passed_over) in [
            ("SERVICE_HOST", "10.0.0.7", true),
            ("SERVICE_PORT", "8080", true),
            ("SERVICE_PORT_HTTP_OPS", "8080", true),
            ("HEADLESS_SERVICE_HOST", "10.0.0.7", true),
            ("PORT", "tcp://10.0.0.7:8080", true),
            ("PORT_8080_TCP", "tcp://10.0.0.7:8080", true),
            ("PORT_8080_TCP_ADDR", "10.0.0.7", true),
            ("CANARY_PORT_53_UDP_PROTO", "udp", true),
            ("PORT", "8080", false),
            ("LISTEN_PORT", "8080", false),
            ("PORT_X_TCP", "1", false),
            ("LISTEN__SERVICE_HOST", "x", false),
        ] {
            let (values, problems) = read_one(&format!("{PREFIX}{name}"), text);
            assert!(values.is_empty());
            assert_eq!(problems.is_empty(), passed_over, "{name}={text}: {problems:?}");
        }
    }

    #[test]
    fn other_variables_are_not_ours() {
        assert_eq!(read_one("PATH", "/bin"), (Dict::new(), Vec::new()));
        assert_eq!(read_one("SLUICE_X", "1"), (Dict::new(), Vec::new()));
    }
}
