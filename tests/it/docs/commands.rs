//! The commands that the book shows: each is run as it stands, on a gateway and a broker that had nothing before.
//!
//! A block of shell lines is a sequence of commands; one that no test can run (it builds something, or has a `…` where the
//! reader puts a text of their own) is passed over. `# refused: 400` before a command says what it is there to show.

use super::package;
use crate::harness::{Context, Program, Test, off_thread};
use crate::tests;
use std::fs;
use std::process::{Command, Stdio};

pub fn tests() -> Vec<Test> {
    tests![
        every_curl_of_the_book_works_as_it_stands needs [Curl, Jq],
        a_command_that_fails_or_is_not_refused_is_noticed needs [Curl],
    ]
}

/// In the order of reading: later pages read what earlier ones wrote.
const PAGES: [&str; 6] = [
    "README.md",
    "docs/quick-start.md",
    "docs/producing.md",
    "docs/streaming.md",
    "docs/delivery.md",
    GROUPS,
];

/// The page that needs a group, which only a Kafka client makes.
const GROUPS: &str = "docs/groups.md";

/// Where the book says that the gateway is.
const ADDRESS: &str = "127.0.0.1:8080";

/// A command, and the status that it is refused with if that is what it shows.
#[derive(Debug, PartialEq)]
struct Shown {
    command: String,
    refused: Option<String>,
}

/// The curls among the shell blocks of a page.
fn shown(page: &str) -> Vec<Shown> {
    let (mut shown, mut inside, mut refused, mut command) = (Vec::new(), false, None, String::new());
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && command.is_empty() && line.starts_with('#') {
            refused = line.strip_prefix("# refused: ").map(str::to_owned);
        } else if inside {
            command.push_str(line);
            // A quote that is still open goes on in the next line, and so does a line that ends with a backslash.
            if command.matches('\'').count() % 2 == 1 || command.ends_with('\\') {
                command.push('\n');
                continue;
            }
            let (command, refused) = (std::mem::take(&mut command), refused.take());
            if command.contains("curl ") && !command.contains('…') {
                shown.push(Shown { command, refused });
            }
        }
    }
    shown
}

/// Runs a command; what is wrong with what came of it.
async fn run(shown: &Shown, address: &str) -> Result<(), String> {
    let command = shown.command.replace(ADDRESS, address);
    if command.contains("curl -N ") {
        return follow(&command).await;
    }
    let command = command.replace("curl ", "curl --silent --show-error --write-out '\\n%{http_code}' ");
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &command]).env("no_proxy", "*").stdin(Stdio::null());
    let output = off_thread(move || shell.output().expect("bash runs")).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.rsplit('\n').next().unwrap_or_default();
    let wanted = match &shown.refused {
        Some(refused) => status == refused,
        None => status.starts_with('2'),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && wanted { Ok(()) } else { Err(format!("{text} {said}")) }
}

/// A stream goes on for ever: it works when it has told all that was there.
async fn follow(command: &str) -> Result<(), String> {
    let mut program = Program::start(Command::new("bash").args(["-c", command]).env("no_proxy", "*"));
    let mut seen = String::new();
    while let Some(line) = program.line().await {
        if line == "event: caught-up" {
            return Ok(());
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    Err(format!("{seen} {}", program.said()))
}

async fn every_curl_of_the_book_works_as_it_stands(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |config| config.produce.auto_create = true).await;
    let address = gateway.address().to_string();
    for page in PAGES {
        let text = fs::read_to_string(package(page)).expect("a page of the book");
        let shown = shown(&text);
        assert!(!shown.is_empty(), "{page} shows no curl");
        if page == GROUPS {
            broker.kafka().commit("billing", "orders", &[(0, 2)]).await;
        }
        for shown in shown {
            let ran = run(&shown, &address).await;
            assert!(ran.is_ok(), "{page}: {}\n{}", shown.command, ran.unwrap_err());
        }
    }
}

async fn a_command_that_fails_or_is_not_refused_is_noticed(context: Context) {
    let gateway = context.gateway().await;
    let address = gateway.address().to_string();
    let page = "```sh\n# refused: 404\ncurl 'http://127.0.0.1:8080/livez'\ncargo run\n```\n\
                curl no\n```sh\ncurl 'http://127.0.0.1:8080/nowhere'\ncurl 'http://x/…'\n\
                curl -N 'http://127.0.0.1:8080/v1/topics/nowhere-at-all/stream'\n```\n";
    let shown = shown(page);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[0].refused.as_deref(), Some("404"));
    for shown in shown {
        assert!(run(&shown, &address).await.is_err(), "{}", shown.command);
    }
}
