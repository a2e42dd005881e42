//! Clients that are generated from the document, in Python and in TypeScript, doing what their users do first.

use super::{committed, program};
use crate::harness::{Context, Program, Test, tools};
use crate::tests;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_python_client_made_of_the_document_does_its_work needs [OpenapiPython],
        a_typescript_client_made_of_the_document_does_its_work needs [OpenapiNode],
    ]
}

/// How long a tool may take: a second or two, on a machine that does nothing else.
const TOOL: Duration = Duration::from_secs(60);

async fn run(command: &mut Command) -> String {
    Program::start(command).finish(TOOL).await.unwrap_or_else(|said| panic!("{command:?} failed: {said}"))
}

async fn a_python_client_made_of_the_document_does_its_work(context: Context) {
    let bin = tools::openapi_python().expect("it is installed");
    let folder = tempfile::tempdir().expect("a folder");
    let package = folder.path().join("sluicegate_client");
    let mut generate = Command::new(bin.join("openapi-python-client"));
    generate.args(["generate", "--meta", "none", "--path"]).arg(committed());
    let said =
        run(generate.arg("--output-path").arg(package).arg("--config").arg(program("generator.yaml"))).await;
    assert!(!said.contains("Endpoint will not be generated"), "{said}");
    let (gateway, topic) = (context.gateway().await, context.name("python"));
    let mut smoke = Command::new(bin.join("python"));
    smoke.arg(program("smoke.py")).args([gateway.url(""), topic]).env("PYTHONPATH", folder.path());
    assert_eq!(run(&mut smoke).await.trim(), "ok");
}

async fn a_typescript_client_made_of_the_document_does_its_work(context: Context) {
    let modules = tools::openapi_node_modules().expect("it is installed");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |file: &str| folder.path().join(file);
    symlink(&modules, at("node_modules")).expect("a link");
    fs::write(at("package.json"), r#"{"type":"module"}"#).expect("a file");
    fs::copy(program("smoke.ts"), at("smoke.ts")).expect("a file");
    let tool = |name: &str| {
        let mut command = Command::new("node");
        command.arg(modules.join(".bin").join(name)).current_dir(folder.path());
        command
    };
    run(tool("openapi-typescript").arg(committed()).arg("--output").arg("v1.d.ts")).await;
    let strict = ["--strict", "--noUncheckedIndexedAccess", "--module", "nodenext", "--target", "es2022"];
    run(tool("tsc").args(strict).args(["--lib", "es2022,dom", "smoke.ts"])).await;
    let (gateway, topic) = (context.gateway().await, context.name("typescript"));
    let mut smoke = Command::new("node");
    smoke.arg("smoke.js").args([gateway.url(""), topic]).current_dir(folder.path());
    assert_eq!(run(&mut smoke).await.trim(), "ok");
}
