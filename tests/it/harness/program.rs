//! A program of others in a process of its own: a client or a proxy, whose lines on standard output a test reads.
//!
//! It gets a process group, so that what it starts ends with it: the group is killed when the handle is dropped. What
//! it says on standard error is told when it was expected to say more. The gateway's own binary is [`super::Child`]'s.

use super::kafka::off_thread;
use super::wait::{DEADLINE, until};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a program that was asked to end may tidy up.
const GRACE: Duration = Duration::from_secs(3);

/// A running program.
pub struct Program {
    process: Child,
    lines: mpsc::Receiver<String>,
    said: Arc<Mutex<String>>,
    /// Closed when its standard output is.
    output: Mutex<Receiver<()>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        // Whatever the environment says, clients ask this machine without a proxy.
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        let mut process = command.spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel(1024);
        let (stdout, stderr) = (process.stdout.take().expect("piped"), process.stderr.take().expect("piped"));
        let (open, output) = std::sync::mpsc::sync_channel::<()>(0);
        let said: Arc<Mutex<String>> = Arc::default();
        let kept = said.clone();
        let readers = vec![
            std::thread::spawn(move || {
                let _open = open;
                read_lines(stdout, |line| sender.blocking_send(line).is_ok());
            }),
            std::thread::spawn(move || {
                read_lines(stderr, |line| {
                    let mut said = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    said.push_str(&line);
                    said.push('\n');
                    true
                });
            }),
        ];
        Self { process, lines, said, output: Mutex::new(output), readers }
    }

    /// Its next line; `None` when it has ended.
    pub async fn line(&mut self) -> Option<String> {
        match tokio::time::timeout(DEADLINE, self.lines.recv()).await {
            Ok(line) => line,
            Err(_) => panic!("no line in {DEADLINE:?}; on standard error: {}", self.said()),
        }
    }

    /// What it has written to standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a signal to the program itself.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("our own child can be signalled");
    }

    /// Waits until the program itself has ended.
    pub async fn ended(&self) {
        until("the program ends", || async { self.has_ended().then_some(()) }).await;
    }

    /// Reads it to its end, which must come within `deadline`: all that it said.
    ///
    /// # Errors
    /// The same, when it failed.
    pub async fn finish(mut self, deadline: Duration) -> Result<String, String> {
        let mut said = String::new();
        let reads = async {
            while let Some(line) = self.lines.recv().await {
                said.push_str(&line);
                said.push('\n');
            }
        };
        if tokio::time::timeout(deadline, reads).await.is_err() {
            panic!("not over after {deadline:?}: {said}\n{}", self.said());
        }
        self.ended().await;
        let succeeded = self.process.wait().expect("our own child").success();
        let readers = std::mem::take(&mut self.readers);
        off_thread(move || {
            for reader in readers {
                reader.join().expect("reading lines does not panic");
            }
        })
        .await;
        said.push_str(&self.said());
        if succeeded { Ok(said) } else { Err(said) }
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32).expect("a process has an id")
    }

    /// Whether the program has ended. It is not waited for, so that its id stays ours.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.id()), look).is_ok_and(|ended| ended.is_some())
    }

    /// Asks it to end, waits a little, and then does not ask.
    fn end(&mut self) {
        if !self.has_ended() {
            kill_process_group(self.id(), Signal::TERM).ok();
            // Nothing is ever sent: this waits until all who could write to its output are gone.
            let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
            output.recv_timeout(GRACE).ok();
        }
        kill_process_group(self.id(), Signal::KILL).ok();
        self.process.wait().ok();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A reader that waits for room goes on, and ends at the end of the output.
        self.lines.close();
        self.end();
        for reader in self.readers.drain(..) {
            reader.join().expect("reading lines does not panic");
        }
    }
}

/// Gives each line to `take`, and reads on to the end even when nobody takes them.
fn read_lines(pipe: impl Read, mut take: impl FnMut(String) -> bool) {
    let mut taken = true;
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        taken = taken && take(line);
    }
}
