//! `docs/operations.md`: the metrics, fields, alerts and limits it lists are those that there are.

use super::package;
use crate::harness::{Context, Sse, Test, send, tools, until};
use crate::tests;
use serde_json::Value;
use sluicegate::config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

pub fn tests() -> Vec<Test> {
    tests![
        every_metric_is_in_the_table_and_nothing_else_is,
        every_field_of_a_requests_line_is_in_the_table_and_nothing_else_is,
        every_limit_is_in_the_table_with_its_default,
        alerts_use_metrics_that_there_are,
        every_alert_fires_when_it_should needs [Promtool],
    ]
}

fn page() -> String {
    fs::read_to_string(package("docs/operations.md")).expect("the page")
}

/// The cells of the table below a heading whose first column has this name.
fn table(heading: &str, first: &str) -> Vec<Vec<String>> {
    let page = page();
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with(&format!("| {first} |"))).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "no table of {first} below {heading}");
    rows
}

/// What stands between backticks.
fn code(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The families of an exposition: type, and names of labels.
fn families(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            family = name.to_owned();
            families.insert(family.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((_, labels)) = line.split_once('{')
            && !line.starts_with('#')
        {
            // A value may hold braces and commas; a name is what stands before `="`.
            let names = labels.split("=\"").filter_map(|part| part.rsplit([',', '{', '"']).next());
            let names = names.filter(|name| !name.is_empty() && *name != "le" && !name.contains(['}', ' ']));
            families.get_mut(&family).expect("announced").1.extend(names.map(str::to_owned));
        }
    }
    families
}

async fn every_metric_is_in_the_table_and_nothing_else_is(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let topic = context.topic("used", 1).await;
    gateway.produce(&topic, "", "v").await.receipt();
    gateway.stream(&topic, "from=earliest").await.records(1).await;
    let poll = gateway.request("POST", &format!("/v1/groups/{}/poll", context.name("used")));
    let poll = send(poll.body(format!("{{\"topics\":[\"{topic}\"],\"wait_ms\":0}}"))).await;
    assert_eq!(poll.status, 204);
    let told = until("a group is told", || async {
        let request = gateway.request("GET", "/metrics").header("accept", "application/openmetrics-text");
        let told = families(send(request).await.text());
        told.contains_key("sluicegate_group_lag_records").then_some(told)
    })
    .await;
    let listed: BTreeMap<_, _> = table("Metrics", "metric")
        .into_iter()
        .map(|row| (code(&row[0]).pop_first().expect("a name"), (row[1].clone(), code(&row[2]))))
        .collect();
    for (name, of) in &told {
        assert_eq!(listed.get(name), Some(of), "{name}");
    }
    let of_linux = |name: &str| cfg!(target_os = "linux") || !name.starts_with("process_");
    let missing: Vec<_> = listed.keys().filter(|name| of_linux(name) && !told.contains_key(*name)).collect();
    assert!(missing.is_empty(), "listed and not told: {missing:?}");
}

async fn every_field_of_a_requests_line_is_in_the_table_and_nothing_else_is(context: Context) {
    let broker = context.own_broker().await;
    let bootstrap = broker.broker().bootstrap();
    let mut child = context.serve(&[
        ("SLUICEGATE_TELEMETRY__LOG_FORMAT", "json"),
        ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", &bootstrap),
    ]);
    let gateway = child.gateway().await;
    broker.kafka().create_topic("t", 1, &[]).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = gateway.producing("t", "").header("user-agent", "tests").header("traceparent", trace);
    send(asked.body("v")).await.receipt();
    Sse::open(gateway.streaming("t", "from=earliest&until=now")).await.rest().await;
    broker.away().await;
    // A failure with a cause.
    let failed = || async { (gateway.get("/v1/cluster").await.status == 503).then_some(()) };
    until("Kafka is away", failed).await;
    let listed: BTreeSet<_> = table("Logs", "field").iter().flat_map(|row| code(&row[0])).collect();
    let told = || {
        let lines = child.stderr();
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines = lines.filter(|line| line["target"] == "sluicegate::request");
        let names =
            lines.flat_map(|line| line.as_object().expect("an object").keys().cloned().collect::<Vec<_>>());
        let told: BTreeSet<_> =
            names.filter(|name| !["timestamp", "level", "target"].contains(&name.as_str())).collect();
        async move { told.contains("cause").then_some(told) }
    };
    assert_eq!(until("the lines", told).await, listed);
}

/// Durations and numbers of these sections are limits. A key that is none would be the first.
async fn every_limit_is_in_the_table_with_its_default(_: Context) {
    let defaults = toml::Table::try_from(Config::default()).expect("the defaults are TOML");
    let listed: BTreeMap<_, _> = table("Limits", "key")
        .into_iter()
        .map(|row| (code(&row[0]).pop_first().expect("a key"), code(&row[1]).pop_first().expect("a default")))
        .collect();
    let mut limits = BTreeMap::new();
    for section in ["listen", "kafka", "produce", "streams", "groups"] {
        for (key, value) in defaults[section].as_table().expect("a section") {
            let limit = match value {
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::String(text) if sluicegate::record::duration::parse(text).is_ok() => {
                    text.clone()
                }
                _ => continue,
            };
            limits.insert(format!("{section}.{key}"), limit);
        }
    }
    assert_eq!(listed, limits, "docs/operations.md, \"Limits\"");
}

async fn alerts_use_metrics_that_there_are(_: Context) {
    let rules = fs::read_to_string(package("contrib/prometheus/alerts.yml")).expect("the rules");
    let listed: BTreeSet<_> = table("Metrics", "metric").iter().flat_map(|row| code(&row[0])).collect();
    let words = rules.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let mut used = 0;
    for name in words.filter(|word| word.starts_with("sluicegate_") || word.starts_with("process_")) {
        let family =
            ["_total", "_bucket", "_sum", "_count", "_info"].iter().find_map(|end| name.strip_suffix(end));
        assert!(listed.contains(family.unwrap_or(name)) || listed.contains(name), "{name} is no metric");
        used += 1;
    }
    assert!(used > 10, "{used}");
    let alerts: BTreeSet<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let described = table("Alerts", "alert");
    let described: BTreeSet<_> = described.iter().flat_map(|row| code(&row[0])).collect();
    assert_eq!(described, alerts.iter().map(|alert| (*alert).to_owned()).collect());
    // Each is shown to fire.
    let shown = fs::read_to_string(package("contrib/prometheus/alerts_test.yml")).expect("the test");
    for alert in alerts {
        assert!(
            shown.contains(&format!("alertname: {alert}\n        exp_alerts:\n")),
            "{alert} is not shown to fire"
        );
    }
}

async fn every_alert_fires_when_it_should(_: Context) {
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let mut command = Command::new(tools::promtool().expect("a capability"));
        let run =
            command.args(arguments).current_dir(package("contrib/prometheus")).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "promtool {arguments:?}: {said}");
    }
}
