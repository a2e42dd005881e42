//! One layer of the configuration: where it comes from, and its values, checked against the schema.
//!
//! Every layer is checked alone, before they are merged: so a wrong value is told with its own place even where
//! a later layer overrules it, and all problems are told at once. A wrong value is left out of the layer.

use super::environment::variable;
use super::error::{Problem, found, listed, nearest};
use super::field::{Rule, Section};
use super::table;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use std::path::PathBuf;

/// Where values come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// What `sluicegate dev` has as defaults of its own.
    Dev,
    /// The configuration file.
    File(PathBuf),
    /// Environment variables.
    Environment,
    /// Flags on the command line.
    Flags,
}

/// The flags that set a value, with the section and key that each sets.
pub(super) const FLAGS: [(&str, [&str; 2]); 3] = [
    ("--listen", ["listen", "http"]),
    ("--kafka-listen", ["dev", "kafka_listen"]),
    ("--bootstrap-servers", ["kafka", "bootstrap_servers"]),
];

/// Checked values of one source.
pub(super) struct Layer {
    source: Source,
    values: Dict,
}

impl Source {
    /// The place of a value in this source, as a message names it.
    pub fn place(&self, path: &[&str]) -> String {
        match self {
            Self::Dev => format!("`sluicegate dev`: {}", key_path(path)),
            Self::File(file) => format!("{}: {}", file.display(), key_path(path)),
            Self::Environment => format!("environment: {}", variable(path)),
            Self::Flags => match FLAGS.iter().find(|(_, sets)| sets == path) {
                Some((flag, _)) => format!("flag {flag}"),
                None => format!("flags: {}", key_path(path)),
            },
        }
    }
}

/// A path as TOML spells it.
pub(super) fn key_path(path: &[&str]) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let parts: Vec<String> =
        path.iter().map(|part| if bare(part) { (*part).to_owned() } else { format!("{part:?}") }).collect();
    parts.join(".")
}

impl Layer {
    /// Checks the values of a source; what is wrong is left out and added to the problems.
    pub fn checked(source: Source, raw: Dict, sections: &[Section], problems: &mut Vec<Problem>) -> Self {
        let mut check = Check { source: &source, problems };
        let mut values = Dict::new();
        for (name, value) in raw {
            let Some(section) = sections.iter().find(|section| section.name == name) else {
                check.unknown(&[&name], "section", sections.iter().map(|section| section.name));
                continue;
            };
            match value {
                Value::Dict(_, keys) => {
                    values.insert(name, Value::from(check.section(section, keys)));
                }
                other => check.tell(&[&name], format!("found {}; allowed: a table", found(&other))),
            }
        }
        Self { source, values }
    }

    /// The place of a value, if this layer sets it.
    pub fn place(&self, path: [&str; 2], property: Option<&str>) -> Option<String> {
        let [section, key] = path;
        let value = self.values.get(section)?.as_dict()?.get(key)?;
        let Some(name) = property else {
            return Some(self.source.place(&path));
        };
        match value.as_dict()?.get(name)? {
            Value::Dict(..) => Some(self.source.place(&[section, key, &format!("{name}_file")])),
            _ => Some(self.source.place(&[section, key, name])),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("{:?}", self.source))
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// A check under way.
struct Check<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn tell(&mut self, path: &[&str], message: String) {
        self.problems.push(Problem { place: self.source.place(path), message });
    }

    fn unknown<'n>(&mut self, path: &[&str], what: &str, known: impl Iterator<Item = &'n str> + Clone) {
        let name = path.last().copied().unwrap_or_default();
        let near = nearest(name, known.clone()).into_iter().take(1);
        let hint: String = near.map(|name| format!("did you mean `{name}`? ")).collect();
        self.tell(path, format!("unknown {what}; {hint}allowed: {}", listed(known)));
    }

    fn section(&mut self, section: &Section, raw: Dict) -> Dict {
        let mut values = Dict::new();
        for (key, value) in raw {
            let path = [section.name, key.as_str()];
            let Some(field) = section.field(&key) else {
                self.unknown(&path, "key", section.fields.iter().map(|field| field.key));
                continue;
            };
            match (value, &field.rule) {
                (Value::Dict(_, table), Rule::Properties) => {
                    let mut tell = |name: &str, why| self.tell(&[path[0], path[1], name], why);
                    let flat = table::flatten(table, &mut tell);
                    values.insert(key, Value::from(flat));
                }
                (value, rule) => match rule.check(&value) {
                    Ok(()) => {
                        values.insert(key, value);
                    }
                    Err(broken) => {
                        let why = broken.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
                        self.tell(&path, format!("found {}{why}; allowed: {}", broken.found, rule.allowed()));
                    }
                },
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::super::SECTIONS;
    use super::*;
    use figment::providers::{Format, Toml};

    fn problems(toml: &str) -> Vec<String> {
        let raw = Toml::from_str::<Dict>(toml).expect("the row is TOML");
        let mut problems = Vec::new();
        Layer::checked(Source::File("a.toml".into()), raw, &SECTIONS, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_problem_names_the_place_what_was_found_and_what_is_allowed() {
        for (toml, told) in [
            (
                "[produse]\nx = 1",
                "a.toml: produse: unknown section; did you mean `produce`? allowed: `listen`, `kafka`, `produce`, \
                 `streams`, `groups`, `access`, `telemetry`, `dev`",
            ),
            (
                "[access]\nanonymus = 1",
                "a.toml: access.anonymus: unknown key; did you mean `anonymous`? allowed: `anonymous`",
            ),
            ("listen = 8080", "a.toml: listen: found 8080; allowed: a table"),
            (
                "[listen]\nhttp = \"localhost\"",
                "a.toml: listen.http: found \"localhost\"; allowed: an IP address with a port, such as \
                 `127.0.0.1:8080` or `[::1]:8080`",
            ),
            (
                "[streams]\nheartbeat = \"20\"",
                "a.toml: streams.heartbeat: found \"20\", a number without its unit; write an integer with its unit \
                 (`250ms`, `20s`, `15m`, `24h`) or `0`; allowed: a duration from `5s` to `1m`",
            ),
            (
                "[kafka.properties]\n\"group.id\" = \"g\"",
                "a.toml: kafka.properties.\"group.id\": found \"g\"; refused: groups are named by requests, and a \
                 plain stream joins none",
            ),
            (
                "[kafka]\nproperties = \"sasl.password=hunter2\"",
                "a.toml: kafka.properties: found a text; allowed: a table of librdkafka properties: texts, numbers, \
                 `true` or `false`",
            ),
        ] {
            assert_eq!(problems(toml), [told], "{toml}");
        }
    }

    #[test]
    fn every_problem_of_a_layer_is_told() {
        let toml = "x = 1\n[listen]\nhttp = 1\nhtp = 1\n[kafka.consumer]\nclient.id = 1\ngroup.id = 2\n";
        assert_eq!(problems(toml).len(), 5, "{:?}", problems(toml));
    }

    #[test]
    fn each_source_names_its_places_in_its_own_way() {
        assert_eq!(Source::Environment.place(&["listen", "http"]), "environment: SLUICEGATE_LISTEN__HTTP");
        for (flag, path) in FLAGS {
            assert_eq!(Source::Flags.place(&path), format!("flag {flag}"));
        }
        let file = Source::File("/etc/a b.toml".into());
        assert_eq!(file.place(&["kafka", "properties", "a.b"]), "/etc/a b.toml: kafka.properties.\"a.b\"");
    }
}
