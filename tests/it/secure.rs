//! Kafka behind TLS, SASL and ACLs: the gateway let in, not let in, and let in only so far.
//!
//! The run's broker is the cluster of `tests/kafka/up --secure`, reached here by its other listeners; what tests make and
//! look at goes by the plain one. ACLs name topics of one test only, so tests do not meet.

mod entry;
mod forbidden;
mod groups;
mod refused;
mod rights;

use crate::harness::{Cluster, Context, Gateway, Secure, Test};

pub fn tests() -> Vec<Test> {
    let files = [entry::tests(), forbidden::tests(), groups::tests(), refused::tests(), rights::tests()];
    files.into_iter().flatten().collect()
}

/// The secured side of the run's cluster.
fn secure(cluster: &Cluster) -> &Secure {
    cluster.secure.as_ref().expect("the test says that it needs it")
}

/// The properties of a client that comes as `user`, by its password.
fn login<'a>(secure: &'a Secure, mechanism: &'a str, user: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", &secure.ca),
        ("sasl.mechanism", mechanism),
        ("sasl.username", user),
        ("sasl.password", secure.password(user)),
    ]
}

/// A gateway that reaches the cluster at `bootstrap` with these properties.
async fn gateway(context: &Context, bootstrap: &str, properties: &[(&str, &str)]) -> Gateway {
    context
        .gateway_with(|config| {
            config.kafka.bootstrap_servers = bootstrap.to_owned();
            for (name, value) in properties {
                config.kafka.properties.insert(*name, *value);
            }
        })
        .await
}

/// A gateway that comes as `user`, by SCRAM.
async fn gateway_as(context: &Context, user: &str) -> Gateway {
    let cluster = context.cluster();
    let secure = secure(&cluster);
    gateway(context, &secure.sasl_ssl, &login(secure, "SCRAM-SHA-512", user)).await
}
