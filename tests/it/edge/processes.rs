//! The gateway as a process: how it starts, what it logs, how it ends.

use crate::harness::{Context, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![sigterm_ends_an_idle_process_with_code_zero]
}

async fn sigterm_ends_an_idle_process_with_code_zero(context: Context) {
    let mut child = context.serve(&[]);
    let address = child.address().await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    until("the port is free", || async { std::net::TcpListener::bind(address).ok() }).await;
}
