//! The workers of a group. Each is run with a handler in place of its own, put there as it tells its readers to: one that
//! prints what it was given, fails where a record says so and it came for the first time, and waits where a record says so.

use super::example;
use crate::grouped::Worked;
use crate::harness::{Context, Cut, Draft, Gateway, Program, Relay, Test, fixed_address, until};
use crate::tests;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        the_python_worker_works_each_record_off_in_order_through_cuts needs [Python],
        the_node_worker_works_each_record_off_in_order_through_cuts needs [Node],
        the_shell_worker_works_each_record_off_in_order_through_cuts needs [Curl, Jq],
        the_python_worker_ends_when_what_it_holds_is_done needs [Python],
        the_node_worker_ends_when_what_it_holds_is_done needs [Node],
        the_shell_worker_ends_when_what_it_holds_is_done needs [Curl, Jq],
        the_python_worker_comes_again_when_it_is_told_to needs [Python],
        the_node_worker_comes_again_when_it_is_told_to needs [Node],
        the_shell_worker_comes_again_when_it_is_told_to needs [Curl, Jq],
        the_python_worker_outlives_a_gateway_that_is_away needs [Python],
        the_node_worker_outlives_a_gateway_that_is_away needs [Node],
        the_shell_worker_outlives_a_gateway_that_is_away needs [Curl, Jq],
    ]
}

/// How a worker is run with another handler: the interpreter, its options, the program, and the file that it takes in. The
/// folder of examples is the program's first argument, and the file that a waiting record waits for the second.
type Kind = (&'static str, &'static [&'static str], &'static str);

const PYTHON: Kind = (
    "python3",
    &["-B", "-c"],
    r#"
import os, sys, time
folder, go = sys.argv[1:3]
sys.path.insert(0, folder)
import worker

def handle(record):
    if record["value"].get("fails") and "attempt" not in record:
        raise ValueError("not yet")
    worker.handle(record)
    while record["value"].get("waits") and not os.path.exists(go):
        time.sleep(0.01)

worker.main(sys.argv[3:], handle)
"#,
);

const NODE: Kind = (
    "node",
    &["--input-type=module", "-e"],
    r#"
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
const [, folder, go, ...rest] = process.argv;
const { main } = await import(`${folder}/worker.mjs`);

await main(rest, async (record) => {
  if (record.value.fails && !record.attempt) throw new Error("not yet");
  console.log(JSON.stringify(record));
  while (record.value.waits && !existsSync(go)) await sleep(10);
});
"#,
);

const SHELL: Kind = (
    "bash",
    &["-c"],
    r#"
folder=$1 go=$2
shift 2
source "$folder/worker.sh"

handle() {
    case $1 in
        *'"fails":true'*'"attempt":'*) ;;
        *'"fails":true'*) false ;;
    esac
    printf '%s\n' "$1"
    case $1 in *'"waits":true'*) until [ -e "$go" ]; do sleep 0.01; done ;; esac
}

main "$@"
"#,
);

async fn the_python_worker_works_each_record_off_in_order_through_cuts(context: Context) {
    works_each_record_off_in_order(&context, PYTHON).await;
}

async fn the_node_worker_works_each_record_off_in_order_through_cuts(context: Context) {
    works_each_record_off_in_order(&context, NODE).await;
}

async fn the_shell_worker_works_each_record_off_in_order_through_cuts(context: Context) {
    works_each_record_off_in_order(&context, SHELL).await;
}

async fn the_python_worker_ends_when_what_it_holds_is_done(context: Context) {
    ends_when_what_it_holds_is_done(&context, PYTHON).await;
}

async fn the_node_worker_ends_when_what_it_holds_is_done(context: Context) {
    ends_when_what_it_holds_is_done(&context, NODE).await;
}

async fn the_shell_worker_ends_when_what_it_holds_is_done(context: Context) {
    ends_when_what_it_holds_is_done(&context, SHELL).await;
}

async fn the_python_worker_comes_again_when_it_is_told_to(context: Context) {
    comes_again_when_it_is_told_to(&context, PYTHON).await;
}

async fn the_node_worker_comes_again_when_it_is_told_to(context: Context) {
    comes_again_when_it_is_told_to(&context, NODE).await;
}

async fn the_shell_worker_comes_again_when_it_is_told_to(context: Context) {
    comes_again_when_it_is_told_to(&context, SHELL).await;
}

async fn the_python_worker_outlives_a_gateway_that_is_away(context: Context) {
    outlives_a_gateway_that_is_away(&context, PYTHON).await;
}

async fn the_node_worker_outlives_a_gateway_that_is_away(context: Context) {
    outlives_a_gateway_that_is_away(&context, NODE).await;
}

async fn the_shell_worker_outlives_a_gateway_that_is_away(context: Context) {
    outlives_a_gateway_that_is_away(&context, SHELL).await;
}

/// Starts a worker of a group; where it is told to wait it waits for the file `go`.
fn start((interpreter, options, program): Kind, worked: &Worked, gateway: &str, go: &Path) -> Program {
    let mut command = Command::new(interpreter);
    command.args(options).arg(program);
    if interpreter == "bash" {
        // What a program from the command line calls itself.
        command.arg("worker");
    }
    command.arg(example("").as_os_str().to_string_lossy().trim_end_matches('/')).arg(go);
    Program::start(command.args([gateway, &worked.group, &worked.topic]))
}

/// The next records that a worker was handed.
async fn handed(program: &mut Program, records: usize) -> Vec<Value> {
    let mut handed = Vec::new();
    while handed.len() < records {
        let line = program.line().await;
        let line = line.unwrap_or_else(|| panic!("it ended: {}", program.said()));
        handed.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
    }
    handed
}

/// Ends a worker, which must succeed; what it was handed meanwhile.
async fn ended(program: Program) -> Vec<Value> {
    let said = program.finish(Duration::from_secs(30)).await.expect("it ends with 0");
    said.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Partition and offset.
fn place(record: &Value) -> (i64, i64) {
    let number = |name: &str| record[name].as_i64().unwrap_or_else(|| panic!("{name} in {record}"));
    (number("partition"), number("offset"))
}

/// Writes so many records to each partition of three; those at these places get a value that says so.
async fn write(worked: &Worked, records: i64, special: &[((i32, i64), &str)]) {
    let writer = worked.kafka.writer();
    for partition in 0..3 {
        let value = |offset| match special.iter().find(|(at, _)| *at == (partition, offset)) {
            Some((_, what)) => json!({"n": offset, *what: true}),
            None => json!({"n": offset}),
        };
        let drafts = (0..records).map(|offset| Draft::value(value(offset).to_string()));
        writer.write_all(&worked.topic, partition, drafts).await;
    }
}

/// A file that is not there.
fn go() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let go = folder.path().join("go");
    (folder, go)
}

/// The number of records in each partition.
const RECORDS: i64 = 100;

async fn works_each_record_off_in_order(context: &Context, kind: Kind) {
    let gateway = context.gateway().await;
    let worked = Worked::new(context, gateway.clone(), 3).await;
    let fails = (1, 50);
    write(&worked, RECORDS, &[(fails, "fails")]).await;
    // In an answer's head, and twice amid records: replies that are lost, of polls that took records.
    let cuts = [Cut::Closed(40), Cut::Reset(3_003), Cut::Closed(9_001)];
    let (relay, _) = Relay::start(gateway.address(), cuts, Vec::new()).await;
    let (_folder, go) = go();
    let mut program = start(kind, &worked, &relay.url(""), &go);
    let handed = handed(&mut program, 3 * RECORDS as usize).await;
    assert_eq!(relay.cuts(), cuts.len(), "{}", program.said());
    // A lost reply counts as no attempt: only the one that failed came again.
    let again: Vec<_> = handed.iter().filter(|record| record.get("attempt").is_some()).collect();
    let told: Vec<_> = again.iter().map(|record| (place(record), record["attempt"].as_i64())).collect();
    assert_eq!(told, [((i64::from(fails.0), fails.1), Some(2))], "{}", program.said());
    for partition in 0..3 {
        let places = handed.iter().filter(|record| record.get("attempt").is_none()).map(place);
        let offsets: Vec<_> = places.filter(|(of, _)| *of == partition).map(|(_, offset)| offset).collect();
        let missing = (partition == i64::from(fails.0)).then_some(fails.1);
        assert!(
            offsets.iter().copied().eq((0..RECORDS).filter(|offset| Some(*offset) != missing)),
            "{partition}: {offsets:?}"
        );
    }
    worked.until_committed(&[RECORDS; 3]).await;
    // It waits for more; told to end, it does at once.
    assert!(program.said().contains("1:50"), "{}", program.said());
    program.signal(Signal::TERM);
    assert_eq!(ended(program).await, Vec::<Value>::new());
    assert_eq!(worked.committed(3).await, [RECORDS; 3]);
}

async fn ends_when_what_it_holds_is_done(context: &Context, kind: Kind) {
    let worked = Worked::new(context, context.gateway().await, 3).await;
    // Far more than it takes before it hears of a signal, on however busy a machine.
    let records = 5 * RECORDS;
    write(&worked, records, &[((0, 0), "waits"), ((1, 0), "waits"), ((2, 0), "waits")]).await;
    let (_folder, go) = go();
    let mut program = start(kind, &worked, &worked.gateway.url(""), &go);
    let mut done = handed(&mut program, 1).await;
    for signal in [Signal::TERM, Signal::INT] {
        program.signal(signal);
    }
    fs::write(&go, "").expect("a file can be made");
    done.extend(ended(program).await);
    let places: Vec<_> = done.iter().map(place).collect();
    assert!(done.len() < 3 * records as usize, "it went on for more: {places:?}");
    let of = |partition: i64| done.iter().filter(|record| place(record).0 == partition).count() as i64;
    let held = [of(0), of(1), of(2)];
    worked.until_committed(&held).await;
    // Nothing is held any more: what comes now begins right there, for the first time.
    let next = worked.next(json!({"max": 10_000})).await;
    assert!(next.attempts().iter().all(|attempt| *attempt == 1), "{:?}", next.attempts());
    for (partition, held) in (0..).zip(held) {
        let first = next.places().into_iter().find(|(of, _)| *of == partition);
        assert!(
            first.is_none_or(|(_, offset)| offset == held),
            "{partition} begins at {first:?}, not {held}"
        );
    }
}

async fn comes_again_when_it_is_told_to(context: &Context, kind: Kind) {
    let change = |config: &mut sluicegate::config::Config| {
        config.groups.max_members = 1;
        config.groups.linger = Duration::from_secs(3);
    };
    let worked = Worked::new(context, context.gateway_with(change).await, 3).await;
    write(&worked, 1, &[]).await;
    // The one member that there may be is another group's, for a while.
    let other = Worked { group: context.name("other"), ..worked.clone() };
    other.post("poll", &other.asking(&json!({"wait_ms": 0, "ack": "none"}))).await;
    let (_folder, go) = go();
    let mut program = start(kind, &worked, &worked.gateway.url(""), &go);
    handed(&mut program, 3).await;
    // `Retry-After` is a second; the pause of the worker's own would be at most that at first.
    let said = program.said();
    let mut pauses =
        said.lines().filter_map(|line| line.strip_suffix(" s")?.rsplit(' ').next()?.parse::<f64>().ok());
    let first = pauses.next().unwrap_or_else(|| panic!("it was not refused: {said}"));
    assert!(said.contains("Overloaded") && (1.5..=2.0).contains(&first), "{said}");
    // A shell that inherits INT as ignored, as every child of a background job does, can never hear it.
    program.signal(if kind == SHELL { Signal::TERM } else { Signal::INT });
    ended(program).await;
    worked.until_committed(&[1; 3]).await;
}

async fn outlives_a_gateway_that_is_away(context: &Context, kind: Kind) {
    let address = fixed_address(&mut StdRng::from_rng(&mut rand::rng()));
    let worked = Worked::new(context, Gateway::at(address), 3).await;
    write(&worked, 1, &[]).await;
    let (_folder, go) = go();
    let mut program = start(kind, &worked, &worked.gateway.url(""), &go);
    until("it was refused twice", || async {
        (program.said().matches("asks again in").count() >= 2).then_some(())
    })
    .await;
    let mut child = context.serve_at(&address.to_string(), &[]);
    child.line("listening").await;
    handed(&mut program, 3).await;
    worked.until_committed(&[1; 3]).await;
    child.kill().await;
    // Told to end while nobody answers, it does not ask for ever, and says so.
    until("it is refused again", || async {
        (program.said().matches("asks again in").count() >= 3).then_some(())
    })
    .await;
    program.signal(Signal::TERM);
    let said =
        program.finish(Duration::from_secs(60)).await.expect_err("it could not be told that all is well");
    assert!(said.contains("comes again"), "{said}");
}
