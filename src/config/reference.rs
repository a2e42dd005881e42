//! `docs/config.md`: the reference of the configuration, made from the schema, the defaults, the refusals and
//! the list of secrets. Only what no table says stands here as prose.

use super::environment::variable;
use super::field::{Field, Rule, Section};
use super::layer::FLAGS;
use super::refused::{REFUSED, When};
use super::secret::SECRETS;
use super::{Config, SECTIONS};

const HEAD: &str = "\
# Configuration

This page is what `sluicegate print-config --defaults` prints; do not edit it by hand.

Every key has a default, so that no file is needed. From weak to strong:

1. the defaults below,
2. one TOML file, `--config FILE` (no file is looked for elsewhere),
3. environment variables, `SLUICEGATE_SECTION__KEY` (two underscores between section and key),
4. flags.

A stronger layer overrules a weaker one key by key, and in the tables of librdkafka properties name by name.
Unknown keys, unknown `SLUICEGATE_` variables, values that are not allowed, and files that cannot be read are
errors, all told at once, each with its place. `sluicegate check-config --config FILE` tells them without
starting anything: it exits with 0 and `ok`, or with 2. `sluicegate print-config [--config FILE]` prints what the
file and the environment come to, without secrets.

**Durations** are texts: an integer with its unit, `\"250ms\"`, `\"20s\"`, `\"15m\"`, `\"24h\"`, or `\"0\"`.
**Sizes** are integers of bytes.

**In the environment** a value is written without quotes, and a list is separated by commas. An empty variable is
an empty value, not an unset one. The variables that Kubernetes adds for a Service named `sluicegate…`
(`SLUICEGATE_SERVICE_HOST`, `SLUICEGATE_PORT_8080_TCP`, …) are passed over.
";

const PROPERTIES: &str = "\
## librdkafka properties

Any property that librdkafka knows passes through, except those refused below. The tables are
`[kafka.properties]` for every client, `[kafka.producer]` and `[kafka.consumer]` for one kind; the latter win. A
name with dots may be quoted or nested, and a value may be a text, a number, `true` or `false`:

```toml
[kafka.properties]
\"security.protocol\" = \"sasl_ssl\"
sasl.mechanism = \"SCRAM-SHA-512\"
sasl.username = \"gateway\"
sasl.password_file = \"/run/secrets/kafka-password\"

[kafka.consumer]
fetch.min.bytes = 1
```

In the environment each dot is two underscores, and a single underscore stays one:
`SLUICEGATE_KAFKA__PROPERTIES__SECURITY__PROTOCOL=sasl_ssl`. A name or value that librdkafka does not take is an
error when the first client is made.

### Secrets

A secret may be given as `<name>_file` instead: the path of a file that holds it, relative to the working
directory; line ends at its end are no part of it. One layer may give the secret or its file, not both. The file
is read once, at the start.

A secret is never printed: `print-config` shows `********` or the path, and no error repeats one. These are
secrets:

";

const SECRETS_TAIL: &str = "
So is any other property whose name sounds like one (a password, a token, …).

### Refused properties

These would break what the gateway promises, or have a key of their own. Setting one, in any of the three tables,
is an error.

| property | refused | why |
|---|---|---|
";

const DEFAULTS: &str = "
## All defaults

";

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let defaults =
        toml::Table::try_from(Config::default()).expect("the defaults are tables, texts and small numbers");
    let mut page = HEAD.to_owned();
    for section in &SECTIONS {
        page.push_str(&format!("\n## `[{}]`\n\n{}\n", section.name, section.about));
        for field in section.fields {
            let default = defaults.get(section.name).and_then(|keys| keys.get(field.key));
            page.push_str(&entry(section, field, default));
        }
    }
    page.push('\n');
    page.push_str(PROPERTIES);
    SECRETS.iter().for_each(|name| page.push_str(&format!("- `{name}`\n")));
    page.push_str(SECRETS_TAIL);
    for refusal in REFUSED {
        let names: Vec<String> = refusal.names.iter().map(|name| format!("`{name}`")).collect();
        let when = match refusal.when {
            When::Always => "always".to_owned(),
            When::Unless(_, allowed) => format!("unless {allowed}"),
        };
        page.push_str(&format!("| {} | {when} | {} |\n", names.join("<br>"), refusal.reason));
    }
    page.push_str(DEFAULTS);
    page.push_str(&format!("```toml\n{}```\n", Config::default().to_toml()));
    page
}

/// What the page says of one key.
fn entry(section: &Section, field: &Field, default: Option<&toml::Value>) -> String {
    let path = [section.name, field.key];
    let default = match (&field.rule, default) {
        (Rule::Properties, _) => "empty".to_owned(),
        (_, Some(value)) => format!("`{value}`"),
        (_, None) => "none".to_owned(),
    };
    let variable = match field.rule {
        Rule::Properties => format!("{}__NAME", variable(&path)),
        _ => variable(&path),
    };
    let flag = FLAGS.iter().find(|(_, sets)| *sets == path);
    let flag = flag.map(|(flag, _)| format!("- flag: `{flag}`\n")).unwrap_or_default();
    format!(
        "\n### `{}.{}`\n\n{}\n\n- default: {default}\n- allowed: {}\n- environment: `{variable}`\n{flag}",
        section.name,
        field.key,
        field.meaning,
        field.rule.allowed(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::value::Value;

    #[test]
    fn every_key_is_documented_and_nothing_else_is() {
        let defaults = toml::Table::try_from(Config::default()).expect("the defaults serialise");
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        let mut sections: Vec<&str> = defaults.keys().map(String::as_str).collect();
        let mut documented = names.clone();
        sections.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, sections);
        for section in &SECTIONS {
            let keys = defaults[section.name].as_table().expect("a section is a table");
            let mut keys: Vec<&str> = keys.keys().map(String::as_str).collect();
            let mut documented: Vec<&str> = section.fields.iter().map(|field| field.key).collect();
            keys.sort_unstable();
            documented.sort_unstable();
            assert_eq!(documented, keys, "[{}]", section.name);
            for field in section.fields {
                assert!(field.meaning.ends_with('.'), "{}.{}", section.name, field.key);
            }
        }
    }

    #[test]
    fn every_default_keeps_its_own_rule() {
        let defaults = Value::serialize(Config::default()).expect("the defaults serialise");
        for section in &SECTIONS {
            for field in section.fields.iter().filter(|field| !matches!(field.rule, Rule::Properties)) {
                let path = format!("{}.{}", section.name, field.key);
                let value = defaults.find_ref(&path).expect("documented keys exist");
                assert_eq!(field.rule.check(value), Ok(()), "{path}");
            }
        }
    }

    #[test]
    fn the_committed_page_is_the_generated_one() {
        let committed = include_str!("../../docs/config.md");
        assert_eq!(
            committed,
            reference(),
            "write it anew: sluicegate print-config --defaults > docs/config.md"
        );
    }
}
