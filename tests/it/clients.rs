//! The clients that people really use, each in its own process, reading through cuts.
//!
//! Every one reads ten thousand records of every kind of value through five disconnects, and what it handed on to its
//! user is compared with the ledger. Their programs are in `tests/clients`; what they cannot do is in
//! `docs/clients.md`, and has its test in `pitfalls`.

mod ages;
mod content;
mod everything;
pub mod feed;
mod nginx;
mod origins;
mod pitfalls;
mod proxies;
mod reader;
mod restart;
mod rust;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [
        ages::tests(),
        everything::tests(),
        nginx::tests(),
        origins::tests(),
        pitfalls::tests(),
        proxies::tests(),
        restart::tests(),
    ];
    files.into_iter().flatten().collect()
}
