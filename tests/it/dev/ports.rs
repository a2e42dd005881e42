//! Where it listens: free ports, taken ports, and the broker alone.

use crate::harness::{Child, Context, Gateway, Kafka, Test};
use crate::tests;
use std::net::TcpListener;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        the_broker_alone_serves_kafka_clients,
        a_taken_kafka_port_is_told_with_the_flag_that_changes_it,
        a_taken_http_port_is_told_with_the_flag_that_changes_it,
        it_is_ready_within_a_moment,
    ]
}

/// Both listeners on any free port.
pub const DEV: [&str; 5] = ["dev", "--listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"];

/// The gateway at the address that is printed.
pub async fn gateway(child: &mut Child) -> Gateway {
    let line = child.line("gateway ").await;
    let url = line.split_whitespace().last().expect("a URL");
    let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
    Gateway::at(address.expect("an address"))
}

/// The broker's address as it is printed.
pub async fn kafka_address(child: &mut Child) -> String {
    let line = child.line("Kafka  ").await;
    line.split_whitespace().nth(1).expect("an address").to_owned()
}

async fn the_broker_alone_serves_kafka_clients(_: Context) {
    let mut child = Child::start(&["dev", "--broker-only", "--kafka-listen", "127.0.0.1:0"], &[]);
    let kafka = Kafka::at(&kafka_address(&mut child).await);
    kafka.create_topic("orders", 2, &[]).await;
    assert!(kafka.consume_all("orders").await.is_empty());
    assert!(
        !child.stdout().iter().any(|line| line.contains("http://")),
        "there is no gateway: {:#?}",
        child.stdout()
    );
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

/// The words of a start that fails for a port that is taken.
async fn refused(arguments: &[&str]) -> String {
    let mut child = Child::start(arguments, &[]);
    assert_eq!(child.ended().await.code(), Some(1), "{:#?}", child.stdout());
    assert!(child.stdout().iter().all(String::is_empty), "it said it was ready: {:#?}", child.stdout());
    child.stderr().join("\n")
}

async fn a_taken_kafka_port_is_told_with_the_flag_that_changes_it(_: Context) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    for arguments in [
        vec!["dev", "--listen", "127.0.0.1:0", "--kafka-listen", &address],
        vec!["dev", "--broker-only", "--kafka-listen", &address],
    ] {
        let said = refused(&arguments).await;
        assert!(
            [&address, "--kafka-listen", "dev.kafka_listen"].iter().all(|word| said.contains(*word)),
            "{said}"
        );
    }
}

async fn a_taken_http_port_is_told_with_the_flag_that_changes_it(_: Context) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    let said = refused(&["dev", "--listen", &address, "--kafka-listen", "127.0.0.1:0"]).await;
    assert!([&address, "--listen", "listen.http"].iter().all(|word| said.contains(*word)), "{said}");
}

/// The promise is one second; a busy machine that builds at the same time gets ten.
async fn it_is_ready_within_a_moment(_: Context) {
    let begun = Instant::now();
    let mut child = Child::start(&DEV, &[]);
    child.line("Sluicegate is ready").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "ready after {:?}", begun.elapsed());
}
