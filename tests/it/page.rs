//! Pages and long poll: `GET /v1/topics/{topics}/records`.

mod changes;
mod ends;
mod filters;
mod head;
mod losses;
mod sizes;
mod waits;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        changes::tests(),
        ends::tests(),
        filters::tests(),
        head::tests(),
        losses::tests(),
        sizes::tests(),
        waits::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
