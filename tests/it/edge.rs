//! The edge: what every request meets before and after its route.

mod processes;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    processes::tests()
}
