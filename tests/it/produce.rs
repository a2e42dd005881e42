//! Putting records in: `POST /v1/topics/{topics}/records`.

mod acks;
mod budget;
mod delivery;
mod failures;
mod headers;
mod key;
mod key_pointer;
mod partition;
mod refusals;
mod size;
mod time;
mod topic;
mod value;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    let files = [
        acks::tests(),
        budget::tests(),
        delivery::tests(),
        failures::tests(),
        headers::tests(),
        key::tests(),
        key_pointer::tests(),
        partition::tests(),
        refusals::tests(),
        size::tests(),
        time::tests(),
        topic::tests(),
        value::tests(),
    ];
    files.into_iter().flatten().collect()
}
