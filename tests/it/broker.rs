//! The embedded broker by its front door: real clients, and raw frames where a client hides what is meant.
//!
//! Each test starts a broker of its own on any free port, whatever broker the run has, and blocks its thread. The
//! broker's pure parts are tested beside them in `src/dev/broker`; what it shares with Apache Kafka is tested through
//! the gateway.

mod clients;
mod faults;
mod fetching;
mod groups;
mod lifecycle;
mod records;
mod retention;
mod topics;
mod transactions;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [
        faults::tests(),
        fetching::tests(),
        groups::tests(),
        lifecycle::tests(),
        records::tests(),
        retention::tests(),
        topics::tests(),
        transactions::tests(),
    ];
    files.into_iter().flatten().collect()
}
