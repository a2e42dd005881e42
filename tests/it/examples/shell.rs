//! `curl.sh`: every request of it is answered as it says.

use super::run;
use crate::harness::{Context, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        the_shell_example_writes_and_reads_in_every_way needs [Curl],
        the_shell_example_shows_a_refusal_and_ends needs [Curl],
    ]
}

async fn the_shell_example_writes_and_reads_in_every_way(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.name("shell"));
    let mut program = run("sh", "curl.sh", &[&gateway.url(""), &topic]);
    let mut lines = Vec::new();
    while let Some(line) = program.line().await {
        lines.push(line);
    }
    let said = format!("{}\n{}", lines.join("\n"), program.said());
    let has = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    // As a receipt or an envelope, each record was seen as often as it was asked for.
    assert_eq!(has(r#""headers":[["source","shell"]],"value":{"order":1,"total":12.5}"#), 2, "{said}");
    assert_eq!(has(r#""value":"two\nlines""#), 2, "{said}");
    assert_eq!(has(r#""tombstone":true"#), 2, "{said}");
    assert_eq!(has(r#""value":"came later""#), 2, "the long poll and the resumed stream: {said}");
    assert!(lines.iter().any(|line| line == "event: end"), "{said}");
    assert!(lines.last().is_some_and(|line| line.contains("/stream?from=latest'")), "{said}");
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 4);
}

async fn the_shell_example_shows_a_refusal_and_ends(context: Context) {
    let mut program = run("sh", "curl.sh", &[&context.gateway().await.url(""), "no%20topic"]);
    let mut lines = Vec::new();
    while let Some(line) = program.line().await {
        lines.push(line);
    }
    assert!(lines.iter().any(|line| line.contains(r#""code":"invalid_topic""#)), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with('#')).count(), 1, "it went on: {lines:?}");
}
