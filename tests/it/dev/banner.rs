//! What it prints: addresses that are right, and commands that work when pasted.

use super::ports::{DEV, gateway, kafka_address};
use crate::harness::{Child, Context, Test, off_thread};
use crate::tests;
use std::process::{Command, Stdio};

pub fn tests() -> Vec<Test> {
    tests![
        the_addresses_it_prints_are_those_it_serves,
        the_three_commands_it_prints_work_when_pasted needs [Curl],
    ]
}

async fn the_addresses_it_prints_are_those_it_serves(_: Context) {
    let mut child = Child::start(&DEV, &[]);
    let kafka = kafka_address(&mut child).await;
    let gateway = gateway(&mut child).await;
    gateway.get("/readyz").await.json(200);
    let data = child.line("data ").await;
    assert!(data.contains("in memory") && data.contains("256 MiB"), "what is kept where: {data}");
    // One broker is behind both.
    gateway.produce("orders", "", "v").await.receipt();
    assert_eq!(
        crate::harness::Kafka::at(&kafka).consume_all("orders").await.len(),
        1,
        "dev makes topics by itself"
    );
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

/// Runs a line in a shell; a stream is left after two seconds, as a person would by Ctrl-C.
async fn paste(line: &str) -> String {
    let command =
        format!("exec {}", line.replace("curl -N", "curl -sS -N --max-time 2").replace("curl ", "curl -sS "));
    let output = off_thread(move || {
        Command::new("sh").args(["-c", &command]).stdin(Stdio::null()).stderr(Stdio::null()).output()
    });
    String::from_utf8(output.await.expect("a shell").stdout).expect("text")
}

async fn the_three_commands_it_prints_work_when_pasted(_: Context) {
    let mut child = Child::start(&DEV, &[]);
    child.line("/v1/topics/orders'").await;
    let lines: Vec<_> =
        child.stdout().into_iter().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert_eq!(lines.len(), 3, "{:#?}", child.stdout());
    let produced = paste(lines[0].trim()).await;
    assert!(produced.contains(r#""topic":"orders""#) && produced.contains(r#""offset":0"#), "{produced}");
    let streamed = paste(lines[1].trim()).await;
    assert!(streamed.contains("event: ready") && streamed.contains("event: caught-up"), "{streamed}");
    assert!(
        streamed.contains(r#""key":"c-17""#) && streamed.contains(r#""value":{"total":12.5}"#),
        "{streamed}"
    );
    let described = paste(lines[2].trim()).await;
    assert!(described.contains(r#""name":"orders""#) && described.contains(r#""latest":1"#), "{described}");
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}
