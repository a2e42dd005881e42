//! The integration tests: one binary, which starts the whole gateway and speaks HTTP to it.
//!
//! One binary because each would link librdkafka again, and a harness of our own because a test says here what it
//! needs of its broker and machine; what is not to be had is a skip that is named, counted and printed. By default
//! the broker is the embedded one, in this process; `KAFKA_BOOTSTRAP=host:port` names another. A folder holds the
//! tests of one capability, and `harness` what they share. Benchmarks and long runs are elsewhere.

mod harness;

mod address;
mod broker;
mod clients;
mod dev;
mod docs;
mod edge;
mod examples;
mod grouped;
mod groups;
mod kafka;
mod kill;
mod openapi;
mod packaging;
mod page;
mod produce;
mod secure;
mod stream;
mod topics;
mod trouble;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use std::time::Duration;

/// How long a test may take in all, unless `TEST_SECONDS` gives a long run by hand more.
const TEST_DEADLINE: Duration = Duration::from_secs(150);

fn main() -> ExitCode {
    let tests = [
        address::tests(),
        broker::tests(),
        clients::tests(),
        dev::tests(),
        docs::tests(),
        edge::tests(),
        examples::tests(),
        groups::tests(),
        grouped::tests(),
        kafka::tests(),
        kill::tests(),
        openapi::tests(),
        packaging::tests(),
        page::tests(),
        produce::tests(),
        secure::tests(),
        stream::tests(),
        topics::tests(),
        trouble::tests(),
    ];
    let seconds = std::env::var("TEST_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let deadline = seconds.map_or(TEST_DEADLINE, Duration::from_secs);
    harness::run(Arguments::from_args(), deadline, tests.into_iter().flatten().collect())
}
