//! The body of a move: where a group is to stand in which topics. Whatever could be read in two ways is refused: a topic or
//! partition named twice, and `-5`, which elsewhere counts back from the end.

use crate::kafka::groups::Target;
use crate::record::{Start, TopicName, number};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};

/// Where a group is to stand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupTargets, example = json!({"topics": {"orders": "earliest", "payments": {"0": 120, "1": 77}}}))]
pub struct Wanted {
    #[schema(schema_with = targets)]
    topics: Topics,
}

/// The document's word for the topics.
fn targets() -> Object {
    let offset = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let target = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Integer, Type::Object]))
        .minimum(Some(0))
        .description(Some(
            "`earliest`; `latest`, the last stable offset; a time (RFC 3339 or epoch milliseconds), which is the first record \
             stamped then or later, or the same as `latest` where there is none; or an object with an offset for each \
             partition that is to be moved, from the log's beginning to its end.",
        ))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(Schema::from(offset)))));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Where the group is to stand, by topic."))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(Schema::from(target)))))
        .build()
}

/// Reads a body.
///
/// # Errors
/// Why it is none, and where it breaks.
pub fn parse(body: &[u8]) -> Result<BTreeMap<TopicName, Target>, String> {
    if body.trim_ascii_start().starts_with(b"[") {
        // serde would read its items as the fields in their order.
        return Err("an array where an object belongs, at line 1 column 1".to_owned());
    }
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if wanted.topics.0.is_empty() {
        return Err("it names no topic".to_owned());
    }
    Ok(wanted.topics.0)
}

/// Topics, each named once.
struct Topics(BTreeMap<TopicName, Target>);

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfTopics;

        impl<'de> Visitor<'de> for OfTopics {
            type Value = Topics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of topics")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Topics, A::Error> {
                let mut topics = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let topic = TopicName::parse(&name).map_err(A::Error::custom)?;
                    let Aim(target) = map.next_value()?;
                    if topics.insert(topic, target).is_some() {
                        return Err(A::Error::custom(format_args!("topic `{name}` is named twice")));
                    }
                }
                Ok(Topics(topics))
            }
        }

        deserializer.deserialize_map(OfTopics)
    }
}

/// A target in one of its forms.
struct Aim(Target);

impl<'de> Deserialize<'de> for Aim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfForms;

        impl<'de> Visitor<'de> for OfForms {
            type Value = Aim;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`earliest`, `latest`, a time, or an object with an offset for each partition")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Aim, E> {
                match Start::parse(text) {
                    Ok(Start::Earliest) => Ok(Aim(Target::Earliest)),
                    Ok(Start::Latest) => Ok(Aim(Target::Latest)),
                    Ok(Start::Time(time)) => Ok(Aim(Target::Time(time))),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: Error>(self, time: u64) -> Result<Aim, E> {
                let time = i64::try_from(time);
                time.map(|time| Aim(Target::Time(time))).map_err(|_| E::custom("a time that is too large"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Aim, A::Error> {
                let mut offsets = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let partition = number(&name).ok_or_else(|| {
                        A::Error::custom(format_args!("`{name}` is the number of no partition"))
                    })?;
                    let offset = i64::try_from(map.next_value::<u64>()?);
                    let offset = offset.map_err(|_| A::Error::custom("an offset that is too large"))?;
                    if offsets.insert(partition, offset).is_some() {
                        return Err(A::Error::custom(format_args!("partition {partition} is named twice")));
                    }
                }
                if offsets.is_empty() {
                    return Err(A::Error::custom("an object that names no partition"));
                }
                Ok(Aim(Target::Offsets(offsets)))
            }
        }

        deserializer.deserialize_any(OfForms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_target_is_read() {
        let body = br#"{"topics":{"a":"earliest","b":"latest","c":"1970-01-01T00:00:01Z","d":"1500","e":1500,
            "f":{"0":120,"12":0}}}"#;
        let read = parse(body).expect("a body");
        let read: Vec<_> = read.iter().map(|(topic, target)| (topic.as_str(), target.clone())).collect();
        let expected = [
            ("a", Target::Earliest),
            ("b", Target::Latest),
            ("c", Target::Time(1000)),
            ("d", Target::Time(1500)),
            ("e", Target::Time(1500)),
            ("f", Target::Offsets(BTreeMap::from([(0, 120), (12, 0)]))),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn anything_else_is_refused_with_where_it_breaks() {
        for (body, said) in [
            ("", "line 1 column"),
            ("null", "line 1 column"),
            ("[]", "line 1 column"),
            ("{}", "`topics`"),
            (r#"{"topics":{}}"#, "names no topic"),
            (r#"{"topics":{},"more":1}"#, "`more`"),
            (r#"{"topics":["a"]}"#, "an object of topics"),
            (r#"{"topics":{"a b":"earliest"}}"#, "not a topic name"),
            (r#"{"topics":{"a":"earliest","a":"latest"}}"#, "topic `a` is named twice"),
            (r#"{"topics":{"a":"first"}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":"-5"}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":"0:5"}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":-5}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":1.5}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":null}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":[5]}}"#, "`earliest`, `latest`"),
            (r#"{"topics":{"a":9223372036854775808}}"#, "too large"),
            (r#"{"topics":{"a":{}}}"#, "names no partition"),
            (r#"{"topics":{"a":{"x":1}}}"#, "`x` is the number of no partition"),
            (r#"{"topics":{"a":{"-1":1}}}"#, "`-1` is the number of no partition"),
            (r#"{"topics":{"a":{"4294967296":1}}}"#, "is the number of no partition"),
            (r#"{"topics":{"a":{"0":1,"00":2}}}"#, "partition 0 is named twice"),
            (r#"{"topics":{"a":{"0":-1}}}"#, "line 1 column"),
            (r#"{"topics":{"a":{"0":"1"}}}"#, "line 1 column"),
            (r#"{"topics":{"a":{"0":9223372036854775808}}}"#, "too large"),
        ] {
            let refused = parse(body.as_bytes()).expect_err(body);
            assert!(refused.contains(said), "{body}: {refused}");
        }
    }
}
