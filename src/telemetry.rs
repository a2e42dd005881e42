//! What the gateway tells about itself: log lines and metrics.
//!
//! Metrics are one typed struct that every room is handed, so a name or a label cannot be misspelt in two places.
//! Traces and librdkafka's statistics are absent until the edge is finished.

mod metrics;

pub use metrics::{Metrics, RequestLabels};

use crate::config::{LogFormat, Telemetry};
use std::io::{self, IsTerminal};
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
    Ok(())
}
