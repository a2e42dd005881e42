//! What handlers take in, validated: they never see a raw string. Each extractor refuses with an `ApiError`.

pub mod accept;
pub mod body;
pub mod filter;
pub mod group;
pub mod grouped;
pub mod manner;
pub mod produce;
pub mod query;
pub mod reading;
mod settings;
pub mod working;

use super::arrival::Arrival;
use super::error::{ApiError, Code, code};
use super::observe::id_of;
use crate::access::{Access, Action, Caller, Decision};
use crate::broadcast::Address;
use crate::group::Work;
use crate::record::{Selection, TopicName, number};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use std::convert::Infallible;
use tower_http::request_id::RequestId as NativeId;
use utoipa::IntoParams;

/// `{topics}` where it is a list, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document: the segment is taken from the path")]
pub struct TopicsParameters {
    /// Topics: names and patterns, separated by commas. In a pattern `*` stands for any characters; topics that Kafka keeps
    /// for itself (`__…`) are matched by none.
    #[param(pattern = "^[A-Za-z0-9._*-]+(,[A-Za-z0-9._*-]+)*$", example = "orders")]
    topics: String,
}

/// `{topics}` where it is one name, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document: the segment is taken from the path")]
pub struct OneTopicParameters {
    /// One topic, by its literal name: no list and no pattern.
    #[param(min_length = 1, max_length = 249, pattern = "^[A-Za-z0-9._-]+$", example = "orders")]
    topics: String,
}

/// `{partition}` and `{offset}`, as the document tells them.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document: the segments are taken from the path")]
pub struct AddressParameters {
    /// The partition.
    #[param(minimum = 0, example = 0)]
    partition: i32,
    /// The record's offset in the partition.
    #[param(minimum = 0, example = 1203)]
    offset: i64,
}

/// What makes an answer conditional, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the document: the header is taken where the tag is made")]
pub struct Condition {
    /// Tags that the client has already (RFC 9110, section 13.1.2).
    #[param(required = false, rename = "If-None-Match", example = "\"0wqIYyJ7Cm0\"")]
    if_none_match: String,
}

/// The topics that a path names by `{topics}`: a list whose members may be patterns.
pub struct Topics(pub Selection);

impl<S: Send + Sync> FromRequestParts<S> for Topics {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let selection = Selection::parse(&topics(parts, state).await?);
        selection.map(Self).map_err(|invalid| ApiError::new(code::INVALID_TOPIC, invalid.to_string()))
    }
}

/// The one topic that a path names by `{topics}`.
pub struct OneTopic(pub TopicName);

impl<S: Send + Sync> FromRequestParts<S> for OneTopic {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = topics(parts, state).await?;
        if text.contains([',', '*']) {
            let detail =
                format!("`{text}` is a list or a pattern; this request takes one literal topic name");
            return Err(ApiError::new(code::ONE_TOPIC_ONLY, detail));
        }
        let name = TopicName::parse(&text);
        name.map(Self).map_err(|invalid| ApiError::new(code::INVALID_TOPIC, invalid.to_string()))
    }
}

async fn topics<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, ApiError> {
    param(parts, state, "topics", code::INVALID_TOPIC).await
}

/// A segment of the path, by its name in the route; `invalid` is the code of one that no name can be.
pub async fn param<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
    invalid: &'static Code,
) -> Result<String, ApiError> {
    // Fails for a path that is not UTF-8 when decoded, which no name in Kafka is.
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|rejection| ApiError::new(invalid, rejection.body_text()))?;
    Ok(params.iter().find(|(found, _)| *found == name).map_or("", |(_, text)| text).to_owned())
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let OneTopic(topic) = OneTopic::from_request_parts(parts, state).await?;
        let partition = param(parts, state, "partition", code::INVALID_TOPIC).await?;
        let partition = number(&partition).ok_or_else(|| query::invalid("partition", "it is no number"))?;
        let offset = param(parts, state, "offset", code::INVALID_TOPIC).await?;
        let offset = number(&offset).ok_or_else(|| query::invalid("offset", "it is no number"))?;
        Ok(Self { topic, partition, offset })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Caller::Anonymous)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Arrival::of(&parts.extensions))
    }
}

/// The request's id.
pub struct RequestId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(id_of(parts.extensions.get::<NativeId>())))
    }
}

/// Refuses what the rules do not let `caller` do.
///
/// # Errors
/// 403 `forbidden`.
pub fn authorise(access: &Access, caller: &Caller, action: Action<'_>) -> Result<(), ApiError> {
    match access.decide(caller, action) {
        Decision::Allow => Ok(()),
        Decision::Deny => Err(ApiError::new(code::FORBIDDEN, format!("{caller} may not do this"))),
    }
}

/// Refuses a selection of which `caller` may not read every part.
///
/// # Errors
/// 403 `forbidden`.
pub fn authorise_reading(access: &Access, caller: &Caller, topics: &Selection) -> Result<(), ApiError> {
    let literals = topics.literals().iter().map(Action::Read);
    let patterns = topics.patterns().iter().map(|pattern| Action::ReadMatching(pattern));
    literals.chain(patterns).try_for_each(|action| authorise(access, caller, action))
}

/// Refuses a group's work of which `caller` may not do every part: join it, read its topics, and give up what it gives up.
///
/// # Errors
/// 403 `forbidden`.
pub fn authorise_work(access: &Access, caller: &Caller, work: &Work) -> Result<(), ApiError> {
    authorise(access, caller, Action::JoinGroup(&work.group))?;
    let reads = work.topics.iter().map(Action::Read);
    let produces = work.delivery.dead_letter.iter().map(Action::Produce);
    reads.chain(produces).try_for_each(|action| authorise(access, caller, action))
}
