//! The built binary in a process of its own, for what only a process can show: signals, exit codes, output.

use super::gateway::Gateway;
use super::kafka::off_thread;
use super::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A child process. It is killed when dropped, by its own id.
pub struct Child {
    process: std::process::Child,
    stdout: Output,
    stderr: Output,
}

/// What a process has written so far to one of its outputs.
#[derive(Default)]
struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    /// Collects lines until the process closes its end.
    fn collect(pipe: impl Read + Send + 'static) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { lines, reader: Some(reader) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading lines does not panic");
        }
    }
}

const BINARY: &str = env!("CARGO_BIN_EXE_sluicegate");

impl Child {
    /// Starts the binary with these arguments, and of our own variables with none but these.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments).stdin(Stdio::null());
        Self::spawn(command, variables)
    }

    /// The same after a command of the shell's, such as one that sets limits.
    pub fn start_under(shell: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!(r#"{shell}; exec "$0" "$@""#), BINARY]).args(arguments);
        command.stdin(Stdio::null());
        Self::spawn(command, variables)
    }

    /// The same with a socket that listens already, passed on as a service manager does it (sd_listen_fds(3)).
    pub fn start_on(socket: &TcpListener, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let socket = socket.try_clone().expect("a socket can be cloned");
        let mut command = Command::new("sh");
        let passes_on = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@""#;
        command.args(["-c", passes_on, BINARY]).args(arguments).stdin(OwnedFd::from(socket));
        Self::spawn(command, variables)
    }

    /// The same with two sockets, by these names (`FileDescriptorName=`).
    pub fn start_on_both(
        sockets: [OwnedFd; 2],
        names: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let [first, second] = sockets;
        let mut command = Command::new("sh");
        let passes_on =
            r#"exec 3<&0 4>&1 </dev/null >&2; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=$0 exec "$@""#;
        command.args(["-c", passes_on, names, BINARY]).args(arguments).stdin(first);
        Self::spawn_into(command, second.into(), variables)
    }

    fn spawn(command: Command, variables: &[(&str, &str)]) -> Self {
        Self::spawn_into(command, Stdio::piped(), variables)
    }

    fn spawn_into(mut command: Command, stdout: Stdio, variables: &[(&str, &str)]) -> Self {
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLUICEGATE_"))
        {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).stdout(stdout).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the binary starts");
        let stdout = process.stdout.take().map(Output::collect).unwrap_or_default();
        let stderr = Output::collect(process.stderr.take().expect("piped"));
        Self { process, stdout, stderr }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The lines on standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// The lines on standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Waits for a line on either output that holds this text.
    pub async fn line(&mut self, text: &str) -> String {
        until(&format!("a line with `{text}`"), || {
            let (mut lines, over) = (self.stdout(), self.process.try_wait().expect("our own child"));
            lines.extend(self.stderr());
            let found = lines.iter().find(|line| line.contains(text)).cloned();
            assert!(found.is_some() || over.is_none(), "ended ({over:?}) without `{text}`: {lines:#?}");
            async move { found }
        })
        .await
    }

    /// The gateway it runs, as soon as its log says where it listens.
    pub async fn gateway(&mut self) -> Gateway {
        Gateway::at(self.address().await)
    }

    /// Where the gateway it runs listens.
    pub async fn address(&mut self) -> SocketAddr {
        let line = self.line("listening").await;
        // A log line of either format.
        let mut words = line.split([' ', '"', ',']).map(|word| word.trim_start_matches("address="));
        words.find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("no address in {line}"))
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = Pid::from_raw(self.process.id() as i32).expect("a process has an id");
        kill_process(pid, Signal::TERM).expect("our own child can be signalled");
    }

    /// Sends SIGKILL, and waits until it is gone: it was given no time to end anything.
    pub async fn kill(&mut self) {
        self.process.kill().expect("our own child can be signalled");
        self.ended().await;
    }

    /// Waits until it has ended and all its output was read.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = until("the process ends", || {
            let status = self.process.try_wait().expect("our own child");
            async move { status }
        })
        .await;
        let (mut out, mut err) = (self.stdout.reader.take(), self.stderr.reader.take());
        off_thread(move || {
            for reader in [out.take(), err.take()].into_iter().flatten() {
                reader.join().expect("reading lines does not panic");
            }
        })
        .await;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            self.process.kill().ok();
            self.process.wait().ok();
        }
        self.stdout.finish();
        self.stderr.finish();
    }
}
