//! `sluicegate healthcheck`: what a container asks its gateway with.

use crate::harness::{Child, Context, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![a_gateway_that_lives_is_well_and_without_kafka_not_ready, a_gateway_that_is_not_there_is_told,]
}

/// The exit code of a check, and what it says.
async fn check(address: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut child =
        Child::start(&[&["healthcheck"], arguments].concat(), &[("SLUICEGATE_LISTEN__HTTP", address)]);
    let code = child.ended().await.code();
    (code, [child.stdout(), child.stderr()].concat().join("\n"))
}

async fn a_gateway_that_lives_is_well_and_without_kafka_not_ready(context: Context) {
    let gateway = context.gateway().await;
    let address = gateway.address().to_string();
    assert_eq!(check(&address, &[]).await, (Some(0), String::new()));
    // As in a container: the listener is on all addresses, and the check comes from inside.
    let anywhere = format!("0.0.0.0:{}", gateway.address().port());
    assert_eq!(check(&anywhere, &["--ready"]).await, (Some(0), String::new()));
    let away = context.own_broker().await;
    away.away().await;
    let gateway = context
        .gateway_before(&away, |config| config.kafka.request_timeout = std::time::Duration::from_secs(1));
    let address = gateway.await.address().to_string();
    assert_eq!(check(&address, &[]).await, (Some(0), String::new()), "it lives while Kafka is away");
    let (code, said) = check(&address, &["--ready"]).await;
    assert!(code == Some(1) && said.contains("/readyz answers 503") && said.contains("not_ready"), "{said}");
}

async fn a_gateway_that_is_not_there_is_told(_: Context) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    drop(taken);
    let (code, said) = check("127.0.0.1:1", &["--listen", &address]).await;
    assert!(code == Some(1) && said.contains(&format!("no answer from {address}")), "{said}");
}
