//! Reading topics by server-sent events and by lines of JSON: `GET /v1/topics/{topics}/stream`.

mod back;
mod beside;
mod connections;
mod control;
mod cursors;
mod envelope;
pub mod faults;
mod filters;
mod flush;
mod forms;
mod history;
mod isolation;
mod lifetime;
mod lines;
mod losses;
mod many_partitions;
mod motion;
mod pinned;
mod posted_back;
pub mod property;
mod refusals;
mod resume;
mod slow;
mod starts;
mod times;
mod together;
mod topics;
mod until;
mod value;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        back::tests(),
        beside::tests(),
        connections::tests(),
        control::tests(),
        cursors::tests(),
        envelope::tests(),
        faults::tests(),
        filters::tests(),
        flush::tests(),
        forms::tests(),
        history::tests(),
        isolation::tests(),
        lifetime::tests(),
        lines::tests(),
        losses::tests(),
        many_partitions::tests(),
        motion::tests(),
        pinned::tests(),
        posted_back::tests(),
        property::tests(),
        refusals::tests(),
        resume::tests(),
        slow::tests(),
        starts::tests(),
        times::tests(),
        together::tests(),
        topics::tests(),
        until::tests(),
        value::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
