//! How many files this process may have open: a connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// As many connections as this process may have open, up to `wanted`: it says so when they are fewer.
pub fn affordable(wanted: usize) -> usize {
    const OTHERS: usize = 4000;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let most = limit.maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    setrlimit(Resource::Nofile, limit).expect("a soft limit may be raised to the hard one");
    // In hundreds, because so they are opened.
    let fitting = wanted.min(most.saturating_sub(OTHERS)) / 100 * 100;
    assert!(fitting > 0, "a process that may open {most} files cannot attack anybody: ulimit -Hn");
    if fitting < wanted {
        println!("scaled down: {fitting} connections instead of {wanted}, for {most} open files are allowed");
    }
    fitting
}
