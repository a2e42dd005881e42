//! Pages that are written from the code: what they say must be what the code does.

mod errors;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    errors::tests()
}
