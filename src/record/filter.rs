//! Which records a reader wants: by key, by headers, by members of a value that is JSON.
//!
//! A filter is a conjunction in one form: in which order its parts were given, and how often, does not matter, so
//! readers that ask for the same have equal filters and may share verdicts. Everything about it is bounded, because a
//! stranger writes it and it is asked of every record. It only looks: what becomes of a record that it does not want is
//! decided by whoever reads. Absent: alternatives between keys, headers and values, and patterns, which would make the cost of a
//! record anybody's.

mod condition;
mod decimal;
mod subject;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use subject::Subject;

use super::json::PointerError;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The longest key, prefix, header name, header value or condition, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// The most keys, prefixes, or values of one header.
pub const MAX_VALUES: usize = 100;

/// The most headers that are asked for by name.
pub const MAX_HEADERS: usize = 16;

/// The most conditions on the value.
pub const MAX_CONDITIONS: usize = 4;

/// The most steps of a condition's pointer.
pub const MAX_STEPS: usize = 16;

/// The largest value that is looked into, in bytes; a larger one meets no condition.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Which records are wanted: those that have one of the keys, and each of the headers, and meet each condition. Without any of
/// these it is every record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    keys: Option<Keys>,
    /// The values that will do, by name.
    headers: BTreeMap<String, BTreeSet<Bytes>>,
    conditions: BTreeSet<Condition>,
}

/// Which keys will do. The null key is none of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Keys {
    Exact(BTreeSet<Bytes>),
    /// None of them begins with another one.
    Prefixes(BTreeSet<Bytes>),
}

/// Why something is no part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A text is longer than [`MAX_TEXT_BYTES`].
    #[error("it is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// It is given more often than it may.
    #[error("it may be given {0} times at most")]
    TooMany(usize),
    /// More than [`MAX_HEADERS`] are asked for.
    #[error("{MAX_HEADERS} headers may be asked for at most")]
    TooManyHeaders,
    /// A header without a name, or with one that Kafka's clients do not take.
    #[error("the name behind the dot is empty or holds a NUL byte")]
    HeaderName,
    /// A condition has none of the forms.
    #[error(
        "`{0}` is none of /pointer=value, /pointer!=value, /pointer<value, /pointer>value and exists(/pointer)"
    )]
    Form(String),
    /// What stands in double quotes is no JSON string.
    #[error("`{0}` begins with a double quote and is no JSON string")]
    Quotes(String),
    /// A pointer is malformed.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// A pointer has more than [`MAX_STEPS`] steps.
    #[error("a pointer has {MAX_STEPS} steps at most")]
    TooDeep,
    /// An operator that there is not, or a text that looks like one.
    #[error("there is no `==`, `<=` or `>=`; a text that begins with `=` stands in double quotes")]
    Operator,
    /// An array or an object.
    #[error("`{0}` is an array or an object; compared are numbers, texts, true, false and null")]
    NotScalar(String),
    /// `<` or `>` with what has no order.
    #[error("`<` and `>` compare numbers and texts; `{0}` is neither")]
    NoOrder(String),
}

impl Filter {
    /// Whether it wants every record.
    pub fn is_empty(&self) -> bool {
        self.keys.is_none() && self.headers.is_empty() && self.conditions.is_empty()
    }

    /// Wants only records with one of these keys, byte for byte; of none it makes no condition.
    ///
    /// # Errors
    /// [`FilterError::TooMany`] or [`FilterError::TooLong`].
    pub fn with_keys(mut self, keys: Vec<Bytes>) -> Result<Self, FilterError> {
        if !keys.is_empty() {
            self.keys = Some(Keys::Exact(values(keys)?));
        }
        Ok(self)
    }

    /// Wants only records whose key begins with one of these; of none it makes no condition.
    ///
    /// # Errors
    /// [`FilterError::TooMany`] or [`FilterError::TooLong`].
    pub fn with_key_prefixes(mut self, prefixes: Vec<Bytes>) -> Result<Self, FilterError> {
        if !prefixes.is_empty() {
            let mut prefixes = values(prefixes)?;
            // In order, so what begins with another one stands behind it.
            let mut last: Option<Bytes> = None;
            prefixes.retain(|prefix| {
                let covered = last.as_ref().is_some_and(|last| prefix.starts_with(last));
                if !covered {
                    last = Some(prefix.clone());
                }
                !covered
            });
            self.keys = Some(Keys::Prefixes(prefixes));
        }
        Ok(self)
    }

    /// Wants only records with a header of this name, exact in case, whose value is one of these. Of several headers of
    /// the name one is enough; null is no value.
    ///
    /// # Errors
    /// [`FilterError::HeaderName`], [`FilterError::TooManyHeaders`], [`FilterError::TooMany`] or [`FilterError::TooLong`].
    pub fn with_header(mut self, name: &str, wanted: Vec<Bytes>) -> Result<Self, FilterError> {
        if name.is_empty() || name.contains('\0') {
            return Err(FilterError::HeaderName);
        }
        if name.len() > MAX_TEXT_BYTES {
            return Err(FilterError::TooLong);
        }
        if self.headers.len() >= MAX_HEADERS && !self.headers.contains_key(name) {
            return Err(FilterError::TooManyHeaders);
        }
        self.headers.insert(name.to_owned(), values(wanted)?);
        Ok(self)
    }

    /// Wants only records that meet each of these conditions, in the form that [`Condition::parse`] reads.
    ///
    /// # Errors
    /// [`FilterError::TooMany`], or why one of them is no condition.
    pub fn with_conditions(mut self, texts: &[String]) -> Result<Self, FilterError> {
        if texts.len() > MAX_CONDITIONS {
            return Err(FilterError::TooMany(MAX_CONDITIONS));
        }
        self.conditions = texts.iter().map(|text| Condition::parse(text)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Whether it wants this record.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let record = subject.record();
        let key = match (&self.keys, record.key.as_deref()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Keys::Exact(keys)), Some(key)) => keys.contains(key),
            (Some(Keys::Prefixes(prefixes)), Some(key)) => {
                prefixes.iter().any(|prefix| key.starts_with(prefix))
            }
        };
        let has = |(name, wanted): (&String, &BTreeSet<Bytes>)| {
            let mut found = record.headers.iter().filter(|(found, _)| **found == **name);
            found.any(|(_, value)| value.as_ref().is_some_and(|value| wanted.contains(value)))
        };
        // The cheapest first: a value is parsed only where everything else is right.
        key && self.headers.iter().all(has)
            && self.conditions.iter().all(|condition| condition.holds(subject))
    }
}

fn values(given: Vec<Bytes>) -> Result<BTreeSet<Bytes>, FilterError> {
    if given.len() > MAX_VALUES {
        return Err(FilterError::TooMany(MAX_VALUES));
    }
    if given.iter().any(|value| value.len() > MAX_TEXT_BYTES) {
        return Err(FilterError::TooLong);
    }
    Ok(given.into_iter().collect())
}
