//! Topics and the cluster: `/v1/topics`, `/v1/topics/{topics}`, `/v1/cluster`.

mod cluster;
mod create;
mod describe;
mod differs;
mod list;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [cluster::tests(), create::tests(), describe::tests(), differs::tests(), list::tests()];
    files.into_iter().flatten().collect()
}
