//! `/docs`: the document for people, shown by Swagger UI.
//!
//! Its assets are in the binary, compressed, and a policy keeps the page from loading anything else. The page itself is
//! ours: it is two lines beside Swagger UI's own, and has no inline script.

use crate::http::error::{ApiError, code};
use crate::http::extract::param;
use crate::http::reply::tag;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Redirect, Response};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// What the page may do: run and show what this gateway serves, and ask it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
const PAGE: &str = include_str!("ui/page.html");

/// What the page runs.
const START: &str = include_str!("ui/start.js");

/// Swagger UI's files that the page loads, and their types.
const ASSETS: [(&str, &str); 3] = [
    ("favicon-32x32.png", "image/png"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
];

/// `GET /docs`.
pub async fn page(headers: HeaderMap) -> Response {
    guarded(tag::respond(&headers, "docs", "text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())))
}

/// `GET /docs/`: the page's links are relative to `/docs`.
pub async fn from_folder() -> Redirect {
    Redirect::permanent("../docs")
}

/// `GET /docs/{file}`: what the page loads.
pub async fn file(request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let name = param(&mut parts, &(), "file", code::NOT_FOUND).await?;
    if name == "start.js" {
        let start = Bytes::from_static(START.as_bytes());
        return Ok(guarded(tag::respond(&parts.headers, "docs", "text/javascript; charset=utf-8", start)));
    }
    let asset = ASSETS.iter().find(|(asset, _)| *asset == name);
    let response = asset.and_then(|(name, kind)| asset_response(name, kind, &parts.headers));
    response.ok_or_else(|| ApiError::new(code::NOT_FOUND, "the documentation has no such file"))
}

fn asset_response(name: &str, kind: &'static str, request: &HeaderMap) -> Option<Response> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok()??;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = tag::respond(request, "docs", kind, bytes);
    if file.gzpipped {
        // Every browser takes it, and nothing else asks for these.
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(guarded(response))
}

fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
