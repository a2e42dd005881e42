//! Kafka in trouble, for longer than a moment: the gateway lives, readiness tells, produces answer by the table, streams
//! wait, and all is well again by itself.
//!
//! Single faults of a broker are the business of `produce/failures` and `stream/faults`. Here brokers are gone for as
//! long as `OUTAGE_SECONDS` says (10), leaders move, and nodes of a cluster of three are killed, as often as
//! `NODE_KILLS` says (3). What was said of each record is compared with the ledger.

mod groups;
mod leader;
mod ledger;
mod nodes;
mod outage;

use crate::harness::{Gateway, Reply, Test, until};
use std::str::FromStr;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    let files = [groups::tests(), leader::tests(), nodes::tests(), outage::tests()];
    files.into_iter().flatten().collect()
}

/// A number that a run by hand may choose.
fn chosen<T: FromStr>(variable: &str, otherwise: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => otherwise,
    }
}

/// How long brokers are gone.
fn outage() -> Duration {
    Duration::from_secs(chosen("OUTAGE_SECONDS", 10))
}

/// Holds that a produce failed by the table, and gives what it says about the record.
#[track_caller]
fn failed(reply: &Reply) -> String {
    let code = match reply.status {
        503 => "kafka_unavailable",
        504 => "delivery_timed_out",
        status => panic!("{status}: {}", reply.text()),
    };
    let problem = reply.problem(reply.status, code);
    assert_eq!(problem["retryable"], true, "{problem}");
    problem["written"].as_str().unwrap_or_else(|| panic!("no word on the record: {problem}")).to_owned()
}

async fn until_ready(gateway: &Gateway) {
    until("it is ready", || async { (gateway.get("/readyz").await.status == 200).then_some(()) }).await;
}
