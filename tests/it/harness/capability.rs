//! What a test may need that not every broker and machine has.
//!
//! Looked for once a run. A broker is asked which requests it serves (ApiVersions, by a frame of our own so that no
//! client library stands between); the embedded one is known. Which skips are failures is `.ci/run`'s to say:
//! `ALLOW_SKIPS` lists what a broker may lack, `REQUIRE=all` lets no tool be missing.

use super::broker_wire::BrokerWire;
use super::cluster::Cluster;
use super::run::Broker;
use super::tools;
use kafka_protocol::messages::ApiVersionsRequest;
use std::collections::HashMap;
use std::sync::OnceLock;

/// What an expression says when it is first asked.
macro_rules! once {
    ($look:expr) => {{
        static FOUND: OnceLock<bool> = OnceLock::new();
        *FOUND.get_or_init(|| $look)
    }};
}

/// What a test may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Transactions (KIP-98).
    Transactions,
    /// Topic ids in Metadata (KIP-516): a topic made anew is told from the one that was deleted.
    TopicIds,
    /// Fetch by topic id (KIP-516): a consumer of a deleted topic is told so.
    DeletionTold,
    /// Consumer groups whose partitions the broker assigns (KIP-848).
    Kip848,
    /// DeleteRecords (KIP-107).
    DeleteRecords,
    /// A cluster of three nodes that a test may stop and start: `tests/kafka/up 3`.
    ThreeNodes,
    /// Listeners with TLS and SASL, and ACLs that a test may make: `tests/kafka/up --secure`.
    Sasl,
    /// The command `curl`.
    Curl,
    /// The command `jq`.
    Jq,
    /// The browser, as the command `chromium`.
    Chromium,
    /// The proxy, as the command `nginx`.
    Nginx,
    /// Docker's reader of compose files, as the command `docker-compose`; no engine is needed.
    Compose,
    /// systemd's checks of units, as the command `systemd-analyze`.
    Systemd,
    /// Node.js, as the command `node`, with no package.
    Node,
    /// Python, as the command `python3`, with no package.
    Python,
    /// The proxy, as the command `haproxy`.
    Haproxy,
    /// Prometheus' checker of rules, as the command `promtool`.
    Promtool,
    /// Node.js, and the npm clients of `tests/clients`.
    NodeClients,
    /// The Python clients of `tests/clients`.
    PythonClients,
    /// Node.js, and npm's tools for the OpenAPI document.
    OpenapiNode,
    /// Python's tools for the OpenAPI document.
    OpenapiPython,
}

impl Capability {
    /// The name in lists and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::TopicIds => "topic_ids",
            Self::DeletionTold => "deletion_told",
            Self::Kip848 => "kip848",
            Self::DeleteRecords => "delete_records",
            Self::ThreeNodes => "three_nodes",
            Self::Sasl => "sasl",
            Self::Curl => "curl",
            Self::Jq => "jq",
            Self::Chromium => "chromium",
            Self::Nginx => "nginx",
            Self::Compose => "compose",
            Self::Systemd => "systemd",
            Self::Node => "node",
            Self::Python => "python",
            Self::Haproxy => "haproxy",
            Self::Promtool => "promtool",
            Self::NodeClients => "node_clients",
            Self::PythonClients => "python_clients",
            Self::OpenapiNode => "openapi_node",
            Self::OpenapiPython => "openapi_python",
        }
    }

    /// Whether the machine, not the broker, has it or not.
    fn is_tool(self) -> bool {
        matches!(
            self,
            Self::Curl
                | Self::Jq
                | Self::Chromium
                | Self::Nginx
                | Self::Compose
                | Self::Systemd
                | Self::Node
                | Self::Python
                | Self::Haproxy
                | Self::Promtool
                | Self::NodeClients
                | Self::PythonClients
                | Self::OpenapiNode
                | Self::OpenapiPython
        )
    }

    /// Whether it is to be had in this run.
    pub fn is_there(self, broker: &Broker) -> bool {
        match self {
            Self::Transactions => serves(broker, ADD_PARTITIONS_TO_TXN, 0),
            Self::TopicIds => serves(broker, METADATA, 10),
            Self::DeletionTold => serves(broker, FETCH, 13),
            Self::Kip848 => serves(broker, CONSUMER_GROUP_HEARTBEAT, 0),
            Self::DeleteRecords => serves(broker, DELETE_RECORDS, 0),
            Self::ThreeNodes => Cluster::of(broker).is_some_and(|cluster| cluster.nodes.len() == 3),
            Self::Sasl => Cluster::of(broker).is_some_and(|cluster| cluster.secure.is_some()),
            Self::Curl => once!(tools::runs("curl", "--version")),
            Self::Jq => once!(tools::runs("jq", "--version")),
            Self::Chromium => once!(tools::runs("chromium", "--version")),
            Self::Nginx => once!(tools::nginx().is_some()),
            Self::Compose => once!(tools::runs("docker-compose", "--version")),
            Self::Systemd => once!(tools::runs("systemd-analyze", "--version")),
            Self::Node => once!(tools::runs("node", "--version")),
            Self::Python => once!(tools::runs("python3", "--version")),
            Self::Haproxy => once!(tools::haproxy().is_some()),
            Self::Promtool => once!(tools::promtool().is_some()),
            Self::NodeClients => once!(tools::runs("node", "--version") && tools::node_modules().is_some()),
            Self::PythonClients => once!(tools::python().is_some_and(|path| tools::runs(path, "--version"))),
            Self::OpenapiNode => {
                once!(tools::runs("node", "--version") && tools::openapi_node_modules().is_some())
            }
            Self::OpenapiPython => {
                once!(tools::openapi_python().is_some_and(|bin| tools::runs(bin.join("python"), "--version")))
            }
        }
    }

    /// Whether a run may skip tests for lack of it.
    pub fn may_be_missing(self) -> bool {
        if self.is_tool() && std::env::var("REQUIRE").is_ok_and(|required| required == "all") {
            return false;
        }
        match std::env::var("ALLOW_SKIPS") {
            Ok(allowed) => allowed.split(',').any(|name| name.trim() == self.name()),
            Err(_) => true,
        }
    }
}

/// Keys of Kafka's requests.
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const DELETE_RECORDS: i16 = 21;
const ADD_PARTITIONS_TO_TXN: i16 = 24;
const CONSUMER_GROUP_HEARTBEAT: i16 = 68;

/// Whether the broker serves a request in at least this version.
fn serves(broker: &Broker, key: i16, version: i16) -> bool {
    static SERVED: OnceLock<HashMap<i16, i16>> = OnceLock::new();
    let served = SERVED.get_or_init(|| {
        let bootstrap = broker.bootstrap();
        let first = bootstrap.split(',').next().unwrap_or_default();
        let answer = BrokerWire::to(first).ask(0, &ApiVersionsRequest::default());
        answer.api_keys.iter().map(|served| (served.api_key, served.max_version)).collect()
    });
    served.get(&key).is_some_and(|most| *most >= version)
}
