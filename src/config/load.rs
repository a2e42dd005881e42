//! From a file, the environment and the flags to one configuration.
//!
//! Defaults, then the file, then the environment, then the flags: a later layer overrules an earlier one key by
//! key, and in the tables of properties name by name. This is the only place of the program that opens the
//! configuration's files; nothing is bound, connected or started here.

use super::environment;
use super::error::{ConfigError, Problem};
use super::layer::{FLAGS, Layer, Source, key_path};
use super::secret::{self, Secret};
use super::{Config, Groups, SECTIONS};
use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

/// No file of ours is larger, so a larger one is a mistake (or a device without an end).
const MAX_FILE_BYTES: u64 = 1_048_576;

/// What the command line sets.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Whether this is `sluicegate dev`, which has defaults of its own: `produce.auto_create` is on, and there is no
    /// `listen.drain_window`.
    pub dev: bool,
    /// `--listen`: overrules `listen.http`.
    pub listen: Option<SocketAddr>,
    /// `--kafka-listen`: overrules `dev.kafka_listen`.
    pub kafka_listen: Option<SocketAddr>,
    /// `--bootstrap-servers`: overrules `kafka.bootstrap_servers`.
    pub bootstrap_servers: Option<String>,
}

impl Config {
    /// Reads the configuration: the file, if there is one, overruled by the variables among `environment` that
    /// are ours ([`process_environment`](super::process_environment) has those of this process), overruled by
    /// the flags. Files that hold secrets are read.
    ///
    /// # Errors
    /// Whatever is wrong in any layer, all of it at once.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Flags,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let layers = layers(file, environment, flags, &mut problems);
        let mut figment = Figment::new();
        for layer in &layers {
            figment = figment.merge(layer);
        }
        // Every value has passed its rule, so that this fails only if a rule is laxer than its field's type.
        let mut config: Self = match figment.extract() {
            Ok(config) => config,
            Err(error) => {
                let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
                problems.push(Problem { place: key_path(&path), message: error.kind.to_string() });
                Self::default()
            }
        };
        config.read_secrets(&layers, &mut problems);
        if problems.is_empty() {
            problems.extend(config.conflicts().map(|([section, key], message)| Problem {
                place: place(&layers, [section, key], None),
                message,
            }));
        }
        ConfigError::of(problems)?;
        Ok(config)
    }

    /// Checks what the rules of single keys cannot: whether the keys go together. [`Config::load`] has done
    /// it; this is for a configuration that was made in code.
    ///
    /// # Errors
    /// Every pair that does not go together.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let problem = |(path, message): ([&str; 2], String)| Problem { place: key_path(&path), message };
        ConfigError::of(self.conflicts().map(problem).collect())
    }

    fn conflicts(&self) -> impl Iterator<Item = ([&'static str; 2], String)> {
        self.produce.conflicts().into_iter().map(|(key, message)| (["produce", key], message))
    }

    /// Reads the files that hold secrets.
    fn read_secrets(&mut self, layers: &[Layer], problems: &mut Vec<Problem>) {
        let kafka = &mut self.kafka;
        let tables = [
            ("properties", &mut kafka.properties),
            ("producer", &mut kafka.producer),
            ("consumer", &mut kafka.consumer),
        ];
        for (key, table) in tables {
            for (name, path, value) in table.secret_files() {
                match read_secret(path) {
                    Ok(text) => *value = text,
                    Err(message) => {
                        problems.push(Problem { place: place(layers, ["kafka", key], Some(name)), message });
                    }
                }
            }
        }
        match shared_secret(&self.groups) {
            Ok(secret) => self.groups.shared_secret = secret,
            Err(message) => {
                let place = place(layers, ["groups", "shared_secret_file"], None);
                problems.push(Problem { place, message });
            }
        }
    }
}

/// The secret that gateways share, from the file that holds it if one does.
fn shared_secret(groups: &Groups) -> Result<Secret, String> {
    if groups.shared_secret_file.is_empty() {
        return Ok(groups.shared_secret.clone());
    }
    if groups.shared_secret.reveal().is_some() {
        return Err("found a file beside `groups.shared_secret`; allowed: one of the two".to_owned());
    }
    let path = Path::new(&groups.shared_secret_file);
    let text = read_secret(path)?;
    let wrong = |found| format!("found {found} in {}; allowed: {}", path.display(), secret::ALLOWED);
    secret::check(&text).map_err(wrong)?;
    Ok(Secret::in_file(&text))
}

/// Reads and checks every layer, the weakest first.
fn layers(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: Flags,
    problems: &mut Vec<Problem>,
) -> Vec<Layer> {
    let mut raw = Vec::new();
    if flags.dev {
        raw.push((
            Source::Dev,
            nested([
                (["produce", "auto_create"], Value::from(true)),
                (["listen", "drain_window"], Value::from("0")),
            ]),
        ));
    }
    if let Some(path) = file {
        match read_file(path) {
            Ok(values) => raw.push((Source::File(path.to_owned()), values)),
            Err(problem) => problems.push(problem),
        }
    }
    raw.push((Source::Environment, environment::read(environment, &SECTIONS, problems)));
    raw.push((Source::Flags, flags.values()));
    raw.into_iter().map(|(source, values)| Layer::checked(source, values, &SECTIONS, problems)).collect()
}

impl Flags {
    fn values(self) -> Dict {
        let [(_, listen), (_, kafka_listen), (_, bootstrap_servers)] = FLAGS;
        let given = [
            (listen, self.listen.map(|address| address.to_string())),
            (kafka_listen, self.kafka_listen.map(|address| address.to_string())),
            (bootstrap_servers, self.bootstrap_servers),
        ];
        nested(given.into_iter().filter_map(|(path, text)| Some((path, Value::from(text?)))))
    }
}

/// Puts values under their sections.
fn nested<'a>(values: impl IntoIterator<Item = ([&'a str; 2], Value)>) -> Dict {
    let mut sections = std::collections::BTreeMap::<&str, Dict>::new();
    for ([section, key], value) in values {
        sections.entry(section).or_default().insert(key.to_owned(), value);
    }
    sections.into_iter().map(|(section, keys)| (section.to_owned(), Value::from(keys))).collect()
}

/// The place of a value: that of the strongest layer that sets it.
fn place(layers: &[Layer], path: [&str; 2], property: Option<&str>) -> String {
    let mut strongest_first = layers.iter().rev();
    let place = strongest_first.find_map(|layer| layer.place(path, property));
    place.unwrap_or_else(|| format!("the default of {}", key_path(&path)))
}

fn read_file(path: &Path) -> Result<Dict, Problem> {
    let problem = |place, message| Problem { place, message };
    let text = read_text(path).map_err(|why| {
        problem(format!("flag --config {}", path.display()), format!("the file cannot be read: {why}"))
    })?;
    Toml::from_str(&text).map_err(|error| {
        // The error's own text would repeat the line, and a secret may stand in it.
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = error.message().replace('\n', "; ");
        problem(format!("{}:{line}:{column}", path.display()), format!("this is not TOML: {message}"))
    })
}

/// The secret in a file, or what is wrong with it. A text editor's newline at the end is no part of it.
fn read_secret(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text = read_text(path).map_err(|why| format!("{shown} cannot be read: {why}"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("found nothing in {shown}; allowed: a file that holds the secret")),
        text if text.contains('\0') => Err(format!("found a NUL character in {shown}; allowed: a text")),
        text => Ok(text.to_owned()),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::time::Duration;

    /// A folder with a configuration file of this text.
    fn folder(toml: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let file = folder.path().join("gate.toml");
        std::fs::write(&file, toml).expect("the folder is ours");
        (folder, file)
    }

    fn variables(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn load(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let (_folder, file) = folder(toml);
        Config::load(Some(&file), variables(environment), flags)
    }

    /// What is told about this file, with its folder cut off.
    fn told(toml: &str, environment: &[(&str, &str)]) -> Vec<String> {
        let (folder, file) = folder(toml);
        let error = Config::load(Some(&file), variables(environment), Flags::default()).expect_err(toml);
        let cut =
            |problem: &Problem| problem.to_string().replace(&format!("{}/", folder.path().display()), "");
        error.problems().iter().map(cut).collect()
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(Config::load(None, [], Flags::default()), Ok(Config::default()));
        assert_eq!(load("", &[("PATH", "/bin")], Flags::default()), Ok(Config::default()));
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn flags_overrule_the_environment_and_that_overrules_the_file() {
        let toml = "listen.http = '127.0.0.1:1'\nstreams.heartbeat = '20s'\nproduce.compression = 'lz4'\n\
                    [kafka]\nclient_id = 'file'\nproperties.debug = 'msg'\nproperties.client.rack = 'a'";
        let environment = [
            ("SLUICEGATE_LISTEN__HTTP", "127.0.0.1:2"),
            ("SLUICEGATE_KAFKA__CLIENT_ID", "environment"),
            ("SLUICEGATE_KAFKA__PROPERTIES__DEBUG", "all"),
            ("SLUICEGATE_PRODUCE__AUTO_CREATE", "true"),
            ("SLUICEGATE_STREAMS__MAX_READERS", "7"),
            ("SLUICEGATE_LISTEN__CORS_ORIGINS", "http://a,http://b"),
        ];
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 3)));
        let config = load(toml, &environment, Flags { listen, ..Flags::default() }).expect("all is allowed");
        assert_eq!(Some(config.listen.http), listen);
        assert_eq!(config.listen.cors_origins.len(), 2);
        assert_eq!(config.kafka.client_id, "environment");
        assert_eq!(config.kafka.properties, [("debug", "all"), ("client.rack", "a")].into_iter().collect());
        assert!(config.produce.auto_create);
        assert_eq!(config.produce.compression.as_str(), "lz4");
        assert_eq!(config.streams.max_readers, 7);
        assert_eq!(config.streams.heartbeat, Duration::from_secs(20));
    }

    #[test]
    fn dev_creates_topics_unless_told_otherwise() {
        let dev = || Flags { dev: true, ..Flags::default() };
        let auto_create =
            |config: Result<Config, ConfigError>| config.map(|config| config.produce.auto_create);
        assert_eq!(auto_create(load("", &[], dev())), Ok(true));
        assert_eq!(auto_create(load("produce.auto_create = false", &[], dev())), Ok(false));
        assert_eq!(auto_create(load("", &[("SLUICEGATE_PRODUCE__AUTO_CREATE", "false")], dev())), Ok(false));
        assert_eq!(auto_create(load("", &[], Flags::default())), Ok(false));
    }

    #[test]
    fn each_problem_is_told_at_the_place_that_has_the_last_word() {
        let variable = "SLUICEGATE_PRODUCE__QUEUE_BYTES";
        for (toml, environment, message) in [
            (
                "produce.max_record_bytes = 8388609",
                &[][..],
                "the default of produce.queue_bytes: found 67108864, of which one partition may fill an eighth, and \
                 `produce.max_record_bytes` is 8388609; allowed: at least 67108872, or smaller records",
            ),
            (
                "produce.queue_bytes = 9000000",
                &[(variable, "8192")],
                "environment: SLUICEGATE_PRODUCE__QUEUE_BYTES: found 8192, of which one partition may fill an eighth, \
                 and `produce.max_record_bytes` is 1048576; allowed: at least 8388608, or smaller records",
            ),
            (
                "",
                &[(variable, "")],
                "environment: SLUICEGATE_PRODUCE__QUEUE_BYTES: found \"\"; allowed: an integer from \
                 8192 to 68719476736",
            ),
            ("x = [", &[], "gate.toml:1:6: this is not TOML: invalid array; expected `]`"),
            (
                "[kafka.properties]\nsasl.password_file = 'nosuch'",
                &[],
                "gate.toml: kafka.properties.\"sasl.password_file\": nosuch cannot be read: No such file or directory \
                 (os error 2)",
            ),
            (
                "[kafka.properties]\nsasl.password_file = 'nosuch'",
                &[("SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD_FILE", "/dev/null")],
                "environment: SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD_FILE: found nothing in /dev/null; allowed: a \
                 file that holds the secret",
            ),
            (
                "",
                &[("SLUICEGATE_KAFKA__PRODUCER__SSL__KEY__PEM_FILE", "/dev/zero")],
                "environment: SLUICEGATE_KAFKA__PRODUCER__SSL__KEY__PEM_FILE: /dev/zero cannot be read: it is larger \
                 than 1048576 bytes",
            ),
        ] {
            assert_eq!(told(toml, environment), [message], "{toml}");
        }
    }

    #[test]
    fn problems_of_all_layers_are_told_at_once() {
        let flags = Flags { bootstrap_servers: Some("a:x".to_owned()), ..Flags::default() };
        let environment = variables(&[("SLUICEGATE_X", "1"), ("SLUICEGATE_STREAMS__HEARTBEAT", "1s")]);
        let error =
            Config::load(Some(Path::new("nosuch.toml")), environment, flags).expect_err("four problems");
        let places: Vec<&str> = error.problems().iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "flag --config nosuch.toml",
                "environment: SLUICEGATE_X",
                "environment: SLUICEGATE_STREAMS__HEARTBEAT",
                "flag --bootstrap-servers"
            ]
        );
    }

    #[test]
    fn a_secret_comes_from_its_file_or_from_a_stronger_layer() {
        let (folder, file) =
            folder("[kafka.properties]\nsasl.password_file = 'replaced'\nsasl.username = 'me'");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, " p w\n\r\n").expect("the folder is ours");
        let load = |name: &str, text: &str| {
            let config = Config::load(Some(&file), variables(&[(name, text)]), Flags::default()).expect(name);
            (config.kafka.properties.get("sasl.password").map(str::to_owned), config.to_toml())
        };
        let path = secret.to_str().expect("a path of ours");
        let (password, toml) = load("SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD_FILE", path);
        assert_eq!(password.as_deref(), Some(" p w"), "only the line ends go");
        assert!(toml.contains(&format!("\"sasl.password_file\" = \"{path}\"")), "{toml}");
        let (password, toml) = load("SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD", "0012");
        assert_eq!(password.as_deref(), Some("0012"), "digits stay a text");
        assert!(toml.contains("\"sasl.password\" = \"********\"") && !toml.contains("0012"), "{toml}");
    }

    #[test]
    fn what_is_printed_loads_as_the_same() {
        let toml = "listen.cors_origins = ['HTTP://A:80']\nlisten.shutdown_deadline = '90000ms'\n\
                    telemetry.log = 'info,hyper=off'\nkafka.client_id = 'a\"b\\c'\n\
                    [kafka.consumer]\nfetch.min.bytes = 1\nclient.rack = \"a'\\\"\\u0001é\"";
        let config = load(toml, &[], Flags::default()).expect("all is allowed");
        assert_eq!(load(&config.to_toml(), &[], Flags::default()), Ok(config));
    }
}
