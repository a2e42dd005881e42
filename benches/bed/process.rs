//! Processes that a bench measures: the gateway as it is built for release, the embedded broker, and the bare server.
//!
//! Each contender is a process of its own, so that none shares a scheduler with the client that measures it. A process
//! ends with its handle. What it logs is thrown away: the terminal's speed would be measured with it. It inherits the
//! environment, so `SLUICEGATE_SECTION__KEY` benches another setting.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use crate::Result;
use crate::http;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How long a process may take to be ready.
const START: Duration = Duration::from_secs(20);

/// Between two probes of one that is starting.
const PROBE: Duration = Duration::from_millis(1);

/// A running process; dropping it ends it.
pub struct Process {
    child: Child,
    /// From just before it was started until it was ready.
    pub started_in: Duration,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing that a harder end could lose, and it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Asks for its readiness until the answer is 200.
    fn await_ready(&mut self, address: SocketAddr, began: Instant) -> Result<()> {
        loop {
            let last = http::status(address, "/readyz");
            self.started_in = began.elapsed();
            if matches!(&last, Ok(head) if head.starts_with("HTTP/1.1 200")) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(
                    format!("it ended before it was ready: {status}; run it by hand to see why").into()
                );
            }
            if self.started_in > START {
                return Err(format!("/readyz of {address} was never 200, at last {last:?}").into());
            }
            http::pause(PROBE);
        }
    }

    /// The memory that is its own and resident, in bytes, as Linux's `/proc` tells it.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.status_bytes("VmRSS:")
    }

    /// The most of it since the start, or since [`Self::forget_peak`].
    pub fn peak_bytes(&self) -> Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// Lets the peak begin anew with what is resident now.
    pub fn forget_peak(&self) -> Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status_bytes(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// The processor time that it has used.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(&self.child.id().to_string())
    }

    /// Where it reads its orders, when it takes any.
    pub fn orders(&mut self) -> Result<&mut ChildStdin> {
        self.child.stdin.as_mut().ok_or_else(|| "it takes no orders".into())
    }

    /// Asks it to end as a service manager does, and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("no such process")?;
        kill_process(pid, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

/// The processor time of a process or thread, by its name in Linux's `/proc`. Counted in hundredths of a second.
pub fn cpu(name: &str) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{name}/stat"))?;
    // The name of the program, in parentheses, may hold spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * ticks.sum::<std::result::Result<u64, _>>()?))
}

/// The built binary.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_sluicegate")
}

/// `sluicegate serve` before `bootstrap`, once it says that it is ready.
pub fn serve(bootstrap: &str) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    Ok((serve_at(address, bootstrap)?, address))
}

/// The same at a known address.
pub fn serve_at(address: SocketAddr, bootstrap: &str) -> Result<Process> {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", &address.to_string(), "--bootstrap-servers", bootstrap]);
    ready(command, address)
}

/// `sluicegate dev`, once it says that it is ready.
pub fn dev() -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(binary());
    command.args(["dev", "--listen", &address.to_string(), "--kafka-listen", "127.0.0.1:0"]);
    command.stdout(Stdio::null());
    Ok((ready(command, address)?, address))
}

/// `sluicegate dev --broker-only`, and its bootstrap address.
pub fn embedded_broker() -> Result<(Process, String)> {
    let mut command = Command::new(binary());
    command.args(["dev", "--broker-only", "--kafka-listen", "127.0.0.1:0"]);
    said(command, |line| line.trim().strip_prefix("Kafka").map(|rest| rest.trim().to_owned()))
}

/// This very program as the bare server: see `bare`.
pub fn bare() -> Result<(Process, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--bare");
    let began = Instant::now();
    let (mut process, address) = said(command, |line| line.parse::<SocketAddr>().ok())?;
    process.await_ready(address, began)?;
    Ok((process, address))
}

/// Starts it, and polls until it answers its readiness probe with 200.
fn ready(mut command: Command, address: SocketAddr) -> Result<Process> {
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut process = Process { child, started_in: Duration::ZERO };
    process.await_ready(address, began)?;
    Ok(process)
}

/// Starts it, and reads what it prints until `find` has found what it looks for.
fn said<T: Send + 'static>(
    mut command: Command,
    find: impl Fn(&str) -> Option<T> + Send + 'static,
) -> Result<(Process, T)> {
    let began = Instant::now();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut process = Process { child, started_in: Duration::ZERO };
    let out = process.child.stdout.take().ok_or("the pipe was asked for")?;
    let (tell, told) = sync_channel(1);
    // Ends with the process, whose end closes the pipe; until then it keeps the pipe from filling up.
    std::thread::spawn(move || {
        let mut lines = BufReader::new(out);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(found) = find(line.trim_end()) {
                // Nobody waits any more when the start took too long.
                let _ = tell.try_send(found);
                break;
            }
            line.clear();
        }
        let _ = lines.read_to_end(&mut Vec::new());
    });
    let found = told.recv_timeout(START).map_err(|_| format!("{command:?} did not say where it listens"))?;
    process.started_in = began.elapsed();
    Ok((process, found))
}

/// An address on loopback that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
