//! The cluster that `tests/kafka/up` started: its nodes, which a test may stop and start, its secured listeners, and
//! what only its administrator may do.
//!
//! All of it is read from the cluster's control file, and only when the run's broker is that cluster. Administration
//! goes by frames on the plain listener: the Rust binding has none of it, and Java's tools take seconds each.

use super::broker_wire::{BrokerWire, wire_text as text};
use super::kafka::off_thread;
use super::run::Broker;
use super::wait::until;
use bytes::Bytes;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_user_scram_credentials_request::ScramCredentialUpsertion;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterUserScramCredentialsRequest, BrokerId, CreateAclsRequest,
    DescribeAclsRequest, ElectLeadersRequest, MetadataRequest, TopicName,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A cluster of Apache Kafka on this machine.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
    bootstrap: String,
    pub nodes: Vec<Node>,
    /// With `--secure`.
    pub secure: Option<Secure>,
}

/// One of its nodes, and the commands that stop and start it.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    pub id: i32,
    pub address: String,
    start: Vec<String>,
    stop: Vec<String>,
    kill: Vec<String>,
}

/// Its listeners that ask who comes: addresses for `bootstrap.servers`, files in PEM, and users with their passwords.
#[derive(Clone, Debug, Deserialize)]
pub struct Secure {
    pub sasl_ssl: String,
    pub expired: String,
    pub mutual: String,
    pub ca: String,
    pub other_ca: String,
    pub certificate: String,
    pub key: String,
    users: BTreeMap<String, String>,
}

impl Secure {
    /// A user's password.
    pub fn password(&self, user: &str) -> &str {
        self.users.get(user).unwrap_or_else(|| panic!("the cluster has no user {user}"))
    }
}

/// What an ACL is about.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    Topic(&'a str),
    /// All topics whose names begin so.
    Topics(&'a str),
    /// All consumer groups whose ids begin so.
    Groups(&'a str),
}

/// Kafka's operations, by their numbers in the protocol.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Describe = 8,
    DescribeConfigs = 10,
}

impl Cluster {
    /// The cluster that is the run's broker, if one of ours is.
    pub fn of(broker: &Broker) -> Option<Self> {
        let Broker::Outside(bootstrap) = broker else { return None };
        let target = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kafka");
        let folder = std::env::var_os("KAFKA_WORK").map_or_else(target, PathBuf::from);
        let control = std::fs::read(folder.join("control.json")).ok()?;
        let cluster: Self = serde_json::from_slice(&control).expect("a control file of tests/kafka/up");
        (cluster.bootstrap == *bootstrap).then_some(cluster)
    }

    /// The node of that id.
    pub fn node(&self, id: i32) -> &Node {
        self.nodes.iter().find(|node| node.id == id).unwrap_or_else(|| panic!("no node {id}"))
    }

    /// Lets `user` do these things with each resource, from now on.
    pub async fn allow(&self, user: &str, what: &[(Resource<'_>, Operation)]) {
        let creations =
            what.iter().map(|(resource, operation)| creation(user, *resource, *operation)).collect();
        let request = CreateAclsRequest::default().with_creations(creations);
        let address = self.nodes[0].address.clone();
        let told = off_thread(move || BrokerWire::to(address).ask(3, &request)).await;
        for result in told.results {
            assert_eq!(result.error_code, 0, "{:?}", result.error_message);
        }
        for (resource, operation) in what {
            let filter = filter(user, *resource, *operation);
            for node in &self.nodes {
                let known = || async {
                    let (address, filter) = (node.address.clone(), filter.clone());
                    let told = off_thread(move || BrokerWire::to(address).ask(3, &filter)).await;
                    (!told.resources.is_empty()).then_some(())
                };
                until("every node knows the right", known).await;
            }
        }
    }

    /// Lets `user` log in with this password, by SCRAM-SHA-512 (RFC 5802).
    pub async fn make_user(&self, user: &str, password: &str) {
        let (salt, iterations) = (b"salt of the tests".as_slice(), 4096);
        let mut salted = [0; 64];
        pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password.as_bytes(), salt, iterations, &mut salted);
        let user = ScramCredentialUpsertion::default()
            .with_name(text(user))
            // SCRAM-SHA-512, by its number in the protocol.
            .with_mechanism(2)
            .with_iterations(iterations as i32)
            .with_salt(Bytes::from_static(salt))
            .with_salted_password(Bytes::copy_from_slice(&salted));
        let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![user]);
        let address = self.nodes[0].address.clone();
        let told = off_thread(move || BrokerWire::to(address).ask(0, &request)).await;
        assert_eq!(told.results[0].error_code, 0, "{told:?}");
    }

    /// Starts what does not run.
    pub async fn make_whole(&self) {
        for node in &self.nodes {
            node.start().await;
        }
    }

    /// Waits until every partition of a topic has as many replicas in sync as there are nodes.
    pub async fn until_in_sync(&self, topic: &str) {
        let named = MetadataRequestTopic::default().with_name(Some(text(topic).into()));
        let request =
            MetadataRequest::default().with_topics(Some(vec![named])).with_allow_auto_topic_creation(false);
        let look = || async {
            let (address, request) = (self.nodes[0].address.clone(), request.clone());
            let told = off_thread(move || BrokerWire::to(address).ask(9, &request)).await;
            let all = |count: usize| count == self.nodes.len();
            told.topics[0].partitions.iter().all(|partition| all(partition.isr_nodes.len())).then_some(())
        };
        until("all replicas are in sync", look).await;
    }

    /// Makes `leader` the leader of a partition whose replicas are these.
    pub async fn move_leader(&self, topic: &str, partition: i32, replicas: &[i32], leader: i32) {
        let mut order: Vec<_> = replicas.iter().map(|id| BrokerId(*id)).collect();
        order.sort_by_key(|id| id.0 != leader);
        let name = TopicName(text(topic));
        let moved =
            ReassignablePartition::default().with_partition_index(partition).with_replicas(Some(order));
        let moved = ReassignableTopic::default().with_name(name.clone()).with_partitions(vec![moved]);
        let preferred =
            AlterPartitionReassignmentsRequest::default().with_timeout_ms(10_000).with_topics(vec![moved]);
        let elected = TopicPartitions::default().with_topic(name).with_partitions(vec![partition]);
        let elect =
            ElectLeadersRequest::default().with_timeout_ms(10_000).with_topic_partitions(Some(vec![elected]));
        let address = self.nodes[0].address.clone();
        off_thread(move || {
            let mut frames = BrokerWire::to(address);
            let told = frames.ask(0, &preferred);
            assert_eq!((told.error_code, told.responses[0].partitions[0].error_code), (0, 0), "{told:?}");
            let told = frames.ask(2, &elect);
            let code = told.replica_election_results[0].partition_result[0].error_code;
            // ELECTION_NOT_NEEDED: it leads already.
            assert!(told.error_code == 0 && [0, 84].contains(&code), "{told:?}");
        })
        .await;
    }
}

impl Node {
    /// Ends it as SIGTERM does, and waits until it has.
    pub async fn stop(&self) {
        run(&self.stop).await;
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&self) {
        run(&self.kill).await;
    }

    /// Starts it, and waits until all running nodes see each other.
    pub async fn start(&self) {
        run(&self.start).await;
    }
}

async fn run(command: &[String]) {
    let (program, arguments) = command.split_first().expect("a command");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let ended = off_thread(move || command.output()).await.expect("the command runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// TOPIC, GROUP and ALLOW, by their numbers in the protocol.
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const ALLOW: i8 = 3;

impl<'a> Resource<'a> {
    /// Its name, and the number of its pattern in the protocol: LITERAL or PREFIXED.
    fn pattern(self) -> (&'a str, i8) {
        match self {
            Resource::Topic(name) => (name, 3),
            Resource::Topics(prefix) | Resource::Groups(prefix) => (prefix, 4),
        }
    }

    fn kind(self) -> i8 {
        match self {
            Resource::Topic(_) | Resource::Topics(_) => TOPIC,
            Resource::Groups(_) => GROUP,
        }
    }
}

fn creation(user: &str, resource: Resource<'_>, operation: Operation) -> AclCreation {
    let (name, pattern) = resource.pattern();
    AclCreation::default()
        .with_resource_type(resource.kind())
        .with_resource_name(text(name))
        .with_resource_pattern_type(pattern)
        .with_principal(text(&format!("User:{user}")))
        .with_host(text("*"))
        .with_operation(operation as i8)
        .with_permission_type(ALLOW)
}

/// The question whether that ACL is there.
fn filter(user: &str, resource: Resource<'_>, operation: Operation) -> DescribeAclsRequest {
    let (name, pattern) = resource.pattern();
    DescribeAclsRequest::default()
        .with_resource_type_filter(resource.kind())
        .with_resource_name_filter(Some(text(name)))
        .with_pattern_type_filter(pattern)
        .with_principal_filter(Some(text(&format!("User:{user}"))))
        .with_host_filter(None)
        .with_operation(operation as i8)
        .with_permission_type(ALLOW)
}
