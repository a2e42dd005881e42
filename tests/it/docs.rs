//! Pages that are written from the code: what they say must be what the code does.

mod errors;
mod openapi;
mod operations;

use crate::harness::Test;
use std::path::{Path, PathBuf};

pub fn tests() -> Vec<Test> {
    [errors::tests(), openapi::tests(), operations::tests()].into_iter().flatten().collect()
}

/// A file of the package.
fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
