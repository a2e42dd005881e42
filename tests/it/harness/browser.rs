//! Headless Chromium, driven as its user would drive it: pages are opened, and scripts in them look and click.
//!
//! It listens to the DevTools protocol on two pipes (`--remote-debugging-pipe`), a message of JSON and a NUL at a time,
//! so no port is opened and no client library is needed.

use super::program::Program;
use super::wait::{DEADLINE, until, within};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

/// A running browser. It ends with its handle.
pub struct Browser {
    /// Kept for what it says when something fails.
    program: Program,
    to: Sender,
    from: BufReader<Receiver>,
    asked: u64,
    /// The browser's own files. Last, so that they go after it.
    _folder: TempDir,
}

/// A page that is open in a browser.
pub struct Tab<'a> {
    browser: &'a mut Browser,
    session: String,
}

/// The browser with nothing of its own to do: its pages are ours, so it needs no sandbox, which not every machine allows.
pub fn chromium(folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-breakpad",
        "--disable-component-update",
        "--disable-sync",
        "--no-default-browser-check",
        "--no-first-run",
        "--no-proxy-server",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    // It is ended by signals, and leaves its temporary files behind.
    command.args(arguments).env("TMPDIR", folder);
    command
}

impl Browser {
    /// Starts it, without a page.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        for pipe in [&to, &from] {
            let made = Command::new("mkfifo").arg(pipe).status().expect("every system has it");
            assert!(made.success(), "{}", pipe.display());
        }
        let browser = chromium(folder.path(), ["--remote-debugging-pipe", "about:blank"]);
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec 3<"$0" 4>"$1"; shift; exec "$@""#]).arg(&to).arg(&from);
        command.arg(browser.get_program()).args(browser.get_args()).env("TMPDIR", folder.path());
        let program = Program::start(&mut command);
        // Held open at both ends, so that it has no end before the browser has opened it.
        let from = OpenOptions::new().read_write(true).open_receiver(&from).expect("it was made");
        let to =
            until("the browser opens its pipe", || async { OpenOptions::new().open_sender(&to).ok() }).await;
        Self { program, to, from: BufReader::new(from), asked: 0, _folder: folder }
    }

    /// Opens a page in a tab of its own, whose window is of this size in CSS pixels.
    pub async fn open(&mut self, url: &str, [width, height]: [u32; 2]) -> Tab<'_> {
        let target = self.ask(None, "Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.ask(None, "Target.attachToTarget", attach).await["sessionId"].clone();
        let mut tab = Tab { browser: self, session: session.as_str().expect("an id").to_owned() };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        tab.ask("Emulation.setDeviceMetricsOverride", size).await;
        tab.ask("Page.enable", json!({})).await;
        tab.ask("Page.navigate", json!({ "url": url })).await;
        tab
    }

    /// Asks, and waits for the answer; what the browser tells meanwhile is nobody's business here.
    async fn ask(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let message = format!("{message}\0");
        within(method, self.to.write_all(message.as_bytes())).await.expect("the browser listens");
        loop {
            let mut answer = Vec::new();
            let read = tokio::time::timeout(DEADLINE, self.from.read_until(0, &mut answer)).await;
            let read = read.unwrap_or_else(|_| panic!("no answer to {method}: {}", self.program.said()));
            read.expect("the pipe is open");
            let answer: Value =
                serde_json::from_slice(answer.strip_suffix(&[0]).unwrap_or(&answer)).expect("JSON");
            if answer["id"] == self.asked {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }
}

impl Tab<'_> {
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.browser.ask(Some(&self.session), method, params).await
    }

    /// What an expression of JavaScript comes to in the page; a promise is awaited.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page. What is to be seen in it is the failure's last word.
    pub async fn until(&mut self, expression: &str) {
        let begun = std::time::Instant::now();
        while self.evaluate(expression).await != true {
            if begun.elapsed() > DEADLINE {
                let seen = self.evaluate("document.body.innerText").await;
                panic!("waited in vain for {expression}: {}", seen.as_str().unwrap_or_default());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Opens another page in place of this one.
    pub async fn go(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url })).await;
    }
}
