//! One log line for every request, with all that is needed to find it again.

use crate::harness::{Context, Socket, Sse, Test, send, until};
use crate::tests;
use serde_json::Value;

pub fn tests() -> Vec<Test> {
    tests![
        every_request_is_one_line,
        the_level_of_a_line_is_that_of_its_outcome,
        what_a_stranger_chose_cannot_forge_a_line,
        a_client_that_leaves_before_an_answer_is_a_line_too,
        a_stream_is_one_line_when_it_has_ended,
        every_client_of_kafka_is_heard_and_an_outage_does_not_fill_the_log,
        secrets_are_in_no_line,
    ]
}

/// The lines about requests of a process that logs JSON; `level` is that of everything.
const JSON: [(&str, &str); 1] = [("SLUICEGATE_TELEMETRY__LOG_FORMAT", "json")];

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn about(lines: &[String], id: &str) -> Vec<Value> {
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "sluicegate::request" && line["request_id"] == id).collect()
}

async fn every_request_is_one_line(context: Context) {
    let topic = context.topic("logged", 1).await;
    let mut child = context.serve(&JSON);
    let gateway = child.gateway().await;
    let produced = gateway
        .producing(&topic, "key=secret-key")
        .header("x-request-id", "id-1")
        .header("user-agent", "tests");
    let produced = send(produced.header("traceparent", TRACE).body("hidden")).await;
    produced.receipt();
    send(gateway.request("GET", "/nowhere?token=hidden").header("x-request-id", "id-2")).await;
    send(gateway.producing(&topic, "partition=7").header("x-request-id", "id-3").body("v")).await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0));
    let lines = child.stderr();
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "not JSON: {lines:#?}");

    let first = about(&lines, "id-1");
    assert_eq!(first.len(), 1, "{lines:#?}");
    let line = &first[0];
    let path = format!("/v1/topics/{topic}/records");
    assert_eq!(line["level"], "INFO");
    assert_eq!((&line["method"], &line["path"]), (&"POST".into(), &path.into()));
    assert_eq!((&line["route"], &line["status"]), (&"/v1/topics/{topics}/records".into(), &200.into()));
    assert_eq!((&line["principal"], &line["cut_short"]), (&"anonymous".into(), &false.into()));
    assert_eq!((&line["request_bytes"], &line["response_bytes"]), (&6.into(), &produced.body.len().into()));
    assert_eq!((&line["version"], &line["user_agent"]), (&"HTTP/1.1".into(), &"tests".into()));
    assert_eq!(line["traceparent"], TRACE);
    assert!(line["head_us"].is_u64() && line["total_us"].as_u64() >= line["head_us"].as_u64(), "{line}");
    assert!(line["timestamp"].is_string() && line.get("code").is_none_or(Value::is_null), "{line}");

    let (second, third) = (about(&lines, "id-2"), about(&lines, "id-3"));
    assert_eq!((second.len(), third.len()), (1, 1), "{lines:#?}");
    assert_eq!((&second[0]["code"], &second[0]["route"]), (&"not_found".into(), &"none".into()));
    assert_eq!((&third[0]["code"], &third[0]["status"]), (&"partition_out_of_range".into(), &400.into()));
    assert!(third[0]["detail"].as_str().is_some_and(|detail| detail.contains("partitions")), "{third:?}");
    assert!(!lines.iter().any(|line| line.contains("hidden") || line.contains("secret-key")), "{lines:#?}");
}

async fn a_stream_is_one_line_when_it_has_ended(context: Context) {
    let topic = context.topic("stream", 1).await;
    let mut child = context.serve(&JSON);
    let gateway = child.gateway().await;
    gateway.produce(&topic, "", "v").await.receipt();
    let request = gateway.streaming(&topic, "from=earliest").header("x-request-id", "id-s");
    let mut stream = Sse::open(request).await;
    stream.records(1).await;
    assert!(about(&child.stderr(), "id-s").is_empty(), "told before it ended");
    drop(stream);
    let line = until("its line", || async { about(&child.stderr(), "id-s").pop() }).await;
    assert_eq!((&line["status"], &line["cut_short"]), (&200.into(), &true.into()), "{line}");
    assert!(line["response_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{line}");
    assert_eq!((&line["records"], &line["end"]), (&1.into(), &"client".into()), "{line}");
    let request = gateway.streaming(&topic, "from=earliest&until=now").header("x-request-id", "id-u");
    Sse::open(request).await.rest().await;
    let line = until("its line", || async { about(&child.stderr(), "id-u").pop() }).await;
    assert_eq!(
        (&line["records"], &line["end"], &line["cut_short"]),
        (&1.into(), &"until".into(), &false.into())
    );
    send(
        gateway
            .request("GET", &format!("/v1/topics/{topic}/records?from=earliest"))
            .header("x-request-id", "id-p"),
    )
    .await;
    let line = until("its line", || async { about(&child.stderr(), "id-p").pop() }).await;
    assert_eq!((&line["records"], line.get("end")), (&1.into(), None), "{line}");
    let mut stream = Sse::open(gateway.streaming(&topic, "").header("x-request-id", "id-f")).await;
    stream.expect("ready").await;
    context.kafka().delete_topic(&topic).await;
    assert_eq!(stream.rest().await.last().map(|event| event.kind.as_str()), Some("fault"));
    let line = until("its line", || async { about(&child.stderr(), "id-f").pop() }).await;
    let told = (&line["status"], &line["code"], &line["end"]);
    assert_eq!(told, (&200.into(), &"topic_not_found".into(), &"fault".into()), "{line}");
}

/// The lines of librdkafka.
fn of_librdkafka(lines: &[String]) -> Vec<Value> {
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "librdkafka").collect()
}

async fn every_client_of_kafka_is_heard_and_an_outage_does_not_fill_the_log(context: Context) {
    let broker = context.own_broker().await;
    let bootstrap = broker.broker().bootstrap();
    let brokers = ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", bootstrap.as_str());
    // Shows each client's lines, whatever else was said of the kind before.
    let debug = ("SLUICEGATE_KAFKA__PROPERTIES__DEBUG", "broker");
    let level = ("SLUICEGATE_TELEMETRY__LOG", "info,librdkafka=debug");
    let mut heard = context.serve(&[JSON[0], brokers, debug, level]);
    let mut quiet = context.serve(&[JSON[0], brokers]);
    let (topic, gateway) = ("t", quiet.gateway().await);
    broker.kafka().create_topic(topic, 1, &[]).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(gateway.stream(topic, "").await);
    }
    let mut reads = heard.gateway().await.stream(topic, "").await;
    reads.expect("ready").await;
    // Each speaks of its brokers as soon as it is made; a reader is made when the stream has begun.
    for client in ["producer", "admin", "reader"] {
        let of = |line: &Value| line["client"] == client;
        let said = || async { of_librdkafka(&heard.stderr()).into_iter().find(of) };
        let line = until(&format!("a line of a {client}"), said).await;
        assert!(line["facility"].is_string() && line["message"].is_string(), "{line}");
    }
    broker.away().await;
    let down = || async { (gateway.get("/readyz").await.status == 503).then_some(()) };
    until("the gateway notices", down).await;
    let begun = std::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(5) {
        gateway.get("/readyz").await.refusal(503, "not_ready");
    }
    let lines = of_librdkafka(&quiet.stderr());
    assert!(!lines.is_empty(), "an outage is told");
    // 22 clients, each of which tries again every second.
    assert!(lines.len() < 20, "{} lines: {lines:#?}", lines.len());
}

async fn secrets_are_in_no_line(context: Context) {
    const SECRETS: [&str; 6] =
        ["hunter2", "sesame", "shared-by-gateways", "bearer-token", "cookie-value", "in-the-url"];
    let broker = context.own_broker().await;
    let bootstrap = broker.broker().bootstrap();
    for (mechanism, format) in [("PLAIN", "text"), ("SCRAM-SHA-256", "json")] {
        let mut child = context.serve(&[
            ("SLUICEGATE_TELEMETRY__LOG", "debug"),
            ("SLUICEGATE_TELEMETRY__LOG_FORMAT", format),
            ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", &bootstrap),
            ("SLUICEGATE_KAFKA__PROPERTIES__DEBUG", "all"),
            ("SLUICEGATE_KAFKA__PROPERTIES__SECURITY__PROTOCOL", "sasl_plaintext"),
            ("SLUICEGATE_KAFKA__PROPERTIES__SASL__MECHANISM", mechanism),
            ("SLUICEGATE_KAFKA__PROPERTIES__SASL__USERNAME", "gateway"),
            ("SLUICEGATE_KAFKA__PROPERTIES__SASL__PASSWORD", "hunter2"),
            ("SLUICEGATE_KAFKA__PROPERTIES__SSL__KEY__PASSWORD", "sesame"),
            ("SLUICEGATE_GROUPS__SHARED_SECRET", "shared-by-gateways"),
        ]);
        let gateway = child.gateway().await;
        for version in [reqwest::Version::HTTP_11, reqwest::Version::HTTP_2] {
            let client = reqwest::Client::builder().no_proxy();
            let client = match version {
                reqwest::Version::HTTP_2 => client.http2_prior_knowledge(),
                _ => client,
            };
            let url = gateway.url("/v1/cluster?token=in-the-url");
            let request = client.build().expect("a client").get(url).header("x-request-id", "asked");
            let request =
                request.header("authorization", "Bearer bearer-token").header("cookie", "a=cookie-value");
            send(request).await.refusal(400, "unknown_parameter");
        }
        let mut socket = Socket::connect(gateway.address()).await;
        // A proxy's form of the target, with user information in it.
        socket.write("GET http://user:in-the-url@localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        socket.reply().await;
        gateway.get("/readyz").await.refusal(503, "not_ready");
        child.line("SASL").await;
        child.terminate();
        child.ended().await;
        let lines = child.stderr();
        assert!(lines.iter().any(|line| line.contains("asked")), "requests are told");
        for secret in SECRETS {
            let told: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
            assert!(told.is_empty(), "{secret} stands in {told:#?}");
        }
    }
}

async fn the_level_of_a_line_is_that_of_its_outcome(context: Context) {
    let broker = context.own_broker().await;
    let bootstrap = broker.broker().bootstrap();
    let brokers = ("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", bootstrap.as_str());
    let mut child = context.serve(&[JSON[0], brokers, ("SLUICEGATE_TELEMETRY__LOG", "debug")]);
    let gateway = child.gateway().await;
    let ask = async |path: &str, id: &str| {
        let request = gateway.request("GET", path).header("x-request-id", id);
        send(request.header("accept", "text/event-stream, */*;q=0.1")).await
    };
    for (path, id) in
        [("/livez", "l"), ("/readyz", "r"), ("/metrics", "m"), ("/v1/cluster", "c"), ("/no", "n")]
    {
        ask(path, id).await;
    }
    broker.away().await;
    until("it is not ready", || async { (ask("/readyz", "r-503").await.status == 503).then_some(()) }).await;
    ask("/v1/cluster", "c-503").await.refusal(503, "kafka_unavailable");
    // Told as an event under 200.
    let told = ask("/v1/topics/t/stream", "s-503").await;
    assert_eq!((told.status, told.header("kafka-stream-status")), (200, "503"));
    for (id, level) in [
        ("l", "DEBUG"),
        ("r", "DEBUG"),
        ("m", "DEBUG"),
        ("c", "INFO"),
        ("n", "INFO"),
        ("r-503", "WARN"),
        ("c-503", "WARN"),
        ("s-503", "WARN"),
    ] {
        let line = until(id, || async { about(&child.stderr(), id).pop() }).await;
        assert_eq!(line["level"], level, "{line}");
    }
    let line = about(&child.stderr(), "c-503").pop().expect("its line");
    assert!(line["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{line}");
}

/// Of another's text, too, a terminal and whoever reads lines see only text.
async fn what_a_stranger_chose_cannot_forge_a_line(context: Context) {
    for format in ["text", "json"] {
        let mut child = context.serve(&[("SLUICEGATE_TELEMETRY__LOG_FORMAT", format)]);
        let address = child.address().await;
        let forged = "2026-01-01T00:00:00Z ERROR forged";
        for head in [
            format!("GET /%0d%0a{} HTTP/1.1\r\n", forged.replace(' ', "%20")),
            "GET /v1/topics/a%1b%5b31m%c2%9b31m%e2%80%ae HTTP/1.1\r\n".to_owned(),
            "GET /v1/topics/\u{9b}31m\u{202e}x HTTP/1.1\r\n".to_owned(),
            "GET /v1/topics/t?%1b%5b31m%0a=%c2%9b HTTP/1.1\r\n".to_owned(),
            "GET /v1/topics HTTP/1.1\r\nX-Request-Id: a\u{9b}31m\r\ntraceparent: 00-\u{9b}\r\n".to_owned(),
            "GET /v1/topics HTTP/1.1\r\nUser-Agent: \u{9b}31m\u{202e}\tx\r\n".to_owned(),
            format!("GET /{} HTTP/1.1\r\nUser-Agent: {}\r\n", "p".repeat(8000), "a".repeat(8000)),
        ] {
            // Some are refused before they are requests; the next comes on a connection of its own.
            let mut socket = Socket::connect(address).await;
            socket.write(format!("{head}Host: localhost\r\nConnection: close\r\n\r\n")).await;
            socket.rest().await;
        }
        child.terminate();
        child.ended().await;
        let lines = child.stderr();
        let requests: Vec<_> = lines.iter().filter(|line| line.contains("sluicegate::request")).collect();
        assert!(requests.len() >= 5, "{lines:#?}");
        for line in &lines {
            assert!(!line.starts_with(forged), "{line}");
            let obeyed = |char: char| char.is_control() || ('\u{202a}'..='\u{202e}').contains(&char);
            assert!(!line.contains(obeyed), "{line:?}");
            assert!(line.len() < 4096, "{} bytes: {line}", line.len());
        }
    }
}

async fn a_client_that_leaves_before_an_answer_is_a_line_too(context: Context) {
    let topic = context.topic("left", 1).await;
    let mut child = context.serve(&JSON);
    let gateway = child.gateway().await;
    let mut socket = Socket::connect(gateway.address()).await;
    let waits = format!(
        "GET /v1/topics/{topic}/records?wait=55s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: left\r\n\r\n"
    );
    socket.write(waits).await;
    until("it waits", || async {
        gateway.get("/metrics").await.text().contains("sluicegate_http_requests_in_flight 2").then_some(())
    })
    .await;
    drop(socket);
    let line = until("its line", || async { about(&child.stderr(), "left").pop() }).await;
    assert_eq!((&line["status"], &line["cut_short"]), (&499.into(), &true.into()), "{line}");
    assert!(line.get("head_us").is_none() && line["total_us"].is_u64(), "{line}");
}
