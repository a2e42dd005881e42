//! What the system knows of this process, and the scheduler of its tasks, looked up when somebody asks.
//!
//! The process' metrics have the names that all Prometheus clients give them. They are told on Linux alone.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::time::Duration;
use tokio::runtime::Handle;

/// Memory, descriptors and time of this process.
#[derive(Debug)]
pub struct Process;

/// The scheduler that runs the gateway's tasks.
#[derive(Debug)]
pub struct Runtime;

impl Collector for Process {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        // Where the system does not tell, nothing is told.
        let Some(found) = Found::look() else { return Ok(()) };
        let mut tell = |name: &str, help: &str, unit, metric: &dyn EncodeMetric| {
            metric.encode(out.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let seconds = Some(&Unit::Seconds);
        tell("process_cpu", "Processor time used.", seconds, &ConstCounter::new(found.cpu.as_secs_f64()))?;
        tell("process_start_time", "When it began, in Unix time.", seconds, &ConstGauge::new(found.start))?;
        let bytes = Some(&Unit::Bytes);
        tell("process_resident_memory", "Memory that it holds.", bytes, &ConstGauge::new(found.resident))?;
        tell("process_virtual_memory", "Addresses that it holds.", bytes, &ConstGauge::new(found.r#virtual))?;
        tell("process_threads", "Threads.", None, &ConstGauge::new(found.threads))?;
        tell("process_open_fds", "Open file descriptors.", None, &ConstGauge::new(found.open))?;
        tell("process_max_fds", "File descriptors that it may open.", None, &ConstGauge::new(found.most))
    }
}

impl Collector for Runtime {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(runtime) = Handle::try_current() else { return Ok(()) };
        let found = runtime.metrics();
        let workers = found.num_workers();
        let busy: Duration = (0..workers).map(|worker| found.worker_total_busy_duration(worker)).sum();
        let mut tell = |name: &str, help: &str, unit, metric: &dyn EncodeMetric| {
            metric.encode(out.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        tell("runtime_workers", "Threads that run tasks.", None, &ConstGauge::new(workers as i64))?;
        let (tasks, waiting) = (found.num_alive_tasks() as i64, found.global_queue_depth() as i64);
        tell("runtime_tasks", "Tasks that have not ended.", None, &ConstGauge::new(tasks))?;
        tell("runtime_queued_tasks", "Tasks that wait for any thread.", None, &ConstGauge::new(waiting))?;
        let help = "Time for which the threads were busy, of all together.";
        tell("runtime_busy", help, Some(&Unit::Seconds), &ConstCounter::new(busy.as_secs_f64()))
    }
}

/// What the system tells.
struct Found {
    cpu: Duration,
    /// Unix time in seconds.
    start: f64,
    resident: i64,
    r#virtual: i64,
    threads: i64,
    open: i64,
    most: i64,
}

#[cfg(target_os = "linux")]
impl Found {
    fn look() -> Option<Self> {
        use procfs::process::{LimitValue, Process};
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        let most = match process.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Unlimited => i64::MAX,
            LimitValue::Value(most) => i64::try_from(most).unwrap_or(i64::MAX),
        };
        Some(Self {
            cpu: Duration::from_secs_f64((stat.utime + stat.stime) as f64 / ticks),
            start: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks,
            resident: i64::try_from(stat.rss * procfs::page_size()).unwrap_or(i64::MAX),
            r#virtual: i64::try_from(stat.vsize).unwrap_or(i64::MAX),
            threads: stat.num_threads,
            open: process.fd_count().ok().and_then(|open| i64::try_from(open).ok())?,
            most,
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Found {
    fn look() -> Option<Self> {
        None
    }
}
