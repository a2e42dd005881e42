//! Putting records in: `POST /v1/topics/{topics}/records`.

mod value;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    value::tests()
}
