//! `/metrics`: OpenMetrics text that a strict reader takes, with counts that are right.

use crate::harness::{Context, Gateway, Socket, Test, send, until};
use crate::tests;
use sluicegate::config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        metrics_are_told_in_the_form_that_is_asked_for,
        what_happens_is_counted,
        what_goes_wrong_is_counted,
        why_streams_end_is_counted,
        how_streams_are_served_is_counted,
        records_under_way_are_counted,
        the_clients_of_kafka_are_counted_by_what_they_are_for,
        whether_kafka_answers_is_told,
        paths_and_odd_methods_become_no_labels,
        no_topic_client_or_stream_makes_a_series,
    ]
}

/// Samples by name and labels. The text must keep OpenMetrics 1.0: every sample belongs to the family announced
/// last, counters end in `_total`, and `# EOF` ends it.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut families = BTreeSet::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, of) = about.split_once(' ').expect("a name and a type");
            (family, kind) = (name.to_owned(), of.to_owned());
            assert!(families.insert(family.clone()), "{family} is announced twice");
            continue;
        }
        if let Some(about) = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# UNIT ")) {
            assert!(about.split_once(' ').is_some_and(|(_, text)| !text.is_empty()), "{line}");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let name = sample.split('{').next().unwrap_or_default();
        let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{name} is not of {family}"));
        let legal: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            other => panic!("unexpected type {other}"),
        };
        assert!(legal.contains(&suffix), "{line} in a {kind}");
        assert!(sample == name || (sample.ends_with('}') && sample.contains("=\"")), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} twice");
    }
    samples
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the metrics are now.
pub async fn samples(gateway: &Gateway) -> BTreeMap<String, f64> {
    let reply =
        send(gateway.request("GET", "/metrics").header("accept", "application/openmetrics-text")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, OPENMETRICS));
    parse(reply.text())
}

/// One sample of a name and labels that are there.
fn of(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    samples.get(name).copied().unwrap_or_else(|| panic!("no {name} in {samples:#?}"))
}

async fn metrics_are_told_in_the_form_that_is_asked_for(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let older = "text/plain; version=0.0.4; charset=utf-8";
    for (accept, form) in [
        ("*/*", older),
        ("text/html, */*;q=0.8", older),
        ("text/plain", older),
        ("application/openmetrics-text", OPENMETRICS),
        // What Prometheus sends.
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            OPENMETRICS,
        ),
        ("application/openmetrics-text;q=0.2, text/plain", older),
    ] {
        let reply = send(gateway.request("GET", "/metrics").header("accept", accept)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, form), "{accept}");
    }
    let newer = samples(&gateway).await;
    let ours = |name: &str| name.starts_with("sluicegate_") || name.starts_with("process_");
    assert!(newer.keys().all(|name| ours(name)), "{newer:#?}");
    let reply = gateway.get("/metrics").await;
    let older: BTreeSet<_> = reply.text().lines().filter(|line| !line.starts_with('#')).collect();
    let older: BTreeSet<_> =
        older.iter().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
    let newer: BTreeSet<_> = newer.keys().map(String::as_str).collect();
    assert_eq!(older, newer, "both forms tell the same");
    assert!(!reply.text().contains("# UNIT") && !reply.text().contains("# EOF"));
    assert!(reply.text().contains("# TYPE sluicegate_http_requests_total counter\n"));
    assert!(reply.text().contains("# TYPE sluicegate_build_info gauge\n"));
    if cfg!(target_os = "linux") {
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            assert!(newer.contains(name), "{name}");
        }
    }
}

async fn what_happens_is_counted(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let topic = context.topic("counted", 1).await;
    for body in ["12345", "123456"] {
        gateway.produce(&topic, "key=abc", body).await.receipt();
    }
    gateway.produce(&topic, "acks=leader", "1").await.receipt();
    gateway.produce(&topic, "partition=9", "1").await.refusal(400, "partition_out_of_range");
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.records(3).await;
    gateway.page(&topic, "from=earliest").await.json(200);
    let told = samples(&gateway).await;
    let of = |name: &str| of(&told, name);
    let produce = r#"method="POST",route="/v1/topics/{topics}/records""#;
    assert_eq!(of(&format!(r#"sluicegate_http_requests_total{{{produce},status="200"}}"#)), 3.0);
    assert_eq!(of(&format!(r#"sluicegate_http_requests_total{{{produce},status="400"}}"#)), 1.0);
    assert_eq!(of(&format!("sluicegate_http_request_duration_seconds_count{{{produce}}}")), 4.0);
    assert_eq!(of(&format!("sluicegate_http_request_body_bytes_total{{{produce}}}")), 13.0);
    assert!(of(&format!("sluicegate_http_response_body_bytes_total{{{produce}}}")) > 200.0);
    assert_eq!(of("sluicegate_http_requests_in_flight"), 2.0, "the stream, and this one");
    assert!(of("sluicegate_http_connections_accepted_total") >= 1.0);
    assert_eq!(of("sluicegate_draining"), 0.0);
    assert_eq!(of(r#"sluicegate_produce_duration_seconds_count{acks="all"}"#), 2.0);
    assert_eq!(of("sluicegate_produce_queue_limit_bytes"), 67108864.0);
    assert_eq!(of("sluicegate_paged_records_total"), 3.0);
    assert!(of("sluicegate_streamed_bytes_total") > 300.0);
    assert_eq!(of("sluicegate_streams_opened_total"), 1.0);
    assert_eq!(of("sluicegate_stream_readers_limit"), 64.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="all",outcome="accepted"}"#), 2.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="leader",outcome="accepted"}"#), 1.0);
    assert_eq!(of(r#"sluicegate_produced_records_total{acks="all",outcome="failed"}"#), 1.0);
    assert_eq!(of("sluicegate_produced_bytes_total"), 18.0, "values and keys");
    assert_eq!(of("sluicegate_streams"), 1.0);
    assert!(of("sluicegate_live_topics") >= 1.0);
    assert_eq!(of("sluicegate_streamed_records_total"), 3.0);
    drop(stream);
    until("the stream's end is counted", || async {
        let samples = samples(&gateway).await;
        (samples["sluicegate_streams"] == 0.0 && samples["sluicegate_stream_readers"] == 0.0).then_some(())
    })
    .await;
}

async fn what_goes_wrong_is_counted(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let topic = context.topic("wrong", 1).await;
    gateway.get("/nowhere").await.refusal(404, "not_found");
    gateway.produce(&topic, "partition=9", "1").await.refusal(400, "partition_out_of_range");
    // A client that leaves before there is an answer.
    let mut socket = Socket::connect(gateway.address()).await;
    let page = format!("GET /v1/topics/{topic}/records?wait=55s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write(page).await;
    let waits = || async {
        (of(&samples(&gateway).await, "sluicegate_http_requests_in_flight") == 2.0).then_some(())
    };
    until("the page waits", waits).await;
    drop(socket);
    let left =
        r#"sluicegate_http_requests_total{method="GET",route="/v1/topics/{topics}/records",status="499"}"#;
    until("who left is counted", || async {
        (samples(&gateway).await.get(left) == Some(&1.0)).then_some(())
    })
    .await;
    let samples = samples(&gateway).await;
    let of = |code: &str| of(&samples, &format!("sluicegate_http_problems_total{{code=\"{code}\"}}"));
    assert_eq!((of("not_found"), of("partition_out_of_range"), of("overloaded")), (1.0, 1.0, 0.0));
    assert_eq!(samples["sluicegate_http_requests_in_flight"], 1.0, "this one");
}

async fn why_streams_end_is_counted(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let topic = context.topic("ends", 1).await;
    gateway.produce(&topic, "", "v").await.receipt();
    gateway.stream(&topic, "from=earliest&until=now").await.rest().await;
    drop(gateway.stream(&topic, "").await);
    let ended = async |reason: &str, count: f64| {
        let name = format!("sluicegate_streams_ended_total{{reason=\"{reason}\"}}");
        until(&name, || async { (samples(&gateway).await[&name] == count).then_some(()) }).await;
    };
    ended("until", 1.0).await;
    ended("client", 1.0).await;
    let other = context.topic("deleted", 1).await;
    let mut stream = gateway.stream(&other, "").await;
    stream.expect("ready").await;
    context.kafka().delete_topic(&other).await;
    assert_eq!(stream.rest().await.last().map(|event| event.kind.as_str()), Some("fault"));
    ended("fault", 1.0).await;
    let samples = samples(&gateway).await;
    assert_eq!(samples[r#"sluicegate_http_problems_total{code="topic_not_found"}"#], 1.0);
    assert_eq!(samples[r#"sluicegate_streams_ended_total{reason="shutdown"}"#], 0.0, "there from the start");
    assert_eq!(samples[r#"sluicegate_stream_gaps_total{reason="expired"}"#], 0.0);
    assert_eq!((samples["sluicegate_streams"], samples["sluicegate_streams_opened_total"]), (0.0, 3.0));
}

async fn how_streams_are_served_is_counted(context: Context) {
    let crowded = |config: &mut Config| config.streams.max_streams_per_topic = 2;
    let (gateway, topic) = (context.gateway_with(crowded).await, context.topic("served", 1).await);
    for n in 0..4 {
        gateway.produce(&topic, &format!("key={}", n % 2), "1").await.receipt();
    }
    let mut live = gateway.stream(&topic, "").await;
    let mut odd = gateway.stream(&topic, "from=earliest&key=1").await;
    odd.records(2).await;
    send(gateway.streaming(&topic, "errors=status")).await.refusal(503, "overloaded");
    gateway.page(&topic, "from=earliest&key=1").await.json(200);
    live.expect("ready").await;
    let told = async || samples(&gateway).await;
    // A stream tells how long a record took about once a second.
    until("how long a record took", async || {
        gateway.produce(&topic, "key=1", "1").await.receipt();
        (told().await["sluicegate_stream_delay_seconds_count"] >= 2.0).then_some(())
    })
    .await;
    live.records(1).await;
    let samples = until("how far streams are behind", async || {
        let samples = told().await;
        (samples["sluicegate_stream_lag_seconds_count"] >= 2.0).then_some(samples)
    })
    .await;
    assert_eq!(of(&samples, r#"sluicegate_streams_refused_total{reason="topic"}"#), 1.0);
    assert_eq!(of(&samples, r#"sluicegate_streams_refused_total{reason="readers"}"#), 0.0);
    assert!(of(&samples, "sluicegate_filtered_records_total") >= 4.0, "two of the stream, two of the page");
    assert!(of(&samples, "sluicegate_stream_flush_bytes_count") >= 1.0);
    assert!(of(&samples, "sluicegate_stream_delay_seconds_sum") < 60.0);
    assert_eq!(
        of(&samples, r#"sluicegate_stream_lag_seconds_bucket{le="+Inf"}"#),
        of(&samples, "sluicegate_stream_lag_seconds_count")
    );
}

async fn records_under_way_are_counted(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    broker.kafka().create_topic("waits", 1, &[]).await;
    gateway.produce("waits", "", "v").await.receipt();
    broker.away().await;
    let produced = (0..3).map(|_| tokio::spawn(send(gateway.producing("waits", "").body("12345"))));
    let produced: Vec<_> = produced.collect();
    until("they are under way", || async {
        let samples = samples(&gateway).await;
        let queue =
            ["sluicegate_produce_queue_records", "sluicegate_produce_queue_bytes"].map(|name| samples[name]);
        (queue == [3.0, 15.0]).then_some(())
    })
    .await;
    broker.back().await;
    for produced in produced {
        produced.await.expect("no panic").receipt();
    }
    let samples = samples(&gateway).await;
    assert_eq!(samples["sluicegate_produce_queue_records"], 0.0);
    assert_eq!(
        (samples["sluicegate_produce_queue_bytes"], samples["sluicegate_produce_held_records"]),
        (0.0, 0.0)
    );
}

/// Clients of Kafka tell their statistics every second, and end soon after they are last needed.
fn soon(config: &mut Config) {
    config.telemetry.kafka_statistics = Duration::from_secs(1);
    config.streams.linger = Duration::from_millis(100);
}

async fn the_clients_of_kafka_are_counted_by_what_they_are_for(context: Context) {
    let gateway = context.gateway_with(soon).await;
    let topic = context.topic("clients", 1).await;
    let mut stream = gateway.stream(&topic, "").await;
    stream.expect("ready").await;
    gateway.produce(&topic, "", "v").await.receipt();
    stream.records(1).await;
    for client in ["producer", "admin", "reader"] {
        let name = |of: &str| format!("sluicegate_kafka_{of}{{client=\"{client}\"}}");
        until(&format!("the {client}'s statistics"), || async {
            let samples = samples(&gateway).await;
            let at_least_one = |of: &str| samples.get(&name(of)).is_some_and(|value| *value >= 1.0);
            let counted =
                ["requests_total", "request_bytes_total", "responses_total", "response_bytes_total"];
            (counted.into_iter().all(at_least_one)
                && at_least_one("connections")
                && at_least_one("round_trip_seconds_count")
                && samples[&name("round_trip_seconds_sum")] > 0.0
                && samples[&name("clients")] == 1.0)
                .then_some(())
        })
        .await;
    }
    drop(stream);
    until("the reader is gone", || async {
        let samples = samples(&gateway).await;
        let gone = |of: &str| samples[&format!("sluicegate_kafka_{of}{{client=\"reader\"}}")] == 0.0;
        (gone("clients") && gone("connections")).then_some(())
    })
    .await;
    assert!(samples(&gateway).await[r#"sluicegate_kafka_requests_total{client="reader"}"#] >= 1.0);
}

async fn whether_kafka_answers_is_told(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let up = |value: f64| {
        let gateway = &gateway;
        async move {
            until(&format!("kafka_up is {value}"), || async {
                (samples(gateway).await["sluicegate_kafka_up"] == value).then_some(())
            })
            .await
        }
    };
    // Nobody probes readiness: the scrapes ask by themselves.
    up(1.0).await;
    broker.away().await;
    up(0.0).await;
    broker.back().await;
    up(1.0).await;
}

async fn no_topic_client_or_stream_makes_a_series(context: Context) {
    let gateway = context.gateway_with(soon).await;
    let use_it = async |round: usize| {
        let topic = context.topic(&format!("series-{round}"), 2).await;
        let agent = format!("agent-{round}");
        let produce = gateway
            .producing(&topic, "")
            .header("user-agent", agent)
            .header("x-request-id", round.to_string());
        send(produce.body("v")).await.receipt();
        let mut streams = Vec::new();
        for _ in 0..=round {
            let mut stream = gateway.stream(&topic, "from=earliest").await;
            stream.records(1).await;
            streams.push(stream);
        }
        gateway.page(&topic, "from=earliest").await.json(200);
        // Until the readers of this round have told their statistics.
        let told = r#"sluicegate_kafka_connections{client="reader"}"#;
        until("statistics", || async { (samples(&gateway).await.get(told) >= Some(&1.0)).then_some(()) })
            .await;
        drop(streams);
        until("the streams are gone", || async {
            (samples(&gateway).await[r#"sluicegate_kafka_clients{client="reader"}"#] == 0.0).then_some(())
        })
        .await;
        samples(&gateway).await.into_keys().collect::<BTreeSet<_>>()
    };
    let first = use_it(1).await;
    assert_eq!(use_it(4).await, first);
    assert!(!first.iter().any(|name| name.contains("series-") || name.contains("agent-")), "{first:#?}");
}

async fn paths_and_odd_methods_become_no_labels(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    for n in 0..20 {
        gateway.get(&format!("/secret-{n}")).await.refusal(404, "not_found");
        let method = format!("ODD{n}");
        send(gateway.request(&method, "/livez")).await.refusal(405, "method_not_allowed");
    }
    let samples = samples(&gateway).await;
    assert!(!samples.keys().any(|name| name.contains("secret") || name.contains("ODD")), "{samples:#?}");
    assert_eq!(samples[r#"sluicegate_http_requests_total{method="GET",route="none",status="404"}"#], 20.0);
    assert_eq!(
        samples[r#"sluicegate_http_requests_total{method="other",route="/livez",status="405"}"#],
        20.0
    );
}
