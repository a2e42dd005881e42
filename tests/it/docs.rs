//! Pages that are written from the code: what they say must be what the code does.

mod errors;
mod openapi;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [errors::tests(), openapi::tests()].into_iter().flatten().collect()
}
