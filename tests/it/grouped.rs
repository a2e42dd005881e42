//! Grouped delivery by polls and streams: a consumer group worked off over plain HTTP.
//!
//! What a group has committed is asked of the brokers by librdkafka's own consumer, never of the gateway.

mod acks;
mod attempts;
mod cuts;
mod group;
mod here;
mod kill;
mod leases;
mod members;
mod modes;
mod ordering;
mod orders;
mod reconnect;
mod refusals;
mod sessions;
mod settings;
mod spread;
mod start;
mod streams;
mod tokens;

use crate::harness::Test;
pub use group::{Batch, Worked, take};

pub fn tests() -> Vec<Test> {
    let tests = [
        acks::tests(),
        attempts::tests(),
        here::tests(),
        cuts::tests(),
        kill::tests(),
        leases::tests(),
        members::tests(),
        modes::tests(),
        orders::tests(),
        ordering::tests(),
        reconnect::tests(),
        refusals::tests(),
        sessions::tests(),
        settings::tests(),
        spread::tests(),
        start::tests(),
        streams::tests(),
        tokens::tests(),
    ];
    tests.into_iter().flatten().collect()
}
