//! The binary: parse the arguments, run, exit. Everything else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluicegate::cli::run()
}
