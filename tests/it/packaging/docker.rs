//! The image and the compose file, as far as they can be looked at without an engine. `tests/docker/check` goes on from
//! here and runs the Dockerfile's own commands.

use crate::harness::{Context, Test};
use crate::tests;
use std::path::Path;
use std::process::Command;

pub fn tests() -> Vec<Test> {
    tests![
        the_image_is_built_by_the_pinned_toolchain,
        compose_takes_its_file_and_publishes_on_loopback_alone needs [Compose],
    ]
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of the package")
}

async fn the_image_is_built_by_the_pinned_toolchain(_: Context) {
    let toolchain = file("rust-toolchain.toml");
    let pinned = toolchain.lines().find_map(|line| line.strip_prefix("channel = \""));
    let pinned = pinned.and_then(|rest| rest.strip_suffix('"')).expect("a channel");
    assert!(
        file("Dockerfile").contains(&format!("\nFROM rust:{pinned}-slim-bookworm AS build\n")),
        "{pinned}"
    );
}

async fn compose_takes_its_file_and_publishes_on_loopback_alone(_: Context) {
    let mut command = Command::new("docker-compose");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--file", "docker-compose.yml", "config"]);
    let output = command.output().expect("a capability");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("SLUICEGATE_ACCESS__ANONYMOUS: allow"), "it is said, not assumed: {said}");
    assert!(said.contains("condition: service_healthy") && said.contains("healthcheck:"), "{said}");
    let ports = said
        .split("ports:\n")
        .skip(1)
        .flat_map(|rest| rest.lines().map(str::trim_start).take_while(|line| line.starts_with("- ")));
    let ports: Vec<_> = ports.collect();
    assert!(ports.len() == 2 && ports.iter().all(|port| port.starts_with("- 127.0.0.1:")), "{ports:?}");
}
