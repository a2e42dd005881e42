//! The examples, each run as its reader would run it: from the folder `examples`, against a gateway.

mod clients;
mod pages;
mod service;
mod shell;
mod workers;

use crate::harness::{Program, Test};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn tests() -> Vec<Test> {
    let tests = [clients::tests(), pages::tests(), service::tests(), shell::tests(), workers::tests()];
    tests.into_iter().flatten().collect()
}

/// A file of the folder.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a program of the folder with an interpreter.
fn run(interpreter: &str, name: &str, arguments: &[&str]) -> Program {
    let mut command = Command::new(interpreter);
    Program::start(command.arg(example(name)).args(arguments))
}
