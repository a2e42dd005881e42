//! What a process holds in memory, as Linux tells it; elsewhere nothing is known, and that is said.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it is looked at.
const STEP: Duration = Duration::from_millis(50);

/// The resident memory of a process, watched for its highest.
pub struct Memory {
    process: u32,
    highest: Arc<AtomicUsize>,
    watch: JoinHandle<()>,
}

/// The resident bytes of a process.
fn resident(process: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<usize>().ok().map(|kib| kib * 1024)
}

impl Memory {
    /// Watches a process; `None`, said aloud, where its memory cannot be seen.
    pub fn watch(process: u32) -> Option<Self> {
        if resident(process).is_none() {
            println!("skipped: memory is not looked at, for there is no /proc here");
            return None;
        }
        let highest = Arc::new(AtomicUsize::new(0));
        let seen = highest.clone();
        let watch = tokio::spawn(async move {
            let mut tick = tokio::time::interval(STEP);
            loop {
                tick.tick().await;
                let Some(now) = resident(process) else { return };
                seen.fetch_max(now, Ordering::Relaxed);
            }
        });
        Some(Self { process, highest, watch })
    }

    /// The bytes now.
    pub fn now(&self) -> usize {
        resident(self.process).expect("it could be seen before")
    }

    /// The most since this was asked last.
    pub fn highest(&self) -> usize {
        self.highest.swap(0, Ordering::Relaxed).max(self.now())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
