//! Grouped delivery by polls: a consumer group worked off over plain HTTP.
//!
//! What a group has committed is asked of the brokers by librdkafka's own consumer, never of the gateway.

mod acks;
mod attempts;
mod group;
mod here;
mod kill;
mod leases;
mod members;
mod modes;
mod orders;
mod refusals;
mod sessions;
mod settings;
mod start;
mod tokens;

use crate::harness::Test;
pub use group::{Batch, Worked};

pub fn tests() -> Vec<Test> {
    let tests = [
        acks::tests(),
        attempts::tests(),
        here::tests(),
        kill::tests(),
        leases::tests(),
        members::tests(),
        modes::tests(),
        orders::tests(),
        refusals::tests(),
        sessions::tests(),
        settings::tests(),
        start::tests(),
        tokens::tests(),
    ];
    tests.into_iter().flatten().collect()
}
