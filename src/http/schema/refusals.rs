//! Which operation is refused with which codes: one table, which becomes one response a status in the document.
//!
//! A code that a handler tells and that is missing here fails the test that met it.

use crate::http::error::{Code, code::*};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::IntoResponses;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};

/// Some codes that are told together.
type Codes = &'static [&'static Code];

/// What stands in front of every route.
const EVERY: Codes = &[INVALID_HEADER, CROSS_SITE, TARGET_TOO_LONG, HEADERS_TOO_LARGE, INTERNAL];

/// Room for the connection, which probes do not need.
const ROOM: Codes = &[TOO_MANY_CONNECTIONS, OVERLOADED];

/// A query, and a caller with rights.
const ASKED: Codes = &[UNKNOWN_PARAMETER, INVALID_PARAMETER, FORBIDDEN, TOO_MANY_CONNECTIONS, OVERLOADED];

/// Operations, where `listen.ops` gives them an address of their own.
const ELSEWHERE: Codes = &[NOT_FOUND];

/// A body.
const BODY: Codes = &[INVALID_BODY, BODY_TIMED_OUT];

/// A topic in the path.
const TOPICS: Codes = &[INVALID_TOPIC];

/// One topic in the path.
const ONE_TOPIC: Codes = &[INVALID_TOPIC, ONE_TOPIC_ONLY, TOPIC_NOT_FOUND];

/// A group in the path.
const GROUP: Codes = &[INVALID_GROUP, GROUP_NOT_FOUND];

/// A question to Kafka.
const KAFKA: Codes = &[REFUSED_BY_KAFKA, KAFKA_UNAVAILABLE, DELIVERY_TIMED_OUT];

/// A position to read from, and a reader.
const READING: Codes = &[INVALID_CURSOR, SELECTION_TOO_WIDE, TOPIC_NOT_FOUND, POSITION_LOST];

/// What a stream that was begun may tell in a `fault`.
const FAULTS: Codes = &[
    SELECTION_TOO_WIDE,
    REFUSED_BY_KAFKA,
    FORBIDDEN,
    TOPIC_NOT_FOUND,
    POSITION_LOST,
    VALUE_NOT_JSON,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_STREAMS,
    INTERNAL,
    OVERLOADED,
    KAFKA_UNAVAILABLE,
    NOT_READY,
    DELIVERY_TIMED_OUT,
];

macro_rules! refusals {
    ($($operation:ident: $($codes:expr),*;)*) => {
        $(
            #[doc = concat!("The refusals of `", stringify!($operation), "`.")]
            pub enum $operation {}

            impl IntoResponses for $operation {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    responses(&[EVERY, $($codes),*])
                }
            }
        )*
    };
}

refusals! {
    Produce: ASKED, ONE_TOPIC, KAFKA, BODY,
        &[PARTITION_OUT_OF_RANGE, RECORD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE];
    ReadPage: ASKED, TOPICS, KAFKA, READING, &[PARTITION_OUT_OF_RANGE, NOT_ACCEPTABLE, NOT_READY];
    OpenStream: ASKED, TOPICS, KAFKA, READING,
        &[PARTITION_OUT_OF_RANGE, NOT_ACCEPTABLE, NOT_READY, TOO_MANY_STREAMS, INVALID_GROUP, GROUP_SETTINGS_DIFFER];
    ReadRecord: ASKED, ONE_TOPIC, KAFKA,
        &[PARTITION_OUT_OF_RANGE, OFFSET_NOT_FOUND, OFFSET_EXPIRED, VALUE_NOT_JSON, NOT_READY];
    ListTopics: ASKED, KAFKA;
    DescribeTopic: ASKED, ONE_TOPIC, KAFKA;
    CreateTopic: ASKED, ONE_TOPIC, KAFKA, BODY, &[TOPIC_DIFFERS];
    DescribeCluster: ASKED, KAFKA;
    ListGroups: ASKED, KAFKA;
    DescribeGroup: ASKED, GROUP, KAFKA;
    DeleteGroup: ASKED, GROUP, KAFKA, &[GROUP_ACTIVE];
    MoveGroup: ASKED, GROUP, KAFKA, BODY,
        &[GROUP_ACTIVE, TOPIC_NOT_FOUND, PARTITION_OUT_OF_RANGE, OFFSET_OUT_OF_RANGE];
    PollGroup: ASKED, KAFKA, BODY,
        &[INVALID_GROUP, INVALID_TOPIC, INVALID_ID, TOPIC_NOT_FOUND, GROUP_SETTINGS_DIFFER, NOT_READY];
    Acknowledge: ASKED, BODY, &[INVALID_GROUP, INVALID_ID, FENCED];
    Alive: ELSEWHERE;
    Ready: ELSEWHERE, &[NOT_READY];
    Metrics: ELSEWHERE;
    Document: ROOM;
}

/// The names of the codes that a `fault` in a stream may tell.
pub fn faults() -> Vec<&'static str> {
    FAULTS.iter().map(|code| code.name).collect()
}

/// One response for each status that one of the codes has.
fn responses(groups: &[Codes]) -> BTreeMap<String, RefOr<Response>> {
    let told: BTreeSet<&str> = groups.iter().copied().flatten().map(|code| code.name).collect();
    let mut by_status: BTreeMap<String, Vec<&'static Code>> = BTreeMap::new();
    // In the order of the registry, whatever the order of the groups.
    for code in ALL.iter().filter(|code| told.contains(code.name)) {
        by_status.entry(code.status.to_string()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status, RefOr::T(response(&codes)))).collect()
}

fn response(codes: &[&'static Code]) -> Response {
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}", code.name, code.help)).collect();
    let examples = codes.iter().map(|code| {
        let place = format!("#/components/examples/{}", code.name);
        (code.name, RefOr::Ref(Ref::new(place)))
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let content = content.examples_from_iter(examples).build();
    let mut response = ResponseBuilder::new().description(lines.join("\n"));
    if codes.iter().any(|code| [429, 503].contains(&code.status)) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
        let header = HeaderBuilder::new().schema(Some(seconds));
        let header = header.description(Some("After how many seconds to try again.")).build();
        response = response.header("Retry-After", header);
    }
    response.content("application/problem+json", content).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response() {
        let responses = responses(&[&[TOPIC_NOT_FOUND, OVERLOADED], &[NOT_READY, OVERLOADED]]);
        assert_eq!(responses.keys().collect::<Vec<_>>(), ["404", "503"]);
        let RefOr::T(unavailable) = &responses["503"] else { panic!("it stands there in full") };
        let RefOr::T(content) = &unavailable.content["application/problem+json"] else { panic!("the same") };
        assert_eq!(content.examples.keys().collect::<Vec<_>>(), ["not_ready", "overloaded"]);
        assert!(unavailable.headers.contains_key("Retry-After"));
    }
}
