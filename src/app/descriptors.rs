//! How many files and sockets the process may open.
//!
//! Shells and service managers start a process with a soft limit of 1024, for the sake of old programs; the hard one is
//! what is really granted. Connections to Kafka come out of the same number, so some of it is not given to clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many as are granted, and says how many connections fit beside those that are `reserved`: `wanted`, or less
/// with a warning.
pub fn fit(wanted: usize, reserved: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays");
            limit.current
        }
    };
    // No limit at all is `None`.
    let granted = granted.map_or(usize::MAX, |granted| usize::try_from(granted).unwrap_or(usize::MAX));
    let room = granted.saturating_sub(reserved).max(granted / 2);
    if room < wanted {
        tracing::warn!(
            granted,
            wanted,
            connections = room,
            "listen.max_connections is lowered: the process may not open enough files (ulimit -n, LimitNOFILE=)"
        );
    }
    wanted.min(room).max(1)
}
