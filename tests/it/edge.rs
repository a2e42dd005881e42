//! The edge: what every request meets before and after its route, and the process around it all.

mod connections;
mod cors;
mod health;
mod logs;
mod metrics;
mod problems;
mod request_ids;
mod same_site;
mod shutdown;
mod start;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [
        connections::tests(),
        cors::tests(),
        health::tests(),
        logs::tests(),
        metrics::tests(),
        problems::tests(),
        request_ids::tests(),
        same_site::tests(),
        shutdown::tests(),
        start::tests(),
    ];
    files.into_iter().flatten().collect()
}
