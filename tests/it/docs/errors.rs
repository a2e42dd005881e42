//! `docs/errors.md`, which is written from the registry of error codes, and the registry itself.

use super::package;
use crate::harness::{Context, Test};
use crate::tests;
use sluicegate::http::error::code;
use std::fs;

pub fn tests() -> Vec<Test> {
    tests![
        the_page_of_errors_is_the_registry,
        every_code_is_told_in_some_test,
        names_and_statuses_of_codes_are_well_formed,
    ]
}

/// Codes that no test sees told, and why.
const UNTOLD: [(&str, &str); 1] =
    [("internal", "told when a handler panics, and no request is known that makes one panic")];

/// `UPDATE_DOCS=1` writes the page instead of comparing it.
async fn the_page_of_errors_is_the_registry(_: Context) {
    let page = package("docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, code::reference()).expect("the page can be written");
    }
    let written = fs::read_to_string(&page).unwrap_or_default();
    let advice = "docs/errors.md is not the registry's: UPDATE_DOCS=1 cargo test --test it docs::";
    assert!(written == code::reference(), "{advice}");
}

/// A test holds a reply against the code's status and name, which stand there side by side.
async fn every_code_is_told_in_some_test(_: Context) {
    let mut sources = String::new();
    let mut folders = vec![package("tests/it")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of tests") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    for code in code::ALL {
        let told = sources.contains(&format!("{}, \"{}\"", code.status, code.name));
        let excused = UNTOLD.iter().find(|(name, _)| *name == code.name);
        match excused {
            None => assert!(told, "no test sees `{}` told", code.name),
            Some((_, reason)) => {
                assert!(!told, "`{}` is told after all; it was excused: {reason}", code.name)
            }
        }
    }
}

async fn names_and_statuses_of_codes_are_well_formed(_: Context) {
    for (at, code) in code::ALL.iter().enumerate() {
        let name = code.name;
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!((400..600).contains(&code.status), "{name}: {}", code.status);
        assert!(code.title.len() > 3 && code.help.ends_with('.'), "{name}");
        let may_succeed = code.status >= 500 || [408, 429].contains(&code.status);
        assert!(!code.retryable || may_succeed, "{name}: the same request cannot succeed later");
        assert!(code::ALL[..at].iter().all(|other| other.name != name), "{name} is there twice");
    }
}
