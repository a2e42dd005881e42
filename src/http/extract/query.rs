//! The query string, taken parameter by parameter; what nobody took is an error that names what could be taken.
//!
//! Percent-encoded bytes must be UTF-8: a decoder that puts U+FFFD in their place would change a key in silence.

use super::super::error::{ApiError, code};
use crate::record::{duration, number};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// The parameters not yet taken, and the names that were asked for.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        Ok(Self { pairs: pairs.collect::<Result<_, ApiError>>()?, known: Vec::new() })
    }

    /// Every value of a parameter that may be repeated, in order.
    pub fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) = std::mem::take(&mut self.pairs).into_iter().partition(|(n, _)| n == name);
        self.pairs = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Every value of the parameters whose names begin with `prefix`, by what follows in the name, in order of it. In a
    /// refusal they stand as `known`.
    pub fn under(&mut self, prefix: &str, known: &'static str) -> BTreeMap<String, Vec<String>> {
        self.known.push(known);
        let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
        self.pairs.retain_mut(|(name, value)| match name.strip_prefix(prefix) {
            Some(rest) => {
                taken.entry(rest.to_owned()).or_default().push(std::mem::take(value));
                false
            }
            None => true,
        });
        taken
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    /// When it is given more than once.
    pub fn one(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(invalid(name, "it may be given once"));
        }
        Ok(values.pop())
    }

    /// A parameter read by `parse`.
    ///
    /// # Errors
    /// When it is given more than once, or `parse` refuses it.
    pub fn parsed<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ApiError> {
        let value = self.one(name)?;
        value.map(|value| parse(&value).map_err(|reason| invalid(name, reason))).transpose()
    }

    /// A parameter with a word for each meaning.
    ///
    /// # Errors
    /// When it is none of the words.
    pub fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, ApiError> {
        self.parsed(name, |value| among(value, words))
    }

    /// A parameter that is `true` or `false`, and false when it is not given.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, ApiError> {
        Ok(self.word(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// A duration with its unit, between `least` and `most`.
    ///
    /// # Errors
    /// When it has another form, or lies outside.
    pub fn duration(
        &mut self,
        name: &'static str,
        (least, most): (Duration, Duration),
    ) -> Result<Option<Duration>, ApiError> {
        self.parsed(name, |value| {
            let given = duration::parse(value).map_err(|error| error.to_string())?;
            if (least..=most).contains(&given) {
                return Ok(given);
            }
            let bounds = (duration::Text(least), duration::Text(most));
            Err(format!("`{value}` is not between {} and {}", bounds.0, bounds.1))
        })
    }

    /// A number within `bounds`, written in digits alone.
    ///
    /// # Errors
    /// When it is none, or lies outside.
    pub fn count(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        self.parsed(name, |value| {
            let number = number(value).filter(|number| bounds.contains(number));
            let (least, most) = (bounds.start(), bounds.end());
            number.ok_or_else(|| format!("`{}` is no number between {least} and {most}", brief(value)))
        })
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When a parameter is left that nobody took.
    pub fn finish(self) -> Result<(), ApiError> {
        let Some((name, _)) = self.pairs.first() else {
            return Ok(());
        };
        let known = if self.known.is_empty() {
            "it takes none".to_owned()
        } else {
            format!("it knows {}", self.known.join(", "))
        };
        let detail = format!("`{}` is no parameter of this request; {known}", brief(name));
        Err(ApiError::new(code::UNKNOWN_PARAMETER, detail))
    }
}

/// A refusal of a parameter's value.
pub fn invalid(name: &str, reason: impl Display) -> ApiError {
    ApiError::new(code::INVALID_PARAMETER, format!("{name}: {reason}"))
}

/// What a word means, of those that there are.
///
/// # Errors
/// When it is none of them: a reason that names all.
pub fn among<T: Copy>(given: &str, words: &[(&'static str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning);
    let list = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("`{}` is none of {}", brief(given), list()))
}

/// The beginning of a caller's text, for a message.
pub fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(Into::into).map_err(|_| {
        let detail = format!("`{}` is not UTF-8 when decoded; send bytes as base64", brief(text));
        ApiError::new(code::INVALID_PARAMETER, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text).expect("UTF-8")
    }

    #[test]
    fn parameters_are_decoded_and_kept_in_order() {
        let mut query = query("header=a%3Ab&key=x+y%2Bz&header=c&empty&&e=");
        assert_eq!(query.all("header"), ["a:b", "c"]);
        assert_eq!(query.one("key").expect("once"), Some("x y+z".to_owned()));
        assert_eq!(query.one("empty").expect("once"), Some(String::new()));
        assert_eq!(query.one("e").expect("once"), Some(String::new()));
        assert_eq!(query.one("none").expect("not given"), None);
        assert!(query.finish().is_ok());
    }

    #[test]
    fn parameters_of_open_names_are_taken_by_what_follows_a_prefix() {
        let mut query = query("header.b=1&header.a%2Fx=2&header=3&header.b=4&header.=5");
        let taken = query.under("header.", "header.<name>");
        let taken: Vec<_> =
            taken.iter().map(|(name, values)| format!("{name}:{}", values.join(","))).collect();
        assert_eq!(taken, [":5", "a/x:2", "b:1,4"]);
        let detail = query.finish().expect_err("one is left").detail().to_owned();
        assert_eq!(detail, "`header` is no parameter of this request; it knows header.<name>");
    }

    #[test]
    fn what_nobody_took_is_named_with_what_could_be() {
        let mut query = query("kye=1");
        query.one("key").expect("not given");
        let error = query.finish().expect_err("a misspelling");
        assert_eq!(error.code(), code::UNKNOWN_PARAMETER);
        assert_eq!(error.detail(), "`kye` is no parameter of this request; it knows key");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_not_replaced() {
        assert_eq!(Query::parse("key=%FF").expect_err("not UTF-8").code(), code::INVALID_PARAMETER);
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert!(query("key=1&key=1").one("key").is_err());
    }

    #[test]
    fn durations_need_a_unit_and_have_bounds() {
        let bounds = (Duration::from_secs(5), Duration::from_secs(60));
        assert_eq!(query("h=20s").duration("h", bounds).expect("good"), Some(Duration::from_secs(20)));
        for bad in ["h=20", "h=4s", "h=2m", "h=x", "h="] {
            assert!(query(bad).duration("h", bounds).is_err(), "{bad}");
        }
    }
}
