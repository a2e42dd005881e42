//! The command line as a caller sees it: the built binary, its output and its exit codes.
//!
//! Only what needs no broker: `check-config` and `print-config`, and the configurations that `serve` and `dev`
//! refuse before they start anything. The single messages are tested beside their code; here it is that each
//! class of them reaches stderr, that secrets do not, and that the committed reference is the printed one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A word that stands for a secret in these tests, and must never be seen again.
const SECRET: &str = "correct-horse-battery";

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A folder of its own, where the binary runs with no environment but what is given.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        fs::write(folder.path().join("gate.toml"), toml).expect("the folder is ours");
        Self { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command.args(arguments).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        let output = command.envs(environment.iter().copied()).output().expect("the binary was built");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
        }
    }

    fn check(&self, environment: &[(&str, &str)]) -> Ran {
        self.run(&["check-config", "--config", "gate.toml"], environment)
    }

    fn print(&self, environment: &[(&str, &str)]) -> Ran {
        self.run(&["print-config", "--config", "gate.toml"], environment)
    }
}

#[test]
fn a_right_configuration_is_ok() {
    let place = Place::with("[streams]\nheartbeat = '20s'\n[kafka.properties]\nsecurity.protocol = 'ssl'\n");
    let ran = place.check(&[("SLUICEGATE_KAFKA__CONSUMER__FETCH__MIN__BYTES", "1"), ("HOME", "/")]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "ok\n", ""), "{ran:?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_class_of_mistake_is_told_on_stderr_with_code_2() {
    for (toml, environment, told) in [
        ("x = ", None, "gate.toml:1:5: this is not TOML"),
        ("[lisen]", None, "gate.toml: lisen: unknown section; did you mean `listen`?"),
        ("[listen]\nhtp = 1", None, "gate.toml: listen.htp: unknown key; did you mean `http`?"),
        (
            "listen.http = 8080",
            None,
            "gate.toml: listen.http: found 8080; allowed: an IP address with a port",
        ),
        (
            "listen.cors_origins = ['*']",
            None,
            "gate.toml: listen.cors_origins: found \"*\", a `*` stands for no",
        ),
        (
            "streams.heartbeat = '20'",
            None,
            "gate.toml: streams.heartbeat: found \"20\", a number without its unit",
        ),
        (
            "streams.heartbeat = '4s'",
            None,
            "gate.toml: streams.heartbeat: found \"4s\"; allowed: a duration from `5s`",
        ),
        ("produce.max_record_bytes = 0", None, "found 0; allowed: an integer from 1 to 104857600"),
        (
            "produce.max_record_bytes = 104857601",
            None,
            "found 104857601; allowed: an integer from 1 to 104857600",
        ),
        ("produce.auto_create = 'yes'", None, "found \"yes\"; allowed: `true` or `false`"),
        ("produce.compression = 'rar'", None, "found \"rar\"; allowed: one of `none`, `gzip`"),
        ("telemetry.log = 'inof'", None, "gate.toml: telemetry.log: found \"inof\"; allowed: `LEVEL`"),
        (
            "kafka.bootstrap_servers = ''",
            None,
            "gate.toml: kafka.bootstrap_servers: found \"\"; allowed: one or more",
        ),
        (
            "produce.queue_bytes = 8192",
            None,
            "gate.toml: produce.queue_bytes: found 8192, of which one partition",
        ),
        (
            "kafka.properties.debug = ['all']",
            None,
            "gate.toml: kafka.properties.debug: found a list; allowed: a text",
        ),
        (
            "[kafka.properties]\nsasl.password_file = 'nosuch'",
            None,
            "\"sasl.password_file\": nosuch cannot be read",
        ),
        (
            "groups.shared_secret = 'short'",
            None,
            "gate.toml: groups.shared_secret: found a secret of another form; allowed: empty, or a text of 16 to",
        ),
        (
            "groups.shared_secret = '********'",
            None,
            "found the mask that `print-config` prints; allowed: empty",
        ),
        (
            "groups.shared_secret_file = 'nosuch'",
            None,
            "gate.toml: groups.shared_secret_file: nosuch cannot be read",
        ),
        (
            "groups.shared_secret_file = 'gate.toml'\ngroups.shared_secret = 'sixteen bytes: 16'",
            None,
            "gate.toml: groups.shared_secret_file: found a file beside `groups.shared_secret`; allowed: one",
        ),
        ("", Some(("SLUICEGATE_LISTEN_HTTP", "x")), "environment: SLUICEGATE_LISTEN_HTTP: unknown variable"),
        (
            "",
            Some(("SLUICEGATE_LISTEN__HTTP", "x")),
            "environment: SLUICEGATE_LISTEN__HTTP: found \"x\"; allowed: an",
        ),
    ] {
        let ran = Place::with(toml).check(environment.as_slice());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{toml}: {ran:?}");
        assert!(ran.stderr.starts_with("sluicegate: the configuration is wrong: "), "{toml}: {ran:?}");
        assert!(ran.stderr.contains(told), "{toml}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{toml}: {ran:?}");
    }
}

#[test]
fn a_missing_file_and_wrong_flags_end_with_code_2() {
    let place = Place::with("");
    let ran = place.run(&["check-config", "--config", "nosuch.toml"], &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("flag --config nosuch.toml: the file cannot be read: No such file"),
        "{ran:?}"
    );
    for arguments in [
        &["serve", "--config", "nosuch.toml"][..],
        &["dev", "--config", "nosuch.toml"],
        &["serve", "--bootstrap-servers", "a:x"],
        &["serve", "--listen", "localhost"],
        &["dev", "--kafka-listen", "9092"],
        &["print-config", "--defaults", "--config", "gate.toml"],
        &["check-config"],
        &["sevre"],
        &[],
    ] {
        let ran = place.run(arguments, &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
    // The flag has the last word, and so it is the one that is told.
    let environment = [("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", "right:9092")];
    let ran = place.run(&["serve", "--bootstrap-servers", "a:x"], &environment);
    assert!(ran.stderr.contains("flag --bootstrap-servers: found \"a:x\"; allowed: one or more"), "{ran:?}");
}

#[test]
fn a_variable_that_is_no_text_is_told() {
    let place = Place::with("");
    let mut command = place.command(&["print-config"]);
    let output =
        command.env("SLUICEGATE_KAFKA__CLIENT_ID", OsStr::from_bytes(b"\xff")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
    assert!(
        stderr.contains("environment: SLUICEGATE_KAFKA__CLIENT_ID: found bytes that are no text"),
        "{stderr}"
    );
    let mut command = place.command(&["print-config"]);
    let output = command.env("OTHER", OsStr::from_bytes(b"\xff")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "a variable that is not ours is nobody's business");
}

#[test]
fn every_property_that_the_reference_calls_refused_is_refused_in_every_table() {
    let reference = fs::read_to_string(reference_path()).expect("docs/config.md is committed");
    let (_, table) = reference.split_once("|---|---|---|\n").expect("the table of refusals");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let refused: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap_or_default().split("<br>"))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    assert!(refused.len() > 55 && refused.contains(&"enable.auto.commit"), "{refused:?}");
    for table in ["properties", "producer", "consumer"] {
        let lines: String = refused.iter().map(|name| format!("\"{name}\" = \"off\"\n")).collect();
        let ran = Place::with(&format!("[kafka.{table}]\n{lines}")).check(&[]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        for name in &refused {
            let quoted = if name.contains('.') { format!("\"{name}\"") } else { (*name).to_owned() };
            let place = format!("gate.toml: kafka.{table}.{quoted}: ");
            let line = ran.stderr.lines().find(|line| line.trim().starts_with(&place));
            assert!(line.is_some_and(|line| line.contains("; refused: ")), "{name}: {line:?}");
        }
    }
}

#[test]
fn properties_that_keep_the_promises_pass() {
    let toml = "[kafka.properties]\ndebug = 'all'\nclient.rack = 'a'\n'ssl.ca.location' = '/ca.pem'\n\
                [kafka.producer]\nenable.idempotence = true\nmax.in.flight = 5\nretries = 10\nbatch.size = 65536\n\
                compression.level = 3\n[kafka.consumer]\nfetch.wait.max.ms = 100\ncheck.crcs = true\n";
    let ran = Place::with(toml).print(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        r#"debug = "all""#,
        r#""enable.idempotence" = "true""#,
        r#""max.in.flight" = "5""#,
        r#""compression.level" = "3""#,
        r#""check.crcs" = "true""#,
    ] {
        assert!(ran.stdout.lines().any(|printed| printed == line), "{line}: {ran:?}");
    }
}

#[test]
fn the_environment_overrules_the_file() {
    let place =
        Place::with("[kafka]\nclient_id = 'file'\nrequest_timeout = '7s'\n[dev]\ntopic_bytes = 2097152\n");
    let line = |ran: &Ran, key: &str| {
        let line = ran.stdout.lines().find(|line| line.starts_with(key));
        line.map(str::to_owned).unwrap_or_else(|| panic!("{key}: {ran:?}"))
    };
    let without = place.print(&[]);
    let with = place.print(&[
        ("SLUICEGATE_KAFKA__CLIENT_ID", "environment"),
        ("SLUICEGATE_STREAMS__MAX_READERS", "3"),
        ("SLUICEGATE_SERVICE_HOST", "10.0.0.7"),
    ]);
    assert_eq!(line(&without, "client_id"), r#"client_id = "file""#);
    assert_eq!(line(&with, "client_id"), r#"client_id = "environment""#);
    assert_eq!(line(&without, "max_readers"), "max_readers = 64");
    assert_eq!(line(&with, "max_readers"), "max_readers = 3");
    assert_eq!(line(&with, "request_timeout"), r#"request_timeout = "7s""#);
    assert_eq!(line(&with, "topic_bytes"), "topic_bytes = 2097152");
}

#[test]
fn what_is_printed_is_a_configuration_that_prints_the_same() {
    let printed = Place::with("").run(&["print-config"], &[]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let again = Place::with(&printed.stdout).print(&[]);
    assert_eq!((again.code, again.stdout), (Some(0), printed.stdout));
}

#[test]
fn no_secret_is_ever_printed() {
    let name = "SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD";
    for (toml, variable, code) in [
        (
            "[kafka.properties]\nsasl.password = 'SECRET'\nsasl.username = 'SECRET'\nsasl.pasword = 'SECRET'",
            "",
            0,
        ),
        ("[kafka.properties]\nsasl.password_file = 'secret'", "", 0),
        ("", name, 0),
        ("groups.shared_secret = 'SECRET'", "", 0),
        ("groups.shared_secret_file = 'secret'", "", 0),
        ("", "SLUICEGATE_GROUPS__SHARED_SECRET", 0),
        // Mistakes beside a secret, and with it.
        ("[kafka.properties]\nsasl.password = 'SECRET'\ngroup.id = 1\n[listen]\nhttp = 1", name, 2),
        ("[kafka.properties]\nsasl.password = 'SECRET", "", 2),
        ("[kafka.properties]\nsasl.password = SECRET", "", 2),
        ("[kafka.properties]\nsasl.password = 'SECRET' x", "", 2),
        ("[kafka.properties]\nsasl.password = 'SECRET'\nsasl.password = 'SECRET'", "", 2),
        ("[kafka.properties]\nsasl.password = ['SECRET']", "", 2),
        ("[kafka.properties]\nsasl.password = \"SECRET\\u0000\"", "", 2),
        ("[kafka.properties]\nsasl.password = 'SECRET'\nsasl.password_file = 'secret'", "", 2),
        ("[kafka.properties]\nsasl.jaas.config = 'SECRET'", "", 2),
        ("groups.shared_secret = ['SECRET']", "", 2),
        ("groups.shared_secret = \"SECRET\\u0000\"", "", 2),
        ("groups.shared_secret = 'SECRET'\ngroups.shared_secret_file = 'secret'", "", 2),
        ("groups.shared_secret = 'SECRET'\ngroups.protocol = 1", "", 2),
        ("[kafka]\nproperties = 'sasl.password=SECRET'", "", 2),
        ("[kafka]\nproperties = ['SECRET']", "", 2),
        ("[kafka]\npassword = 'SECRET'", "", 2),
        ("[sasl]\npassword = 'SECRET'", "", 2),
        ("password = 'SECRET'", "", 2),
        ("", "SLUICEGATE_KAFKA__SASL__PASSWORD", 2),
        ("", "SLUICEGATE_KAFKA__PROPERTIES", 2),
        ("", "SLUICEGATE_SASL_PASSWORD", 2),
        ("", "SLUICEGATE_KAFKA__PROPERTIES__SASL__JAAS__CONFIG", 2),
    ] {
        let place = Place::with(&toml.replace("SECRET", SECRET));
        fs::write(place.folder.path().join("secret"), SECRET).expect("the folder is ours");
        let environment: &[(&str, &str)] = if variable.is_empty() { &[] } else { &[(variable, SECRET)] };
        for ran in [place.print(environment), place.check(environment)] {
            // A name that librdkafka does not know is found by the check alone.
            let code = if toml.contains("pasword") && ran.stdout.is_empty() { 2 } else { code };
            assert_eq!(ran.code, Some(code), "{toml} {variable}: {ran:?}");
            assert!(
                !ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET),
                "{toml} {variable}: {ran:?}"
            );
        }
    }
}

#[test]
fn the_committed_reference_is_the_printed_one() {
    let ran = Place::with("").run(&["print-config", "--defaults"], &[]);
    let committed = fs::read_to_string(reference_path()).expect("docs/config.md is committed");
    assert!(ran.stdout == committed, "write it anew: sluicegate print-config --defaults > docs/config.md");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::with("");
    let mut command = place.command(&["print-config", "--defaults"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary was built");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

fn reference_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md")
}
