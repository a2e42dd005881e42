//! Not let in: the gateway starts and lives, says once in its log what is wrong, answers at once, and gives no secret away.

use super::{login, secure};
use crate::harness::{Child, Context, Gateway, Operation::*, Resource, Secure, Test, send, until};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_wrong_password_is_told_by_its_setting needs [Sasl],
        an_unknown_authority_is_told_by_its_setting needs [Sasl],
        an_expired_certificate_is_told_as_such needs [Sasl],
        a_certificate_for_another_host_is_told_as_such needs [Sasl],
        a_listener_that_wants_tls_is_told_by_the_setting needs [Sasl],
        a_listener_without_tls_is_told_by_the_setting needs [Sasl],
        a_missing_certificate_of_its_own_is_told_by_its_setting needs [Sasl],
        who_is_let_in_later_serves_without_a_restart needs [Sasl],
    ]
}

/// The line that the log has once.
const LINE: &str = "cannot be used as configured";

/// Far below every time-out that a request may otherwise wait for.
const SOON: Duration = Duration::from_secs(8);

fn start(context: &Context, bootstrap: &str, properties: &[(&str, &str)]) -> Child {
    let name =
        |name: &str| format!("SLUICEGATE_KAFKA__PROPERTIES__{}", name.to_uppercase().replace('.', "__"));
    let named: Vec<_> = properties.iter().map(|(property, value)| (name(property), *value)).collect();
    let mut variables: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    variables.push(("SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS", bootstrap));
    context.serve(&variables)
}

/// Every question is answered soon, and none with more than what the caller may know.
async fn answers(gateway: &Gateway, topic: &str, word: &str) {
    assert_eq!(gateway.get("/livez").await.json(200)["status"], "ok");
    let ready = until("it is not ready, and says why", || async {
        let reply = gateway.get("/readyz").await;
        (reply.status == 503 && reply.text().contains(word)).then_some(reply)
    });
    ready.await.refusal(503, "not_ready");
    for acks in ["all", "leader", "none"] {
        let begun = Instant::now();
        let reply = gateway.produce(topic, &format!("acks={acks}"), "v").await;
        let problem = reply.problem(503, "kafka_unavailable");
        assert_eq!((&problem["retryable"], &problem["written"]), (&true.into(), &"no".into()), "{problem}");
        assert!(begun.elapsed() < SOON, "acks={acks} was told after {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    let mut stream = gateway.stream(topic, "").await;
    assert_eq!((stream.status, stream.header("kafka-stream-status")), (200, "503"));
    let fault = stream.expect("fault").await;
    assert!(fault.retry.is_some() && fault.json()["final"] == false, "{fault:?}");
    send(gateway.request("GET", &format!("/v1/topics/{topic}/stream")))
        .await
        .refusal(503, "kafka_unavailable");
    gateway.page(topic, "").await.refusal(503, "kafka_unavailable");
    gateway.get(&format!("/v1/topics/{topic}")).await.refusal(503, "kafka_unavailable");
    gateway.get("/v1/topics").await.refusal(503, "kafka_unavailable");
    assert!(begun.elapsed() < 4 * SOON, "told after {:?}", begun.elapsed());
}

/// Starts a gateway that is not let in, and holds that it says why: `word` to who asks, `setting` in one line of the log.
async fn is_told(
    context: &Context,
    bootstrap: &str,
    properties: &[(&str, &str)],
    (word, setting): (&str, &str),
) {
    let topic = context.topic("refused", 1).await;
    let mut child = start(context, bootstrap, properties);
    let gateway = child.gateway().await;
    answers(&gateway, &topic, word).await;
    let metrics = gateway.get("/metrics").await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0));
    let lines = child.stderr();
    let told: Vec<_> = lines.iter().filter(|line| line.contains(LINE) && line.contains("ERROR")).collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(told[0].contains(word) && told[0].contains(setting), "{}", told[0]);
    let loud = lines.iter().filter(|line| line.contains("WARN") && line.contains("librdkafka")).count();
    assert!(loud <= 6, "a flood of {loud}: {lines:#?}");
    let shown = [lines, vec![metrics.text().to_owned()]].concat();
    for (_, secret) in properties.iter().filter(|(name, _)| *name == "sasl.password") {
        assert!(!shown.iter().any(|line| line.contains(secret)), "the password is shown: {shown:#?}");
    }
}

fn scram<'a>(secure: &'a Secure, changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut properties = login(secure, "SCRAM-SHA-512", "gateway");
    for (name, value) in changed {
        properties.retain(|(known, _)| known != name);
        properties.push((name, value));
    }
    properties
}

async fn a_wrong_password_is_told_by_its_setting(context: Context) {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    let wrong = scram(secure, &[("sasl.password", "not-the-secret-of-anybody")]);
    is_told(&context, &secure.sasl_ssl, &wrong, ("password", "sasl.password")).await;
}

async fn an_unknown_authority_is_told_by_its_setting(context: Context) {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    let wrong = scram(secure, &[("ssl.ca.location", &secure.other_ca)]);
    is_told(&context, &secure.sasl_ssl, &wrong, ("authority that is not trusted", "ssl.ca.location")).await;
}

async fn an_expired_certificate_is_told_as_such(context: Context) {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    is_told(&context, &secure.expired, &scram(secure, &[]), ("has expired", "renewed")).await;
}

async fn a_certificate_for_another_host_is_told_as_such(context: Context) {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    // The certificate names the address alone, and nothing listens on the name's other address.
    let named = secure.sasl_ssl.replace("127.0.0.1", "localhost");
    let properties = scram(secure, &[("broker.address.family", "v4")]);
    is_told(&context, &named, &properties, ("another host", "kafka.bootstrap_servers")).await;
}

async fn a_listener_that_wants_tls_is_told_by_the_setting(context: Context) {
    let cluster = context.cluster();
    let address = &secure(&cluster).sasl_ssl;
    is_told(&context, address, &[], ("closes the connection", "security.protocol")).await;
}

async fn a_listener_without_tls_is_told_by_the_setting(context: Context) {
    let (cluster, plain) = (context.cluster(), context.kafka().bootstrap().to_owned());
    let properties = scram(secure(&cluster), &[]);
    is_told(&context, &plain, &properties, ("another protocol", "security.protocol")).await;
}

async fn a_missing_certificate_of_its_own_is_told_by_its_setting(context: Context) {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    let properties = [("security.protocol", "ssl"), ("ssl.ca.location", &secure.ca)];
    is_told(
        &context,
        &secure.mutual,
        &properties,
        ("certificate of the gateway", "ssl.certificate.location"),
    )
    .await;
}

/// The operator mends the broker, not the gateway: here by giving the user the password that the gateway has.
async fn who_is_let_in_later_serves_without_a_restart(context: Context) {
    let (cluster, user) = (context.cluster(), context.name("late"));
    let (secure, topic) = (secure(&cluster), context.topic("late", 1).await);
    let (read, write) = ((Resource::Topic(&topic), Read), (Resource::Topic(&topic), Write));
    cluster.allow(&user, &[read, write]).await;
    let properties = [
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", &secure.ca),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", &user),
        ("sasl.password", "late-but-right"),
    ];
    let mut child = start(&context, &secure.sasl_ssl, &properties);
    let gateway = child.gateway().await;
    answers(&gateway, &topic, "password").await;
    cluster.make_user(&user, "late-but-right").await;
    until("it is ready", || async { (gateway.get("/readyz").await.status == 200).then_some(()) }).await;
    let begun = Instant::now();
    until("it produces", || async { (gateway.produce(&topic, "", "v").await.status == 200).then_some(()) })
        .await;
    assert!(begun.elapsed() < SOON, "it produced after {:?}", begun.elapsed());
    assert_eq!(gateway.page(&topic, "from=earliest").await.json(200)["records"][0]["value_encoding"], "text");
    child.terminate();
    child.ended().await;
    let lines = child.stderr();
    assert_eq!(
        lines.iter().filter(|line| line.contains("lets the gateway in again")).count(),
        1,
        "{lines:#?}"
    );
}
