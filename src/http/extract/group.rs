//! The group that a path names.

use super::super::error::{ApiError, code};
use super::param;
use crate::record::GroupId;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;

/// `{group}`, as the document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document: the segment is taken from the path")]
pub struct GroupParameters {
    /// The group's id, percent-encoded: Kafka takes nearly any text, a slash (`%2F`) too.
    #[param(min_length = 1, example = "billing")]
    group: String,
}

/// The group that a path names by `{group}`.
pub struct Group(pub GroupId);

impl<S: Send + Sync> FromRequestParts<S> for Group {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        parse(&param(parts, state, "group", code::INVALID_GROUP).await?).map(Self)
    }
}

/// A group's id.
///
/// # Errors
/// 400 `invalid_group`.
pub fn parse(text: &str) -> Result<GroupId, ApiError> {
    GroupId::parse(text).map_err(|invalid| ApiError::new(code::INVALID_GROUP, invalid.to_string()))
}
