//! `sluicegate dev`: the gateway with a broker of its own, as a newcomer starts it.

mod banner;
mod demo;
pub mod ports;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [banner::tests(), demo::tests(), ports::tests()].into_iter().flatten().collect()
}
