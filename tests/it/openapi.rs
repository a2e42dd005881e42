//! The OpenAPI document: that it is served, shown, true, good by the judgement of others, and enough to make clients of.
//!
//! That replies are as it says is checked wherever a test reads one, by `harness::declared`.

mod clients;
mod fuzz;
mod judged;
mod parameters;
mod refused;
mod served;

use crate::harness::Test;
use std::path::{Path, PathBuf};

pub fn tests() -> Vec<Test> {
    let tests = [
        clients::tests(),
        fuzz::tests(),
        judged::tests(),
        parameters::tests(),
        refused::tests(),
        served::tests(),
    ];
    tests.into_iter().flatten().collect()
}

/// The document in the package, which is the one that is served.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/v1.json")
}

/// A file of `tests/clients/openapi`.
fn program(file: &str) -> PathBuf {
    crate::harness::tools::programs().join("openapi").join(file)
}
