//! The example of a configuration file: it is taken as it stands, and says what it seems to say.

use crate::harness::{Child, Context, Test};
use crate::tests;
use sluicegate::config::{Config, Flags};
use std::path::{Path, PathBuf};

pub fn tests() -> Vec<Test> {
    tests![the_example_of_a_configuration_is_taken, what_the_example_leaves_to_be_uncommented_is_taken_too,]
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/sluicegate.toml")
}

async fn the_example_of_a_configuration_is_taken(_: Context) {
    let mut child = Child::start(&["check-config", "--config", &example().display().to_string()], &[]);
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
    assert_eq!(child.stdout(), ["ok"]);
}

async fn what_the_example_leaves_to_be_uncommented_is_taken_too(_: Context) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (file, secret) = (folder.path().join("sluicegate.toml"), folder.path().join("password"));
    std::fs::write(&secret, "secret").expect("the folder is ours");
    let text = std::fs::read_to_string(example()).expect("a file of the package");
    let text = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    let text = text.collect::<Vec<_>>().join("\n");
    let told = "/run/credentials/sluicegate.service/kafka-password";
    assert!(text.contains(told), "{text}");
    std::fs::write(&file, text.replace(told, &secret.display().to_string())).expect("the folder is ours");
    let config = Config::load(Some(&file), [], Flags::default()).expect("it is taken");
    assert_eq!(config.kafka.properties.get("security.protocol"), Some("sasl_ssl"));
    assert_eq!(config.kafka.properties.get("sasl.password"), Some("secret"));
}
