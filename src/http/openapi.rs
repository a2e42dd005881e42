//! The OpenAPI document, made of the router that serves the requests, so it can have no route more or less.
//!
//! It needs neither Kafka nor a configuration. Handlers say what is their own; what holds for every operation is added
//! here: the request's id, and an example of every problem. `openapi/v1.json` is this document, and a test compares.
//! Absent: `/docs` and other pages for people.

mod plain;
pub mod ui;

use super::error::{ApiError, code};
use super::reply::tag;
use super::router;
use super::schema::{record, refusals, stream};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{
    Components, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response as Described, Type,
    example::ExampleBuilder,
};

/// What stands above the operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Sluicegate",
        description = "An HTTP and server-sent-events gateway to Apache Kafka.\n\n\
            JSON is snake_case; record times are epoch milliseconds, and inputs take RFC 3339 too. A duration is an \
            integer with its unit: `250ms`, `20s`, `15m`, `24h`, or `0`. A query parameter that an operation does not \
            know is refused, and the refusal names those it knows. Every refusal is a problem (RFC 9457): branch on \
            its `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(()),
    servers((url = "/", description = "The gateway that serves this document.")),
    tags(
        (name = "records", description = "Putting records in and taking them out."),
        (name = "topics", description = "Which topics there are, and making one."),
        (name = "groups", description = "Working topics off in groups; how consumer groups stand, and moving or deleting those without members."),
        (name = "cluster", description = "The brokers behind the gateway."),
        (name = "operations", description = "For whoever runs the gateway."),
    ),
    components(schemas(
        record::Record, stream::StreamEvents, stream::StreamLine, super::error::Problem<'static>,
    )),
)]
struct Base;

/// The document as it is served and committed: pretty, in an order that never changes by itself.
static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
    let mut document = serde_json::to_value(document()).expect("the document is texts and numbers");
    plain::plainly(&mut document);
    let mut text = serde_json::to_string_pretty(&document).expect("JSON is text");
    text.push('\n');
    text.into()
});

/// The document's text.
pub fn text() -> &'static str {
    std::str::from_utf8(&TEXT).expect("JSON is UTF-8")
}

/// The document.
fn document() -> OpenApi {
    let (_, routes) = router::documented().split_for_parts();
    let mut document = Base::openapi();
    document.merge(routes);
    let components = document.components.get_or_insert_with(Components::new);
    let mut told = BTreeSet::new();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
            .into_iter()
            .flatten()
        {
            complete(operation, &mut told);
        }
    }
    add_request_id(components);
    for code in code::ALL.iter().filter(|code| told.contains(code.name)) {
        let problem = ApiError::new(code, code.help).problem("01987e5e-6b1c-7c60-8d9b-0f9f3d6a2c11");
        let problem: Value = serde_json::from_str(&problem).expect("a problem is JSON");
        let example = ExampleBuilder::new().summary(code.title).value(Some(problem)).build();
        components.examples.insert(code.name.to_owned(), RefOr::T(example));
    }
    document
}

const REQUEST_ID: &str = "X-Request-Id";

/// Adds to an operation what all have, and to `told` the codes of its refusals.
fn complete(operation: &mut Operation, told: &mut BTreeSet<String>) {
    let parameters = operation.parameters.get_or_insert_with(Vec::new);
    for parameter in parameters.iter_mut() {
        let RefOr::T(parameter) = parameter else { continue };
        // The derive says that a parameter is not deprecated, which goes without saying.
        parameter.deprecated = None;
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        // None is needed: that of a record is then its empty value.
        body.required = None;
    }
    parameters.push(RefOr::Ref(Ref::new(format!("#/components/parameters/{REQUEST_ID}"))));
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let header = Ref::new(format!("#/components/headers/{REQUEST_ID}"));
        response.headers.insert(REQUEST_ID.to_owned(), RefOr::Ref(header));
        told.extend(codes(response));
    }
}

/// The codes of a refusal.
fn codes(response: &Described) -> impl Iterator<Item = String> {
    let problem = response.content.get("application/problem+json");
    let examples = problem.into_iter().filter_map(|content| match content {
        RefOr::T(content) => Some(content.examples.keys().cloned()),
        RefOr::Ref(_) => None,
    });
    examples.flatten()
}

fn add_request_id(components: &mut Components) {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let parameter = ParameterBuilder::new()
        .name(REQUEST_ID)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "An id for the request. One that is longer than 128 bytes, or more than visible ASCII, is replaced.",
        ))
        .schema(Some(text().build()))
        .build();
    components.parameters.insert(REQUEST_ID.to_owned(), RefOr::T(parameter));
    let header = HeaderBuilder::new().schema(Some(text().max_length(Some(128)).build())).description(Some(
        "The request's id: the one that was brought, or else a new one. The gateway's log has it.",
    ));
    components.headers.insert(REQUEST_ID.to_owned(), RefOr::T(header.build()));
}

/// This document
///
/// What the gateway can be asked, in OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi/v1.json", operation_id = "openapi", tag = "operations",
    params(super::extract::Condition),
    responses(
        (status = 200, description = "The document.", body = Object, headers(
            ("ETag" = String, description = "Changes with the document."),
        )),
        (status = 304, description = "`If-None-Match` names the document as it is.", headers(
            ("ETag" = String, description = "The document's tag."),
        )),
        refusals::Document,
    ),
)]
pub async fn serve(headers: HeaderMap) -> Response {
    tag::respond(&headers, "openapi", "application/json", TEXT.clone())
}
