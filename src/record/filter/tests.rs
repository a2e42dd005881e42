//! What filters want, by tables; that they have one form; and that no text and no bytes make them panic.

use super::*;
use crate::record::{Header, Record, TopicName};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

fn record(key: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)], value: Option<&[u8]>) -> Record {
    let bytes = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let header = |(name, value): &(&str, Option<&[u8]>)| -> Header { ((*name).into(), value.map(bytes)) };
    Record {
        topic: TopicName::parse("t").expect("a legal name"),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: key.map(bytes),
        value: value.map(bytes),
        headers: headers.iter().map(header).collect(),
    }
}

fn texts(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

fn conditions(texts: &[&str]) -> Filter {
    let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
    Filter::default().with_conditions(&texts).unwrap_or_else(|error| panic!("{texts:?}: {error}"))
}

fn meets(value: &str, condition: &str) -> bool {
    let record = record(None, &[], Some(value.as_bytes()));
    conditions(&[condition]).matches(&Subject::new(&record))
}

fn hash(filter: &Filter) -> u64 {
    let mut hasher = DefaultHasher::new();
    filter.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_key_is_one_of_those_given_or_begins_with_one() {
    let exact = Filter::default().with_keys(texts(&["c-17", "", "null"])).expect("a filter");
    let prefixed = Filter::default().with_key_prefixes(texts(&["c-", "d"])).expect("a filter");
    let any = Filter::default().with_key_prefixes(texts(&[""])).expect("a filter");
    for (key, by_exact, by_prefix, by_any) in [
        (Some(&b"c-17"[..]), true, true, true),
        (Some(b"c-170"), false, true, true),
        (Some(b"c"), false, false, true),
        (Some(b"d"), false, true, true),
        (Some(b"C-17"), false, false, true),
        (Some(b""), true, false, true),
        (Some(b"c-\xff"), false, true, true),
        (Some(b"null"), true, false, true),
        (None, false, false, false),
    ] {
        let record = record(key, &[], None);
        let wants = [&exact, &prefixed, &any].map(|filter| filter.matches(&Subject::new(&record)));
        assert_eq!(wants, [by_exact, by_prefix, by_any], "{key:?}");
    }
}

#[test]
fn each_header_has_one_of_its_values() {
    let filter = Filter::default().with_header("trace", texts(&["a", "b"])).expect("a filter");
    let filter = filter.with_header("kind", texts(&[""])).expect("a filter");
    let (a, b, c, empty) = (Some(&b"a"[..]), Some(&b"b"[..]), Some(&b"c"[..]), Some(&b""[..]));
    for (headers, wanted) in [
        (&[("trace", a), ("kind", empty)][..], true),
        (&[("kind", empty), ("trace", c), ("trace", b)], true),
        (&[("trace", a), ("kind", None), ("kind", empty)], true),
        (&[("trace", a), ("kind", None)], false),
        (&[("trace", a), ("kind", a)], false),
        (&[("trace", c), ("kind", empty)], false),
        (&[("Trace", a), ("kind", empty)], false),
        (&[("trace", a)], false),
        (&[], false),
    ] {
        let record = record(None, headers, None);
        assert_eq!(filter.matches(&Subject::new(&record)), wanted, "{headers:?}");
    }
}

/// A value with one of everything.
const VALUE: &str = r#"{"n":12.50,"big":9007199254740993,"huge":1e400,"t":"12.5","s":"a\u00e9\ud83d\ude00","empty":"","yes":true,
        "none":null,"o":{"a/b":{"~":[10,{"x":1}]}},"a=b":1,"x!":2,"\"":3,"":4,"odd":"\ud800","twice":1,"twice":2}"#;

/// Conditions, and whether that value meets them.
const ASKED: &[(&str, bool)] = &[
    ("/n=12.5", true),
    ("/n=125e-1", true),
    ("/n=\"12.5\"", false),
    ("/n=12.500000000000000000000001", false),
    ("/n!=12.5", false),
    ("/n!=12.6", true),
    ("/n!=\"12.5\"", true),
    ("/n>12", true),
    ("/n>12.5", false),
    ("/n<13", true),
    ("/n<\"13\"", false),
    ("/big=9007199254740993", true),
    ("/big=9007199254740992", false),
    ("/big>9007199254740992.5", true),
    ("/huge>1e399", true),
    ("/huge=10e399", true),
    ("/t=12.5", false),
    ("/t=\"12.5\"", true),
    ("/t>12", false),
    ("/t>\"12\"", true),
    ("/t<n", true),
    ("/s=a\u{e9}\u{1f600}", true),
    ("/s=\"a\\u00e9\\ud83d\\ude00\"", true),
    ("/s>a\u{e9}\u{ffff}", true),
    ("/empty=", true),
    ("/empty!=", false),
    ("/n!=", true),
    ("/yes=true", true),
    ("/yes=\"true\"", false),
    ("/yes!=false", true),
    ("/none=null", true),
    ("/none!=null", false),
    ("/none!=1", true),
    ("exists(/none)", true),
    ("/o/a~1b/~0/0=10", true),
    ("/o/a~1b/~0/1/x=1", true),
    ("/o/a~1b/~0/2=10", false),
    ("/o/a~1b/~0/00=10", false),
    ("/o/a~1b/~0/-=10", false),
    ("exists(/o/a~1b/~0/1)", true),
    ("/o!=1", true),
    ("/o<1", false),
    ("\"/a=b\"=1", true),
    ("exists(/a=b)", true),
    ("exists(\"/a=b\")", true),
    ("\"/x!\"=2", true),
    ("/\"=3", true),
    ("/=4", true),
    ("exists(/odd)", true),
    ("/odd!=x", true),
    ("/odd=x", false),
    ("/twice=2", true),
    ("/missing=1", false),
    ("/missing!=1", false),
    ("/missing<1", false),
    ("/missing=null", false),
    ("exists(/missing)", false),
    ("exists(/n/x)", false),
    ("exists()", true),
    ("=1", false),
];

#[test]
fn a_value_is_asked_by_what_its_pointer_leads_to() {
    for (condition, wanted) in ASKED {
        assert_eq!(meets(VALUE, condition), *wanted, "{condition}");
    }
    assert!(meets(" 7 ", "=7") && meets("\"a\"", "=a") && meets("[0]", "/0=0") && meets("null", "=null"));
}

#[test]
fn what_is_no_json_meets_no_condition() {
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    for value in
        [Some(&b"no json"[..]), Some(b""), Some(b"{\"a\":1"), Some(b"\xff"), Some(deep.as_bytes()), None]
    {
        for condition in ["exists()", "!=1", "=", "/a!=2"] {
            let record = record(None, &[], value);
            assert!(!conditions(&[condition]).matches(&Subject::new(&record)), "{condition} {value:?}");
        }
    }
}

#[test]
fn a_value_that_is_too_large_is_not_looked_into() {
    let value = |bytes: usize| format!("{{\"a\":1,\"b\":\"{}\"}}", "x".repeat(bytes - 14));
    assert_eq!(value(MAX_VALUE_BYTES).len(), MAX_VALUE_BYTES);
    assert!(meets(&value(MAX_VALUE_BYTES), "/a=1"));
    assert!(!meets(&value(MAX_VALUE_BYTES + 1), "/a=1"));
}

#[test]
fn each_condition_must_be_met_and_the_key_too() {
    let filter = conditions(&["/a>1", "/a<3", "/b=x"]).with_keys(texts(&["k"])).expect("a filter");
    for (key, value, wanted) in [
        ("k", r#"{"a":2,"b":"x"}"#, true),
        ("k", r#"{"a":3,"b":"x"}"#, false),
        ("k", r#"{"a":2}"#, false),
        ("l", r#"{"a":2,"b":"x"}"#, false),
    ] {
        let record = record(Some(key.as_bytes()), &[], Some(value.as_bytes()));
        assert_eq!(filter.matches(&Subject::new(&record)), wanted, "{key} {value}");
    }
    assert!(Filter::default().is_empty() && !filter.is_empty());
    assert!(Filter::default().matches(&Subject::new(&record(None, &[], None))));
}

#[test]
fn a_value_is_parsed_once_whoever_asks() {
    let record = record(None, &[], Some(br#"{"a":{"b":1},"c":2}"#));
    let subject = Subject::new(&record);
    assert!(conditions(&["/a/b=1"]).matches(&subject));
    let steps = ["a".to_owned()];
    let first = subject.value().and_then(|value| value.at(&steps)).expect("a member");
    assert!(conditions(&["/a/b<2", "/c=2"]).matches(&subject));
    let again = subject.value().and_then(|value| value.at(&steps)).expect("a member");
    assert!(std::ptr::eq(first, again) && std::ptr::eq(first.content(), again.content()));
}

#[test]
fn what_is_no_condition_is_refused_with_its_reason() {
    let long = format!("/a={}", "x".repeat(MAX_TEXT_BYTES));
    let deep = format!("exists({})", "/a".repeat(MAX_STEPS + 1));
    for (text, part) in [
        ("", "none of"),
        ("/a", "none of"),
        ("exists(/a", "none of"),
        ("\"/a\"", "none of"),
        ("\"/a\"?1", "none of"),
        ("a=1", "not a JSON pointer"),
        ("/~2=1", "not a JSON pointer"),
        ("exists(a)", "not a JSON pointer"),
        ("\"/a=1", "no JSON string"),
        ("/a=\"x", "no JSON string"),
        ("/a=\"\\ud800\"", "no JSON string"),
        ("/a==1", "there is no"),
        ("/a<=1", "there is no"),
        ("/a>=1", "there is no"),
        ("/a=[1]", "an array or an object"),
        ("/a={}", "an array or an object"),
        ("/a<true", "neither"),
        ("/a>null", "neither"),
        (long.as_str(), "longer than 1024"),
        (deep.as_str(), "16 steps"),
    ] {
        let error = Condition::parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_filter_is_bounded() {
    let many = |count: usize| (0..count).map(|n| Bytes::from(n.to_string())).collect::<Vec<_>>();
    let filter = Filter::default;
    assert!(filter().with_keys(many(MAX_VALUES)).is_ok());
    assert_eq!(filter().with_keys(many(MAX_VALUES + 1)), Err(FilterError::TooMany(MAX_VALUES)));
    assert_eq!(filter().with_key_prefixes(many(MAX_VALUES + 1)), Err(FilterError::TooMany(MAX_VALUES)));
    assert_eq!(filter().with_header("a", many(MAX_VALUES + 1)), Err(FilterError::TooMany(MAX_VALUES)));
    let long = vec![Bytes::from(vec![b'x'; MAX_TEXT_BYTES + 1])];
    assert_eq!(filter().with_keys(long.clone()), Err(FilterError::TooLong));
    assert_eq!(filter().with_header("a", long), Err(FilterError::TooLong));
    assert_eq!(filter().with_header(&"a".repeat(MAX_TEXT_BYTES + 1), many(1)), Err(FilterError::TooLong));
    for name in ["", "a\0"] {
        assert_eq!(filter().with_header(name, many(1)), Err(FilterError::HeaderName));
    }
    let named =
        |count: usize| (0..count).try_fold(filter(), |filter, n| filter.with_header(&n.to_string(), many(1)));
    assert!(named(MAX_HEADERS).is_ok());
    assert_eq!(named(MAX_HEADERS + 1), Err(FilterError::TooManyHeaders));
    let five = vec!["/a=1".to_owned(); MAX_CONDITIONS + 1];
    assert_eq!(filter().with_conditions(&five), Err(FilterError::TooMany(MAX_CONDITIONS)));
}

#[test]
fn filters_that_want_the_same_are_equal() {
    let ab = Filter::default().with_keys(texts(&["a", "b"])).expect("a filter");
    let ba = Filter::default().with_keys(texts(&["b", "a", "b"])).expect("a filter");
    let ab_prefixes = Filter::default().with_key_prefixes(texts(&["a", "b"])).expect("a filter");
    let covered =
        Filter::default().with_key_prefixes(texts(&["b", "ab", "abc", "a", "a"])).expect("a filter");
    assert_eq!((&ab, &ab_prefixes), (&ba, &covered));
    assert_ne!(ab, ab_prefixes);
    let conditions =
        [["/a=1", "/b<\"x\""], ["/b<x", "/a=1.0"], ["/b<x", "\"/a\"=10e-1"]].map(|c| conditions(&c));
    assert_eq!(HashSet::from(conditions).len(), 1);
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c0-3]{0,2}".prop_map(Value::from),
    ]
}

/// JSON of a kind that people write, of which serde_json's own model loses nothing.
fn any_json() -> impl Strategy<Value = Value> {
    any_scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c~/]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn a_condition_says_what_serde_says(
        value in any_json(), pointer in "(/(a|b|c|~0|~1|0|1)){0,3}", literal in any_scalar()
    ) {
        let (text, found) = (value.to_string(), value.pointer(&pointer));
        prop_assert_eq!(meets(&text, &format!("exists({pointer})")), found.is_some());
        prop_assert_eq!(meets(&text, &format!("{pointer}={literal}")), found == Some(&literal));
        prop_assert_eq!(
            meets(&text, &format!("{pointer}!={literal}")),
            found.is_some_and(|found| *found != literal)
        );
        let order = match (found, &literal) {
            (Some(Value::Number(a)), Value::Number(b)) => a.as_i64().partial_cmp(&b.as_i64()),
            (Some(Value::String(a)), Value::String(b)) => a.partial_cmp(b),
            _ => None,
        };
        if literal.is_number() || literal.is_string() {
            let less = meets(&text, &format!("{pointer}<{literal}"));
            prop_assert_eq!(less, order == Some(std::cmp::Ordering::Less));
            let greater = meets(&text, &format!("{pointer}>{literal}"));
            prop_assert_eq!(greater, order == Some(std::cmp::Ordering::Greater));
        }
    }

    #[test]
    fn no_text_and_no_bytes_make_it_panic(
        text in "\\PC*|(exists\\()?\"?(/[a~01\"!]{0,2}){0,3}[\"!=<>)]{0,3}[-0-9.e\"a\\\\]{0,6}",
        value in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "\\PC*".prop_map(String::into_bytes)],
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..4)),
    ) {
        let record = record(key.as_deref(), &[], Some(&value));
        if let Ok(filter) = Filter::default().with_conditions(&[text]) {
            filter.matches(&Subject::new(&record));
        }
    }

    #[test]
    fn the_order_and_repeats_of_parts_do_not_matter(
        keys in prop::collection::vec("[ab]{0,3}", 1..8), seed in any::<usize>()
    ) {
        let bytes = |keys: &[String]| keys.iter().map(|key| Bytes::from(key.clone())).collect::<Vec<_>>();
        let mut other = keys.clone();
        other.rotate_left(seed % keys.len());
        other.push(keys[seed % keys.len()].clone());
        for with in [Filter::with_keys, Filter::with_key_prefixes] {
            let one = with(Filter::default(), bytes(&keys)).expect("a filter");
            let two = with(Filter::default(), bytes(&other)).expect("a filter");
            prop_assert_eq!(hash(&one), hash(&two));
            prop_assert_eq!(one, two);
        }
        // Dropping covered prefixes changes nothing of what is wanted.
        let filter = Filter::default().with_key_prefixes(bytes(&keys)).expect("a filter");
        for key in ["", "a", "b", "ab", "ba", "abb", "aab", "bbb", "abab"] {
            let wanted = keys.iter().any(|prefix| key.starts_with(prefix.as_str()));
            let record = record(Some(key.as_bytes()), &[], None);
            prop_assert_eq!(filter.matches(&Subject::new(&record)), wanted, "{}", key);
        }
    }
}
