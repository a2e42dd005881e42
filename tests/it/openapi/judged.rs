//! The document judged by tools of others: a linter, and schemathesis, which asks the gateway by it.

use super::{committed, program};
use crate::harness::{Context, Program, Test, seed, tools};
use crate::tests;
use std::process::Command;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_linter_finds_nothing_in_the_document needs [OpenapiNode],
        schemathesis_is_answered_as_the_document_says needs [OpenapiPython],
    ]
}

/// How long the linter may take: a second, on a machine that does nothing else.
const LINT: Duration = Duration::from_secs(60);

/// How long schemathesis asks, in seconds, and how long it may take in all.
const ASKS: &str = "20";
const JUDGES: Duration = Duration::from_secs(120);

async fn a_linter_finds_nothing_in_the_document(_: Context) {
    let modules = tools::openapi_node_modules().expect("it is installed");
    let mut lint = Command::new("node");
    lint.arg(modules.join(".bin/redocly")).arg("lint").arg(committed());
    lint.arg("--config").arg(program("redocly.yaml"));
    lint.envs([("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")]);
    let said = Program::start(&mut lint).finish(LINT).await.unwrap_or_else(|said| panic!("{said}"));
    assert!(said.contains("is valid"), "{said}");
}

/// Starts it without the collector of garbage: where that runs amid the parsing of a source, CPython 3.11 loses count of how deep
/// it is, and schemathesis fails by "AST constructor recursion depth mismatch".
const START: &str = "import gc; gc.disable()
from schemathesis.cli import schemathesis
schemathesis()";

async fn schemathesis_is_answered_as_the_document_says(context: Context) {
    let bin = tools::openapi_python().expect("it is installed");
    let (gateway, topic) = (context.gateway().await, context.topic("judged", 2).await);
    for value in ["{\"total\":12.5}", "text", ""] {
        gateway.produce(&topic, "key=k&header=a:b", value).await.json(200);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut ask = Command::new(bin.join("python"));
    ask.args(["-c", START]);
    ask.arg("--config-file").arg(program("schemathesis.toml")).arg("run").arg(committed());
    ask.args(["--url", &gateway.url(""), "--max-time", ASKS, "--workers", "2", "--output-truncate", "false"]);
    ask.args(["--seed", &seed("schemathesis").to_string()]);
    ask.current_dir(folder.path()).envs([("TOPIC", topic.as_str()), ("NO_COLOR", "1")]);
    ask.env("SCHEMATHESIS_HOOKS", program("codes.py"));
    let said = Program::start(&mut ask).finish(JUDGES).await.unwrap_or_else(|said| panic!("{said}"));
    assert!(said.contains("12 selected") || said.contains("Operations"), "{said}");
    assert_eq!(gateway.produce(&topic, "", "afterwards").await.status, 200);
}
