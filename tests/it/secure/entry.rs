//! Let in: by each way of saying who comes, all that a gateway does goes through.

use super::{gateway, login, secure};
use crate::harness::{Child, Context, Gateway, Operation::*, Resource, Test};
use crate::tests;
use std::fs;

pub fn tests() -> Vec<Test> {
    tests![
        scram_of_either_strength_lets_the_gateway_in needs [Sasl],
        a_plain_password_over_tls_lets_the_gateway_in needs [Sasl],
        a_certificate_of_its_own_lets_the_gateway_in needs [Sasl],
        a_password_in_a_file_lets_the_gateway_in_and_is_shown_nowhere needs [Sasl],
    ]
}

/// A topic that the user `gateway` may write and read.
async fn topic(context: &Context) -> String {
    let topic = context.topic("entry", 2).await;
    let (read, write) = ((Resource::Topic(&topic), Read), (Resource::Topic(&topic), Write));
    context.cluster().allow("gateway", &[read, write]).await;
    topic
}

/// Produces, streams, pages.
async fn works(gateway: &Gateway, topic: &str) {
    let mut stream = gateway.stream(topic, "").await;
    stream.expect("ready").await;
    let (partition, offset) = gateway.produce(topic, "key=k", r#"{"n":1}"#).await.receipt();
    assert_eq!(stream.records(1).await[0].address(), (partition.into(), offset));
    for acks in ["leader", "none"] {
        let reply = gateway.produce(topic, &format!("key=k&acks={acks}"), "2").await;
        assert!(matches!(reply.status, 200 | 202), "{}", reply.text());
    }
    stream.records(2).await;
    let page = gateway.page(topic, "from=earliest&wait=10s").await.json(200);
    assert!(page["records"].as_array().is_some_and(|records| !records.is_empty()), "{page}");
    assert_eq!(gateway.get("/readyz").await.json(200)["status"], "ready");
}

async fn scram_of_either_strength_lets_the_gateway_in(context: Context) {
    let (cluster, topic) = (context.cluster(), topic(&context).await);
    let secure = secure(&cluster);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let login = login(secure, mechanism, "gateway");
        works(&gateway(&context, &secure.sasl_ssl, &login).await, &topic).await;
    }
}

async fn a_plain_password_over_tls_lets_the_gateway_in(context: Context) {
    let (cluster, topic) = (context.cluster(), topic(&context).await);
    let secure = secure(&cluster);
    works(&gateway(&context, &secure.sasl_ssl, &login(secure, "PLAIN", "gateway")).await, &topic).await;
}

async fn a_certificate_of_its_own_lets_the_gateway_in(context: Context) {
    let (cluster, topic) = (context.cluster(), topic(&context).await);
    let secure = secure(&cluster);
    let properties = [
        ("security.protocol", "ssl"),
        ("ssl.ca.location", secure.ca.as_str()),
        ("ssl.certificate.location", &secure.certificate),
        ("ssl.key.location", &secure.key),
    ];
    works(&gateway(&context, &secure.mutual, &properties).await, &topic).await;
}

/// As an operator would have it: a configuration file, and a secret that is mounted.
async fn a_password_in_a_file_lets_the_gateway_in_and_is_shown_nowhere(context: Context) {
    let (cluster, topic) = (context.cluster(), topic(&context).await);
    let secure = secure(&cluster);
    let folder = tempfile::tempdir().expect("a folder");
    let (config, password) = (folder.path().join("gateway.toml"), folder.path().join("password"));
    fs::write(&password, format!("{}\n", secure.password("gateway"))).expect("a file");
    let text = format!(
        "[listen]\nhttp = \"127.0.0.1:0\"\ndrain_window = \"0\"\n[kafka]\nbootstrap_servers = \"{}\"\n\
         [kafka.properties]\n\"security.protocol\" = \"sasl_ssl\"\n\"ssl.ca.location\" = \"{}\"\n\
         \"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\"sasl.username\" = \"gateway\"\n\"sasl.password_file\" = \"{}\"\n\
         \"debug\" = \"security,broker\"\n[telemetry]\nlog = \"debug\"\n",
        secure.sasl_ssl,
        secure.ca,
        password.display(),
    );
    fs::write(&config, text).expect("a file");
    let config = config.to_str().expect("a path in UTF-8");
    let mut printed = Child::start(&["print-config", "--config", config], &[]);
    assert_eq!(printed.ended().await.code(), Some(0));
    let mut child = Child::start(&["serve", "--config", config], &[]);
    let gateway = child.gateway().await;
    works(&gateway, &topic).await;
    let metrics = gateway.get("/metrics").await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0));
    let said = [printed.stdout(), child.stdout(), child.stderr(), vec![metrics.text().to_owned()]].concat();
    assert!(said.iter().any(|line| line.contains("librdkafka")), "its details were asked for");
    assert!(!said.iter().any(|line| line.contains(secure.password("gateway"))), "the password is shown");
}
