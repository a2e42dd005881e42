//! The OpenAPI document: that it is served, shown, true, good by the judgement of others, and enough to make clients of.
//!
//! That replies are as it says is checked wherever a test reads one, by `harness::declared`.

mod parameters;
mod refused;
mod served;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let tests = [
        parameters::tests(),
        refused::tests(),
        served::tests(),
    ];
    tests.into_iter().flatten().collect()
}
