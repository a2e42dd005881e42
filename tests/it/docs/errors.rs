//! `docs/errors.md`, which is written from the registry of error codes.

use crate::harness::{Context, Test};
use crate::tests;
use sluicegate::http::error::code;
use std::fs;
use std::path::Path;

pub fn tests() -> Vec<Test> {
    tests![the_page_of_errors_is_the_registry]
}

/// `UPDATE_DOCS=1` writes the page instead of comparing it.
async fn the_page_of_errors_is_the_registry(_: Context) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, code::reference()).expect("the page can be written");
    }
    let written = fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == code::reference(),
        "docs/errors.md is not the registry's: UPDATE_DOCS=1 cargo test --test it docs"
    );
}
