//! The command line: what may be typed, and which room answers it.
//!
//! Results go to stdout, what is wrong to stderr as one message. The exit code is 0, 1 when a run failed, or 2
//! when what was typed or configured is wrong (clap's own code for the former).

use crate::app::{self, Scene};
use crate::config::{self, Config, ConfigError, Flags};
use crate::http;
use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The exit code of a run that failed.
const RUN_FAILED: u8 = 1;
/// The exit code of a wrong configuration.
const CONFIG_WRONG: u8 = 2;
/// How long calls that still block a thread may take when everything else has ended.
const LINGER: Duration = Duration::from_millis(500);

/// An HTTP and server-sent-events gateway to Apache Kafka.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway before the brokers that the configuration names
    Serve(Serve),
    /// Run the gateway with a broker of its own, in memory
    Dev(Dev),
    /// Say `ok`, or all that is wrong with a configuration
    CheckConfig {
        /// The configuration file (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Ask the gateway of a configuration, on this machine, whether it lives: exit code 0 or 1
    Healthcheck {
        /// The configuration file (TOML); without one, defaults and the environment
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Where it listens; overrules `listen.http`
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Ask whether it can serve: not when Kafka is away, or when it is shutting down
        #[arg(long)]
        ready: bool,
    },
    /// Print the configuration that a file and the environment come to, without secrets
    PrintConfig {
        /// The configuration file (TOML)
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print the reference of all keys and their defaults instead, as Markdown
        #[arg(long, conflicts_with = "config")]
        defaults: bool,
    },
    /// Print the OpenAPI document of the HTTP API
    Openapi,
}

#[derive(Debug, Args)]
struct Serve {
    /// The configuration file (TOML); without one, defaults and the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to serve HTTP; overrules `listen.http`
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The brokers to ask first, HOST:PORT separated by commas; overrules `kafka.bootstrap_servers`
    #[arg(long, value_name = "LIST")]
    bootstrap_servers: Option<String>,
}

#[derive(Debug, Args)]
struct Dev {
    /// The configuration file (TOML); without one, defaults and the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to serve HTTP; overrules `listen.http`
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the broker listens; overrules `dev.kafka_listen`
    #[arg(long, value_name = "ADDR")]
    kafka_listen: Option<SocketAddr>,
    /// Run the broker alone, without the gateway
    #[arg(long)]
    broker_only: bool,
    /// Feed the topics orders, prices, sensors and posts, to have something to watch
    #[arg(long, conflicts_with = "broker_only")]
    demo: bool,
}

/// Parses the arguments of this process and does what they say.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(Serve { config, listen, bootstrap_servers }) => {
            let flags = Flags { listen, bootstrap_servers, ..Flags::default() };
            with_config(config.as_deref(), flags, |config| block_on(app::serve(config)))
        }
        Command::Dev(Dev { config, listen, kafka_listen, broker_only, demo }) => {
            let flags = Flags { dev: true, listen, kafka_listen, ..Flags::default() };
            let scene = match (broker_only, demo) {
                (true, _) => Scene::Broker,
                (_, true) => Scene::Demo,
                _ => Scene::Gateway,
            };
            with_config(config.as_deref(), flags, |config| block_on(app::dev(config, scene)))
        }
        Command::CheckConfig { config } => {
            with_config(Some(&config), Flags::default(), |config| match app::check(&config) {
                Ok(()) => print("ok\n"),
                Err(error) => fail(&error, CONFIG_WRONG),
            })
        }
        Command::Healthcheck { config, listen, ready } => {
            let flags = Flags { listen, ..Flags::default() };
            with_config(config.as_deref(), flags, |config| match app::healthcheck(&config, ready) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error, RUN_FAILED),
            })
        }
        Command::Openapi => print(http::openapi::text()),
        Command::PrintConfig { defaults: true, .. } => print(&config::reference()),
        Command::PrintConfig { config, .. } => {
            with_config(config.as_deref(), Flags::default(), |config| print(&config.to_toml()))
        }
    }
}

/// Loads the configuration and goes on with it, or tells what is wrong.
fn with_config(file: Option<&Path>, flags: Flags, go_on: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match load(file, flags) {
        Ok(config) => go_on(config),
        Err(error) => fail(&error, CONFIG_WRONG),
    }
}

fn load(file: Option<&Path>, flags: Flags) -> Result<Config, ConfigError> {
    Config::load(file, config::process_environment()?, flags)
}

/// Runs a future to its end on a runtime of its own.
fn block_on<E: Error>(run: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, RUN_FAILED),
    };
    let ended = runtime.block_on(run);
    // A question that Kafka has not answered yet must not hold up the end.
    runtime.shutdown_timeout(LINGER);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, RUN_FAILED),
    }
}

/// Prints to stdout. A reader that has left (`| head`) has seen what it wanted.
fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error, RUN_FAILED),
        _ => ExitCode::SUCCESS,
    }
}

/// Tells an error, with what caused it, and fails. A closed stderr leaves only the exit code.
fn fail(error: &dyn Error, code: u8) -> ExitCode {
    let mut message = format!("sluicegate: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let _ = writeln!(io::stderr().lock(), "{message}");
    ExitCode::from(code)
}
