//! Starting: what is refused, with which words and which exit code.

use crate::harness::{Child, Context, Test, until};
use crate::tests;
use sluicegate::app::App;
use sluicegate::config::Anonymous;
use std::net::TcpListener;

pub fn tests() -> Vec<Test> {
    tests![
        an_open_listener_that_lets_everybody_in_is_refused_unless_that_is_said,
        letting_everybody_in_can_be_said,
        a_taken_port_is_told_with_the_flag_that_changes_it,
        a_start_without_kafka_serves_and_says_what_is_missing,
        a_process_opens_as_many_files_as_it_may_and_says_when_they_are_few,
    ]
}

async fn an_open_listener_that_lets_everybody_in_is_refused_unless_that_is_said(context: Context) {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let mut config = context.config();
        config.listen.http = address.parse().expect("an address");
        let error = App::build(&config).await.err().expect("the start is refused").to_string();
        assert!(error.contains("access.anonymous = \"allow\""), "{error}");
    }
    let mut child = Child::start(&["serve", "--listen", "0.0.0.0:0"], &[]);
    let status = child.ended().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    let said = child.stderr().join("\n");
    assert!(said.contains("access.anonymous = \"allow\"") && said.contains("0.0.0.0"), "{said}");
    assert!(!said.contains("listening address"), "it listened first: {said}");
}

async fn letting_everybody_in_can_be_said(context: Context) {
    let gateway = context.gateway_with(|config| config.access.anonymous = Anonymous::Allow).await;
    gateway.get("/v1/topics").await.json(200);
}

async fn a_taken_port_is_told_with_the_flag_that_changes_it(_: Context) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    let mut child = Child::start(&["serve", "--listen", &address], &[]);
    assert_eq!(child.ended().await.code(), Some(1));
    let said = child.stderr().join("\n");
    assert!([address.as_str(), "--listen", "listen.http"].iter().all(|word| said.contains(word)), "{said}");
}

async fn a_start_without_kafka_serves_and_says_what_is_missing(context: Context) {
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = nowhere.local_addr().expect("bound").to_string();
    drop(nowhere);
    let variables = [
        ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", address.as_str()),
        ("SLUICEGATE_KAFKA__REQUEST_TIMEOUT", "1s"),
        ("SLUICEGATE_PRODUCE__DELIVERY_TIMEOUT", "1s"),
    ];
    let mut child = context.serve(&variables);
    let gateway = child.gateway().await;
    gateway.get("/livez").await.json(200);
    let ready = until("it says it is not ready", || async {
        Some(gateway.get("/readyz").await).filter(|reply| reply.status == 503)
    })
    .await;
    ready.refusal(503, "not_ready");
    let reply = gateway.produce("orders", "", "v").await;
    assert!(matches!(reply.status, 503 | 504), "{}", reply.text());
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn a_process_opens_as_many_files_as_it_may_and_says_when_they_are_few(context: Context) {
    for (limit, lowered) in [("-Sn 300", false), ("-n 4000", true)] {
        let mut child = context.serve_under(&format!("ulimit {limit}"));
        let gateway = child.gateway().await;
        gateway.get("/livez").await.json(200);
        if cfg!(target_os = "linux") {
            let limits =
                std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("our own child");
            let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
            let mut words = files.split_whitespace().skip(3);
            assert_eq!(words.next(), words.next(), "soft and hard: {files}");
        }
        let said = child.stdout().into_iter().chain(child.stderr()).collect::<Vec<_>>().join("\n");
        if lowered {
            assert!(
                said.contains("listen.max_connections is lowered") && said.contains("connections=2576"),
                "{said}"
            );
        }
        child.terminate();
        assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    }
}
