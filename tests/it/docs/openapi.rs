//! `openapi/v1.json`, which is the document that the gateway makes of its routes.

use super::package;
use crate::harness::{Context, Test};
use crate::tests;
use std::fs;

pub fn tests() -> Vec<Test> {
    tests![the_committed_openapi_document_is_the_routers]
}

/// `UPDATE_DOCS=1` writes the document instead of comparing it.
async fn the_committed_openapi_document_is_the_routers(_: Context) {
    let file = package("openapi/v1.json");
    let made = sluicegate::http::openapi::text();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, made).expect("the document can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let differs = committed.lines().zip(made.lines()).position(|(committed, made)| committed != made);
    assert!(
        committed == made,
        "openapi/v1.json is not the router's (first at line {:?}): UPDATE_DOCS=1 cargo test --test it docs::",
        differs.map(|line| line + 1)
    );
}
