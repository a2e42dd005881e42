//! Which records are wanted: one rule for the queries of streams and pages, and for the bodies of groups' polls.
//!
//! The names of `header.<name>` are open, so OpenAPI has no parameter for them; the operations' descriptions tell it.

use super::super::error::ApiError;
use super::produce::decode_base64;
use super::query::{Query, brief, invalid};
use crate::record::Filter;
use bytes::Bytes;
use std::fmt::Display;
use utoipa::IntoParams;

/// What the name of a parameter, or of a body's member, that asks for a record header begins with.
pub const HEADER: &str = "header.";

/// The parameters that [`filter`] takes, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document: the values are taken one by one")]
pub struct FilterParameters {
    /// Only records with this key, as text; repeated, up to 100 times, with one of these. The null key is none of them. Of
    /// `key`, `key_base64` and `key_prefix` one may be given. No text of a filter is longer than 1024 bytes.
    #[param(required = false, max_items = 100, example = json!(["c-17"]))]
    key: Vec<String>,
    /// The same with keys of any bytes, in base64 of either alphabet, padded or not.
    #[param(required = false, max_items = 100, example = json!(["Yy0xNw=="]))]
    key_base64: Vec<String>,
    /// Only records whose key begins with this text; repeated, up to 100 times, with one of these.
    #[param(required = false, max_items = 100, example = json!(["c-"]))]
    key_prefix: Vec<String>,
    /// Only records whose value is JSON of at most 1 MiB and meets this condition; of up to four, each of them:
    /// `/json/pointer=value`, `!=`, `<`, `>`, or `exists(/json/pointer)`.
    ///
    /// The pointer (RFC 6901, at most 16 steps) ends at the first of these signs; one with such a character in a name stands in
    /// double quotes. What follows is JSON where it is a number, a string in double quotes, `true`, `false` or `null`, else
    /// text. Numbers compare exactly, whatever their size and form; `<` and `>` compare numbers with numbers, and texts with
    /// texts by code point. A member that is not there meets nothing, not even `!=`; one of another type meets only `!=`.
    #[param(required = false, max_items = 4, example = json!(["/total>100"]))]
    r#where: Vec<String>,
}

/// Takes from `query` which records are wanted; `None` is all.
///
/// # Errors
/// When a parameter has a value it cannot have, or two contradict each other.
pub fn filter(query: &mut Query) -> Result<Option<Filter>, ApiError> {
    let wanted = Wanted {
        keys: query.all("key"),
        keys_base64: query.all("key_base64"),
        key_prefixes: query.all("key_prefix"),
        headers: query.under(HEADER, "header.<name>").into_iter().collect(),
        conditions: query.all("where"),
    };
    wanted.filter(|name, why| invalid(name.unwrap_or("key"), why))
}

/// What a request asks of the records that it wants, as it was written.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Keys, as text.
    pub keys: Vec<String>,
    /// Keys, in base64.
    pub keys_base64: Vec<String>,
    /// What keys begin with.
    pub key_prefixes: Vec<String>,
    /// The values of record headers, by name.
    pub headers: Vec<(String, Vec<String>)>,
    /// Conditions on the value.
    pub conditions: Vec<String>,
}

impl Wanted {
    /// The filter that lets through what is wanted; `None` is all.
    ///
    /// # Errors
    /// What `refuse` makes of the reason, and of the name of what has a value it cannot have; of no name where two contradict
    /// each other.
    pub fn filter(
        self,
        refuse: impl Fn(Option<&str>, &dyn Display) -> ApiError,
    ) -> Result<Option<Filter>, ApiError> {
        let of = |name: &'static str| {
            let refuse = &refuse;
            move |why| refuse(Some(name), &why)
        };
        let bytes = |texts: Vec<String>| texts.into_iter().map(Bytes::from).collect::<Vec<_>>();
        let given = [&self.keys, &self.keys_base64, &self.key_prefixes];
        if given.iter().filter(|texts| !texts.is_empty()).count() > 1 {
            return Err(refuse(None, &"only one of key, key_base64 and key_prefix may be given"));
        }
        let (name, keys) = if self.keys_base64.is_empty() {
            ("key", bytes(self.keys))
        } else {
            let decoded = self.keys_base64.iter().map(|text| decode_base64(text)).collect::<Result<_, _>>();
            ("key_base64", decoded.map_err(|why| refuse(Some("key_base64"), &why))?)
        };
        let filter =
            Filter::default().with_key_prefixes(bytes(self.key_prefixes)).map_err(of("key_prefix"))?;
        let mut filter = filter.with_keys(keys).map_err(of(name))?;
        for (name, values) in self.headers {
            let asked = filter.with_header(&name, bytes(values));
            filter = asked.map_err(|why| refuse(Some(&format!("{HEADER}{}", brief(&name))), &why))?;
        }
        let filter = filter.with_conditions(&self.conditions).map_err(of("where"))?;
        Ok((!filter.is_empty()).then_some(filter))
    }
}
