//! Topics and the cluster: `/v1/topics`, `/v1/topics/{topics}`, `/v1/cluster`.

mod cluster;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    cluster::tests()
}
