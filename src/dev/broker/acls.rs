//! Access control lists: there are none, and Kafka has words for that.

use super::{ApiKey, frame::Request};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{
        CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsResponse,
        create_acls_response::AclCreationResult, delete_acls_response::DeleteAclsFilterResult,
    },
    protocol::StrBytes,
};
use std::io;

const WHY: StrBytes = StrBytes::from_static_str("the embedded broker has no authorizer");

/// Answers an ACL request as a broker without an authorizer does: SECURITY_DISABLED.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when the request does not decode.
pub fn answer(request: &Request) -> io::Result<Bytes> {
    let code = ResponseError::SecurityDisabled.code();
    match request.api {
        ApiKey::CreateAcls => {
            let asked: CreateAclsRequest = request.read()?;
            let refusal = AclCreationResult::default().with_error_code(code).with_error_message(Some(WHY));
            let results = vec![refusal; asked.creations.len()];
            request.reply(&CreateAclsResponse::default().with_results(results))
        }
        ApiKey::DeleteAcls => {
            let asked: DeleteAclsRequest = request.read()?;
            let refusal =
                DeleteAclsFilterResult::default().with_error_code(code).with_error_message(Some(WHY));
            let results = vec![refusal; asked.filters.len()];
            request.reply(&DeleteAclsResponse::default().with_filter_results(results))
        }
        _ => {
            let response = DescribeAclsResponse::default().with_error_code(code);
            request.reply(&response.with_error_message(Some(WHY)))
        }
    }
}
