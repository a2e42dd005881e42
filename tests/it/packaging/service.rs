//! Under a service manager: what it is told, and that the unit files are what systemd takes.

use crate::harness::{Context, Test, within};
use crate::tests;
use sluicegate::config::Config;
use std::path::Path;
use std::process::Command;
use tokio::net::UnixDatagram;

pub fn tests() -> Vec<Test> {
    tests![
        a_service_manager_is_told_when_the_gateway_listens_and_when_it_goes,
        a_service_manager_that_is_gone_keeps_nobody_from_serving,
        systemd_takes_the_units_and_finds_the_service_locked_up needs [Systemd],
        the_units_allow_for_the_time_a_shutdown_may_take,
    ]
}

/// What the gateway tells next.
async fn told(manager: &UnixDatagram) -> String {
    let mut message = [0; 4096];
    let length = within("a message", manager.recv(&mut message)).await.expect("the socket is ours");
    String::from_utf8(message[..length].to_vec()).expect("sd_notify(3) is text")
}

async fn a_service_manager_is_told_when_the_gateway_listens_and_when_it_goes(context: Context) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket can be made");
    let socket = path.to_str().expect("a path of ours");
    let mut child = context.serve(&[("NOTIFY_SOCKET", socket), ("SLUICEGATE_LISTEN__DRAIN_WINDOW", "1s")]);
    let ready = told(&manager).await;
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    let address = child.address().await;
    assert!(ready.contains(&format!("STATUS=listening on {address}")), "{ready}");
    // It is told only once it is so: nobody has to try again.
    let gateway = crate::harness::Gateway::at(address);
    gateway.get("/livez").await.json(200);
    child.terminate();
    let stopping = told(&manager).await;
    assert!(stopping.lines().any(|line| line == "STOPPING=1"), "{stopping}");
    // The drain has begun, not ended: who is asked to wait for the end has to wait.
    gateway.get("/readyz").await.problem(503, "not_ready");
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn a_service_manager_that_is_gone_keeps_nobody_from_serving(context: Context) {
    let nobody = Path::new("/nonexistent/notify").to_str().expect("text");
    let mut child = context.serve(&[("NOTIFY_SOCKET", nobody)]);
    child.gateway().await.get("/livez").await.json(200);
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert!(child.stderr().iter().any(|line| line.contains("service manager was not told")));
}

/// A file of `contrib/systemd`.
fn unit(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/systemd");
    std::fs::read_to_string(folder.join(name)).expect("a file of the package")
}

/// Runs `systemd-analyze` and gives what it says, which must be no complaint.
fn analyze(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    let output = command.current_dir(folder).args(arguments).output().expect("a capability");
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complaint.is_empty(), "{arguments:?}: {said}{complaint}");
    said.into_owned()
}

async fn systemd_takes_the_units_and_finds_the_service_locked_up(_: Context) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // The program has to be where the unit says.
    let service =
        unit("sluicegate.service").replace("/usr/local/bin/sluicegate", env!("CARGO_BIN_EXE_sluicegate"));
    for (name, text) in [("sluicegate.service", service), ("sluicegate.socket", unit("sluicegate.socket"))] {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    analyze(folder.path(), &["verify", "./sluicegate.service", "./sluicegate.socket"]);
    // In tenths; what is left is the network, which a gateway needs.
    let most = ["security", "--no-pager", "--offline=yes", "--threshold=15", "./sluicegate.service"];
    let said = analyze(folder.path(), &most);
    assert!(said.contains("Overall exposure level"), "{said}");
}

async fn the_units_allow_for_the_time_a_shutdown_may_take(_: Context) {
    let (service, default) = (unit("sluicegate.service"), Config::default().listen);
    let stop = service.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("it is said");
    let stop = stop.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).expect("seconds");
    assert!(std::time::Duration::from_secs(stop) > default.shutdown_deadline);
    let socket = unit("sluicegate.socket");
    assert!(socket.contains(&format!("ListenStream={}", default.http)), "one address everywhere");
}
