//! Which records are wanted, from a request's query: the same for streams and pages.
//!
//! The names of `header.<name>` are open, so OpenAPI has no parameter for them; the operations' descriptions tell it.

use super::super::error::ApiError;
use super::produce::decode_base64;
use super::query::{Query, brief, invalid};
use crate::record::Filter;
use bytes::Bytes;
use utoipa::IntoParams;

/// What the name of a parameter that asks for a record header begins with.
const HEADER: &str = "header.";

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
    let bytes = |texts: Vec<String>| texts.into_iter().map(Bytes::from).collect::<Vec<_>>();
    let (texts, base64) = (bytes(query.all("key")), query.all("key_base64"));
    let prefixes = bytes(query.all("key_prefix"));
    if [texts.is_empty(), base64.is_empty(), prefixes.is_empty()].iter().filter(|empty| !**empty).count() > 1
    {
        return Err(invalid("key", "only one of key, key_base64 and key_prefix may be given"));
    }
    let mut filter =
        Filter::default().with_key_prefixes(prefixes).map_err(|why| invalid("key_prefix", why))?;
    if base64.is_empty() {
        filter = filter.with_keys(texts).map_err(|why| invalid("key", why))?;
    } else {
        let keys: Result<Vec<_>, _> = base64.iter().map(|text| decode_base64(text)).collect();
        let keys = keys.map_err(|why| invalid("key_base64", why))?;
        filter = filter.with_keys(keys).map_err(|why| invalid("key_base64", why))?;
    }
    for (name, values) in query.under(HEADER, "header.<name>") {
        let asked = filter.with_header(&name, bytes(values));
        filter = asked.map_err(|why| invalid(&format!("{HEADER}{}", brief(&name)), why))?;
    }
    filter = filter.with_conditions(&query.all("where")).map_err(|why| invalid("where", why))?;
    Ok((!filter.is_empty()).then_some(filter))
}
