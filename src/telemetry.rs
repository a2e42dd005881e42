//! What the gateway tells about itself: log lines and metrics, and why a stream ended.
//!
//! Metrics are one typed struct that every room is handed, so a name or a label cannot be misspelt in two places.
//! A panic is a line like any other, with its place. Traces of their own are absent: what others have begun is named
//! in the lines by its `traceparent`.

mod metrics;
mod plain;
mod tally;

pub use metrics::{ClientStatistics, Exposition, GroupFigures, KafkaClient, Metrics, RequestLabels, Traffic};
pub use plain::{plain, plain_path};
pub use prometheus_client::metrics::gauge::Gauge;
pub use tally::{End, Tally};

use crate::config::{LogFormat, Telemetry};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not of the form `level` or `target=level,…`.
    #[error("telemetry.log: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in the process logs already.
    #[error(transparent)]
    Taken(#[from] TryInitError),
}

/// Sends log lines to standard error as the section says, for the whole process.
///
/// # Errors
/// When the filter cannot be read, or logging was begun before.
pub fn start_logging(settings: &Telemetry) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(&settings.log)?;
    let lines =
        tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Text => registry.with(lines).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    std::panic::set_hook(Box::new(tell));
    Ok(())
}

/// How much of what a panic says is told, in bytes.
const MAX_PANIC_BYTES: usize = 4096;

/// Logs a panic. Its backtrace is told when `RUST_BACKTRACE` asks for one.
fn tell(panic: &PanicHookInfo<'_>) {
    let (thread, place) = (std::thread::current(), panic.location().map(ToString::to_string));
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    let said = plain(panic.payload_as_str().unwrap_or("it did not say why"), MAX_PANIC_BYTES);
    tracing::error!(target: "sluicegate::panic", thread = thread.name(), place, backtrace = trace, "{said}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, set_hook, take_hook};
    use std::sync::{Arc, Mutex};

    /// Where lines are kept.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_with_its_place() {
        let kept = Kept::default();
        let sink = kept.clone();
        let lines =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || sink.clone()).finish();
        let before = take_hook();
        set_hook(Box::new(tell));
        tracing::subscriber::with_default(lines, || {
            catch_unwind(|| panic!("broken by\nhand")).expect_err("it panics");
        });
        set_hook(before);
        let text = String::from_utf8(kept.0.lock().expect("whole").clone()).expect("text");
        let line: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(
            (&line["level"], &line["target"]),
            (&"ERROR".into(), &"sluicegate::panic".into()),
            "{line}"
        );
        assert_eq!(line["message"], "broken by hand");
        assert!(line["place"].as_str().is_some_and(|place| place.starts_with("src/telemetry.rs:")), "{line}");
        assert!(line["thread"].is_string(), "{line}");
    }
}
