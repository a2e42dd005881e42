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
mod kafka;
mod kill;
mod page;
mod produce;
mod stream;
mod topics;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        address::tests(),
        broker::tests(),
        clients::tests(),
        dev::tests(),
        docs::tests(),
        edge::tests(),
        kafka::tests(),
        kill::tests(),
        page::tests(),
        produce::tests(),
        stream::tests(),
        topics::tests(),
    ];
    harness::run(tests.into_iter().flatten().collect())
}
