//! The pages: what they say must be what the code does.

mod commands;
mod errors;
mod links;
mod openapi;
mod operations;

use crate::harness::Test;
use std::path::{Path, PathBuf};

pub fn tests() -> Vec<Test> {
    let of_each = [commands::tests(), errors::tests(), links::tests(), openapi::tests(), operations::tests()];
    of_each.into_iter().flatten().collect()
}

/// A file of the repository.
fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
