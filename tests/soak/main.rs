//! Long runs: what only time or numbers show, on the built binary in a process of its own.
//!
//! `cargo test --test soak -- NAME --minutes N`. Without `--minutes` each takes about twenty seconds, so that every
//! `cargo test` runs them all. Loss, repetition, a refused request and memory without bound fail a run; times are told. The
//! harness is that of `tests/it`, of which these need a part.

#[path = "../it"]
#[allow(dead_code, unused_imports, reason = "the harness of tests/it, of which these tests need a part")]
mod it {
    pub mod harness;
}

mod attacks;
mod chunks;
mod files;
mod groups;
mod hostile;
mod memory;
mod polite;
mod viewer;
mod viewers;

use files::affordable;
use it::harness;
use libtest_mimic::Arguments;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

/// How long a run takes that nobody gave a time.
const SHORT: Duration = Duration::from_secs(20);

/// What a run may take beside its own time, to begin and to end.
const MARGIN: Duration = Duration::from_secs(130);

static LENGTH: OnceLock<Duration> = OnceLock::new();

/// How long each test is to go on.
fn length() -> Duration {
    LENGTH.get().copied().unwrap_or(SHORT)
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--minutes") {
        let minutes = arguments.get(at + 1).and_then(|text| text.parse::<f64>().ok());
        let Some(minutes) = minutes.filter(|minutes| (0.1..=10_000.0).contains(minutes)) else {
            eprintln!("--minutes takes a number, such as 0.5 or 60");
            return ExitCode::FAILURE;
        };
        arguments.drain(at..at + 2);
        LENGTH.get_or_init(|| Duration::from_secs_f64(minutes * 60.0));
    }
    let mut arguments = Arguments::from_iter(arguments);
    // One at a time: each measures.
    arguments.test_threads = Some(1);
    let tests = [groups::tests(), hostile::tests(), viewers::tests()];
    harness::run(arguments, length() + MARGIN, tests.into_iter().flatten().collect())
}
