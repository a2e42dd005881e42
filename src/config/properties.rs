//! A table of librdkafka properties: names to texts, some of them secrets.
//!
//! Secrets are the reason for a type of its own. Their values can be had by [`Properties::iter`] alone; the
//! table prints, serialises and debugs with the mask, or with the path that the secret was read from.

use super::secret::{FILE_SUFFIX, MASK, is_secret};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// librdkafka properties by name, in the order of their names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, Property>);

/// One value, and where it was read from when that was a file of its own.
#[derive(Clone, PartialEq, Eq)]
struct Property {
    value: String,
    file: Option<PathBuf>,
}

/// How a property stands in a checked layer: its text, or the file that holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Text(String),
    File { file: PathBuf },
}

impl Properties {
    /// What stands where a secret would.
    pub const MASK: &str = MASK;

    /// Names and values, secrets in clear: for the client, never for a log.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.value.as_str()))
    }

    /// The value of one property, a secret in clear.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|property| property.value.as_str())
    }

    /// Names and values of the secrets among them, in clear: for whoever has to cut them out of a text.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| is_secret(name))
    }

    /// Sets a property; for the embedded broker and for tests, which have no file.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), Property { value: value.into(), file: None });
    }

    /// Whether there is no property.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every secret that stands in a file, with the place its value goes to.
    pub(super) fn secret_files(&mut self) -> impl Iterator<Item = (&str, &Path, &mut String)> {
        self.0.iter_mut().filter_map(|(name, Property { value, file })| {
            file.as_deref().map(|path| (name.as_str(), path, value))
        })
    }

    /// Names and values as they may be shown.
    fn shown(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(name, property)| match &property.file {
            Some(path) => (format!("{name}{FILE_SUFFIX}"), path.display().to_string()),
            None if is_secret(name) => (name.clone(), MASK.to_owned()),
            None => (name.clone(), property.value.clone()),
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(properties: I) -> Self {
        let mut table = Self::default();
        for (name, value) in properties {
            table.insert(name, value);
        }
        table
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.shown() {
            map.serialize_entry(&name, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = BTreeMap::<String, Given>::deserialize(deserializer)?;
        let property = |given| match given {
            Given::Text(value) => Property { value, file: None },
            Given::File { file } => Property { value: String::new(), file: Some(file) },
        };
        Ok(Self(given.into_iter().map(|(name, given)| (name, property(given))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_in_clear_and_shown_masked() {
        let mut table: Properties =
            [("sasl.password", "hunter2"), ("sasl.mechanism", "PLAIN")].into_iter().collect();
        table.0.insert(
            "ssl.key.password".to_owned(),
            Property { value: "sesame".to_owned(), file: Some(PathBuf::from("/run/secrets/key")) },
        );
        assert_eq!(table.get("sasl.password"), Some("hunter2"));
        assert_eq!(table.get("ssl.key.password"), Some("sesame"));
        let secrets: Vec<_> = table.secrets().collect();
        assert_eq!(secrets, [("sasl.password", "hunter2"), ("ssl.key.password", "sesame")]);
        let debug = format!("{table:?}");
        let json = serde_json::to_string(&table).expect("strings serialise");
        for shown in [&debug, &json] {
            assert!(!shown.contains("hunter2") && !shown.contains("sesame"), "{shown}");
        }
        assert_eq!(
            json,
            r#"{"sasl.mechanism":"PLAIN","sasl.password":"********","ssl.key.password_file":"/run/secrets/key"}"#
        );
    }
}
