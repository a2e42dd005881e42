//! Starting and stopping.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::Test;
use sluicegate::dev::{Broker, BrokerSettings};
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

/// Set for the process that runs one test alone.
const ALONE: &str = "TEST_ALONE";

pub fn tests() -> Vec<Test> {
    if std::env::var_os(ALONE).is_some() {
        return blocking_tests![stop_in_a_process_of_its_own];
    }
    blocking_tests![
        a_stop_frees_the_port_ends_the_thread_and_does_not_wait_for_clients,
        a_taken_port_is_an_error_that_says_so,
        a_broker_is_dropped_inside_a_runtime_without_harm,
    ]
}

/// The names of this process's threads that are a broker's. By name, because tests run side by side.
fn broker_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let named = |task: std::io::Result<std::fs::DirEntry>| {
        let name = std::fs::read_to_string(task.ok()?.path().join("comm")).ok()?;
        (name.trim() == "kafka-broker").then_some(())
    };
    tasks.filter_map(named).count()
}

fn a_stop_frees_the_port_ends_the_thread_and_does_not_wait_for_clients() {
    // In a process of its own, where no other test's broker counts.
    let this = std::env::current_exe().expect("this binary");
    let run = std::process::Command::new(this)
        .args(["--exact", "--nocapture", "broker::stop_in_a_process_of_its_own"])
        .env(ALONE, "1")
        .output()
        .expect("this binary runs");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// Run by the test above.
fn stop_in_a_process_of_its_own() {
    assert_eq!(broker_threads(), 0);
    let first = broker();
    create_topic(&first, "t", 1, &[]);
    let address = first.address();
    // A reader inside a long fetch, and a connection that says nothing.
    let reader = reader(&first, "t", 0, &[("fetch.wait.max.ms", "60000"), ("socket.timeout.ms", "90000")]);
    let _silent = std::net::TcpStream::connect(address).expect("a connection");
    until("the reader fetches", || first.requests(sluicegate::dev::ApiKey::Fetch) > 0);
    assert_eq!(broker_threads(), 1);

    let began = Instant::now();
    first.stop();
    assert!(began.elapsed() < Duration::from_secs(1), "stopped after {:?}", began.elapsed());
    assert_eq!(broker_threads(), 0);
    let again = Broker::start(BrokerSettings { listen: address, ..BrokerSettings::default() });
    let again = again.expect("the port is free at once");
    drop(reader);
    drop(again);
    assert_eq!(broker_threads(), 0);
}

fn a_taken_port_is_an_error_that_says_so() {
    let broker = broker();
    let settings = BrokerSettings { listen: broker.address(), ..BrokerSettings::default() };
    assert_eq!(Broker::start(settings).expect_err("taken").kind(), ErrorKind::AddrInUse);
}

fn a_broker_is_dropped_inside_a_runtime_without_harm() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let broker = broker();
        tokio::net::TcpStream::connect(broker.address()).await.expect("a connection");
        drop(broker);
    });
}
