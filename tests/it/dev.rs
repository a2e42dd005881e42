//! `sluicegate dev`: the gateway with a broker of its own, as a newcomer starts it.

mod banner;
mod ports;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [banner::tests(), ports::tests()].into_iter().flatten().collect()
}
