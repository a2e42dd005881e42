//! The edge: what every request meets before and after its route, and the process around it all.

mod connections;
mod cors;
mod doors;
mod health;
mod limits;
mod logs;
mod metrics;
mod problems;
mod request_ids;
mod same_site;
mod shutdown;
mod smuggling;
mod start;
mod time_outs;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [
        connections::tests(),
        cors::tests(),
        doors::tests(),
        health::tests(),
        limits::tests(),
        logs::tests(),
        metrics::tests(),
        problems::tests(),
        request_ids::tests(),
        same_site::tests(),
        shutdown::tests(),
        smuggling::tests(),
        start::tests(),
        time_outs::tests(),
    ];
    files.into_iter().flatten().collect()
}
