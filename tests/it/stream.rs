//! Reading a topic by server-sent events: `GET /v1/topics/{topics}/stream`.

mod connections;
mod control;
mod envelope;
mod faults;
mod forms;
mod isolation;
mod losses;
mod many_partitions;
pub mod property;
mod refusals;
mod resume;
mod slow;
mod starts;
mod value;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        connections::tests(),
        control::tests(),
        envelope::tests(),
        faults::tests(),
        forms::tests(),
        isolation::tests(),
        losses::tests(),
        many_partitions::tests(),
        property::tests(),
        refusals::tests(),
        resume::tests(),
        slow::tests(),
        starts::tests(),
        value::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
