//! How many files and sockets the process may open.
//!
//! Shells and service managers start a process with a soft limit of 1024, for the sake of old programs; the hard one is
//! what is really granted. Connections to Kafka come out of the same number, so some of it is not given to clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for producers, files and whatever else: a gateway that cannot reach its brokers serves nobody.
const RESERVE: usize = 256;

/// What a reader may need beside that: a connection to each broker that it reads from, and its thread's own files.
const RESERVE_OF_READER: usize = 4;

/// Asks for as many as are granted, and says how many connections fit beside this many Kafka readers: `wanted`, or less with
/// a warning.
pub fn fit(wanted: usize, readers: usize) -> usize {
    let reserve = RESERVE + readers * RESERVE_OF_READER;
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
    let room = granted.saturating_sub(reserve).max(granted / 2);
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
