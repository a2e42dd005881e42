//! How each client is started, and the lines that come from it: an object of `event`, `id` and `data` for each event.

use super::rust;
use crate::harness::{DEADLINE, Page, Program, Relay, chromium, tools};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A page of `tests/clients` in headless Chromium, which may have members of a query of its own.
    Page(&'static str),
    /// A program of `tests/clients` for Node.js.
    Node(&'static str),
    /// A program of `tests/clients` for Python.
    Python(&'static str),
    /// A program of `tests/clients` that runs as it is.
    Script(&'static str),
    /// The crate `eventsource-client`.
    Rust,
}

/// A started client.
pub struct Feed {
    source: Source,
    /// The client's own files. Last, so that it goes after those who use it.
    _folder: TempDir,
}

enum Source {
    Program(Program),
    /// What a page tells comes through the relay.
    Page(mpsc::Receiver<String>, Program),
    Task(mpsc::Receiver<String>, JoinHandle<()>),
}

impl Feed {
    /// Starts a client on a stream: its path with its query, at the relay whose pages told these lines.
    pub fn start(client: Client, relay: &Relay, told: mpsc::Receiver<String>, stream: &str) -> Self {
        let Client::Page(name) = client else { return Self::at(client, &relay.url(stream)) };
        let query = percent_encoding::utf8_percent_encode(stream, percent_encoding::NON_ALPHANUMERIC);
        let joint = if name.contains('?') { '&' } else { '?' };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let page = relay.url(&format!("/{name}{joint}stream={query}"));
        let browser = Program::start(&mut chromium(folder.path(), [&page]));
        Self { source: Source::Page(told, browser), _folder: folder }
    }

    /// Starts a client that is no page on this URL.
    pub fn at(client: Client, url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let programs = tools::programs();
        let mut command = match client {
            Client::Node(name) => {
                // A module's imports are looked for beside it.
                let (program, found) =
                    (folder.path().join(name), tools::node_modules().expect("a capability"));
                std::fs::copy(programs.join(name), &program).expect("the program can be copied");
                std::os::unix::fs::symlink(found, folder.path().join("node_modules")).expect("a new folder");
                command("node", [program.as_os_str(), url.as_ref()])
            }
            Client::Python(name) => {
                let python = tools::python().expect("a capability");
                command(python, [programs.join(name).as_os_str(), url.as_ref()])
            }
            Client::Script(name) => command(programs.join(name), [url.as_ref()]),
            Client::Rust => {
                let (lines, task) = rust::start(url.to_owned());
                return Self { source: Source::Task(lines, task), _folder: folder };
            }
            Client::Page(name) => unreachable!("{name} needs a relay"),
        };
        Self { source: Source::Program(Program::start(&mut command)), _folder: folder }
    }

    /// The next line; `None` when the client has ended.
    pub async fn line(&mut self) -> Option<String> {
        let lines = match &mut self.source {
            Source::Program(program) => return program.line().await,
            Source::Page(lines, _) | Source::Task(lines, _) => lines,
        };
        match tokio::time::timeout(DEADLINE, lines.recv()).await {
            Ok(line) => line,
            Err(_) => panic!("no line in {DEADLINE:?}; the client says: {}", self.said()),
        }
    }

    /// What it has said on standard error.
    pub fn said(&self) -> String {
        match &self.source {
            Source::Program(program) | Source::Page(_, program) => program.said(),
            Source::Task(..) => String::new(),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Source::Task(_, task) = &self.source {
            task.abort();
        }
    }
}

/// The pages of `tests/clients`, with what they import.
pub fn pages() -> Vec<Page> {
    let own =
        ["counting.html", "event_source.html", "fetch_event_source.html", "seven_streams.html", "tell.js"];
    let mut pages: Vec<_> = own.map(|name| page(format!("/{name}"), &tools::programs().join(name))).into();
    if let Some(modules) = tools::node_modules() {
        let library = modules.join("@microsoft/fetch-event-source/lib/esm");
        // Its modules import each other without the ending.
        pages.extend(["index", "fetch", "parse"].map(|name| {
            page(format!("/fetch-event-source/{name}"), &library.join(name).with_extension("js"))
        }));
    }
    pages
}

fn page(path: String, file: &Path) -> Page {
    let content_type = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        _ => "text/javascript",
    };
    let body = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Page { path, content_type, body }
}

fn command<const N: usize>(program: impl AsRef<OsStr>, arguments: [&OsStr; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
