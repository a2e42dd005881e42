//! The run: which broker, which tests, and what became of those that could not be run.

use super::capability::Capability;
use super::context::Context;
use super::gateway::Gateway;
use futures_util::FutureExt;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sluicegate::config::Telemetry;
use sluicegate::dev::{self, BrokerSettings};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a test that is alone may take: it waits for nodes to end and start, as often as it is asked to.
const ALONE_DEADLINE: Duration = Duration::from_secs(1200);

/// How long the end of the run waits for what still blocks a thread.
const LINGER: Duration = Duration::from_secs(5);

/// Tests at once, for each processor: most of them wait most of the time.
const TESTS_PER_PROCESSOR: usize = 3;

/// A test's body.
type Body = fn(Context) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A test, and what it needs.
pub struct Test {
    name: String,
    needs: &'static [Capability],
    body: Body,
    alone: bool,
}

impl Test {
    /// A test of the folder that `module` lies in.
    pub fn new(module: &str, sentence: &str, needs: &'static [Capability], body: Body) -> Self {
        let folder = module.split("::").nth(1).unwrap_or(module);
        Self { name: format!("{folder}::{sentence}"), needs, body, alone: false }
    }

    /// The same, which runs when all others have ended: it takes from the run's broker what they count on.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

/// The broker of a run.
pub enum Broker {
    /// The embedded one, started when first needed.
    Embedded(OnceLock<dev::Broker>),
    /// One that somebody else started.
    Outside(String),
}

impl Broker {
    /// `KAFKA_BOOTSTRAP` names it; without that it is the embedded one.
    fn of_this_run() -> Result<Self, String> {
        match std::env::var("KAFKA_BOOTSTRAP") {
            Err(std::env::VarError::NotPresent) => Ok(Self::Embedded(OnceLock::new())),
            Ok(address) if !address.trim().is_empty() => Ok(Self::Outside(address.trim().to_owned())),
            _ => {
                Err("KAFKA_BOOTSTRAP is set and holds no address: unset it to test on the embedded broker"
                    .into())
            }
        }
    }

    /// Whether it is the one in this process.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// The value for a client's `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        match self {
            Self::Outside(address) => address.clone(),
            Self::Embedded(broker) => broker
                .get_or_init(|| dev::Broker::start(BrokerSettings::default()).expect("a port is free"))
                .bootstrap(),
        }
    }
}

/// What the tests of a run have in common.
pub struct Shared {
    pub broker: Broker,
    /// The gateway with the default configuration, started when first asked for.
    pub gateway: tokio::sync::OnceCell<Gateway>,
    runtime: Runtime,
    /// Held for writing by a test that is alone, for reading by all others.
    quiet: RwLock<()>,
    skipped: Mutex<Vec<Capability>>,
}

/// Runs the tests that `arguments` ask for, each within `deadline`.
pub fn run(mut arguments: Arguments, deadline: Duration, tests: Vec<Test>) -> ExitCode {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    arguments.test_threads.get_or_insert(processors * TESTS_PER_PROCESSOR);
    if let Ok(log) = std::env::var("TEST_LOG") {
        let settings = Telemetry { log, ..Telemetry::default() };
        sluicegate::telemetry::start_logging(&settings).expect("TEST_LOG is a filter such as `debug`");
    }
    let broker = match Broker::of_this_run() {
        Ok(broker) => broker,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.max(4))
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let shared = Arc::new(Shared {
        broker,
        gateway: tokio::sync::OnceCell::new(),
        runtime,
        quiet: RwLock::default(),
        skipped: Mutex::default(),
    });
    // Those that are alone last, so that they keep nobody waiting.
    let (alone, tests): (Vec<_>, Vec<_>) = tests.into_iter().partition(|test| test.alone);
    let tests = tests.into_iter().chain(alone);
    let trials = tests.map(|test| trial(test, deadline, shared.clone())).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    shared.runtime.block_on(async {
        if let Some(gateway) = shared.gateway.get() {
            gateway.stop().await;
        }
    });
    let refused = tell_skips(&shared.skipped.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(shared) = Arc::into_inner(shared) {
        // A test that was given up may still block a thread.
        shared.runtime.shutdown_timeout(LINGER);
    }
    if refused { ExitCode::FAILURE } else { conclusion.exit_code() }
}

fn trial(test: Test, deadline: Duration, shared: Arc<Shared>) -> Trial {
    let Test { name, needs, body, alone } = test;
    let said = name.clone();
    Trial::ignorable_test(name, move || {
        if let Some(missing) = needs.iter().find(|need| !need.is_there(&shared.broker)) {
            shared.skipped.lock().unwrap_or_else(PoisonError::into_inner).push(*missing);
            return Ok(Completion::ignored_with(format!("skipped: needs {}", missing.name())));
        }
        let (_alone, _among_others, deadline) = if alone {
            (Some(shared.quiet.write().unwrap_or_else(PoisonError::into_inner)), None, ALONE_DEADLINE)
        } else {
            (None, Some(shared.quiet.read().unwrap_or_else(PoisonError::into_inner)), deadline)
        };
        let context = Context::new(shared.clone(), &said);
        let test = body(context.clone());
        shared.runtime.block_on(async {
            let test = tokio::spawn(tokio::time::timeout(deadline, AssertUnwindSafe(test).catch_unwind()));
            let outcome = test.await.expect("its panics are caught");
            context.stop_everything().await;
            match outcome {
                Ok(Ok(())) => Ok(Completion::Completed),
                Ok(Err(panic)) => Err(Failed::from(words(&*panic))),
                Err(_) => Err(Failed::from(format!("not over after {deadline:?}"))),
            }
        })
    })
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// Prints what was skipped and for lack of what; whether a skip fails the run.
fn tell_skips(skipped: &[Capability]) -> bool {
    let mut told: Vec<Capability> = Vec::new();
    let mut refused = false;
    for missing in skipped {
        if told.contains(missing) {
            continue;
        }
        told.push(*missing);
        let count = skipped.iter().filter(|other| *other == missing).count();
        let verdict = if missing.may_be_missing() { "" } else { " (not allowed here: the run fails)" };
        refused |= !missing.may_be_missing();
        println!("skipped: needs {}: {count}{verdict}", missing.name());
    }
    refused
}
