//! The seam between the command line and the gateway.

use crate::config::Config;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This build has no gateway to run.
    #[error("this build has no gateway")]
    Absent,
}

/// Runs the gateway.
///
/// # Errors
/// [`Error`].
pub async fn serve(_config: Config) -> Result<(), Error> {
    Err(Error::Absent)
}

/// Runs the gateway with the embedded broker.
///
/// # Errors
/// [`Error`].
pub async fn dev(_config: Config, _broker_only: bool) -> Result<(), Error> {
    Err(Error::Absent)
}
