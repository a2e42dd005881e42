//! `[groups]`: how the gateway takes part in consumer groups, and what grouped delivery may cost.

use super::field::{Field, Rule, Section};
use super::secret::Secret;
use crate::record::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the keys of `[groups]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "groups",
    about: "How the gateway takes part in consumer groups, and what grouped delivery may cost. Its member of a group serves any \
            number of requests, and stays when they are gone, so that clients come and go without a rebalance.",
    fields: &[
        Field {
            key: "protocol",
            meaning: "By which protocol members join. `auto` is `consumer` (KIP-848) where the brokers have it, else \
                      `cooperative` (the classic one, cooperative-sticky). `eager` (classic, range) is for brokers and groups \
                      that know nothing else. `sluicegate dev` takes `eager` in the place of `auto`.",
            rule: Rule::OneOf(&["auto", "consumer", "cooperative", "eager"]),
        },
        Field {
            key: "instance_id",
            meaning: "Makes members static (KIP-345): what their `group.instance.id` begins with. It must differ between \
                      gateways of one cluster. Empty: members are dynamic.",
            rule: Rule::Text(is_instance_id, "empty, or 1 to 100 of a-z, A-Z, 0-9, `.`, `_` and `-`"),
        },
        Field {
            key: "shared_secret",
            meaning: "What the ids of records that clients are handed are sealed with. Gateways that have the same one read each \
                      other's ids, and after a restart those of before. Empty: each process makes a key of its own. Like any \
                      secret it is never printed.",
            rule: Rule::Secret,
        },
        Field {
            key: "shared_secret_file",
            meaning: "The path of a file that holds `groups.shared_secret`, which is then left empty; line ends at its end are no \
                      part of it. It is read once, at the start. Empty: no file is read.",
            rule: Rule::Text(is_path, "empty, or the path of a file"),
        },
        Field {
            key: "max_members",
            meaning: "How many members the gateway may have in all: one for each group and list of topics. A request that \
                      needs one more is 503 `overloaded`.",
            rule: Rule::Integer(1, 10_000),
        },
        Field {
            key: "max_workers",
            meaning: "How many requests may wait for records of one group at a time; one more is 503 `overloaded`.",
            rule: Rule::Integer(1, 1_000_000),
        },
        Field {
            key: "max_unacked_bytes",
            meaning: "How many bytes of records may be in memory that were not acknowledged yet, of all groups together. At it \
                      no more is taken from Kafka until some are.",
            rule: Rule::Integer(1_048_576, 1_099_511_627_776),
        },
        Field {
            key: "window",
            meaning: "How many records of a partition may be taken from Kafka and not yet acknowledged, in a group that does \
                      not ask for another number. At it no more of the partition is taken.",
            rule: Rule::Integer(1, 100_000),
        },
        Field {
            key: "ack_timeout",
            meaning: "How long a record waits for its acknowledgement before it is handed out again, in a group that does not \
                      ask for another time.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(43_200)),
        },
        Field {
            key: "linger",
            meaning: "How long a member stays in its group after the last request has left and the last lease has ended. \
                      Then it commits and leaves.",
            rule: Rule::Time(Duration::from_millis(100), Duration::from_secs(3_600)),
        },
        Field {
            key: "commit_interval",
            meaning: "How often a member commits what was acknowledged meanwhile.",
            rule: Rule::Time(Duration::from_millis(10), Duration::from_secs(60)),
        },
        Field {
            key: "revoke_timeout",
            meaning: "How long a member that is to give a partition up waits for the acknowledgements of what was handed out of \
                      it. What comes later is refused, and the record is handed out by the partition's next member.",
            rule: Rule::Time(Duration::ZERO, Duration::from_secs(60)),
        },
    ],
};

/// The `[groups]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    /// By which protocol members join.
    pub protocol: GroupProtocol,
    /// What the instance ids of static members begin with; empty for dynamic ones.
    pub instance_id: String,
    /// What ids are sealed with.
    pub shared_secret: Secret,
    /// The file that holds that; empty for none.
    pub shared_secret_file: String,
    /// Members in all.
    pub max_members: usize,
    /// Requests that may wait for records of one group.
    pub max_workers: usize,
    /// Bytes of records that were not acknowledged.
    pub max_unacked_bytes: usize,
    /// Records of a partition that were not acknowledged.
    pub window: usize,
    /// How long a record waits for its acknowledgement.
    #[serde(with = "duration::text")]
    pub ack_timeout: Duration,
    /// How long a member stays that nobody needs any more.
    #[serde(with = "duration::text")]
    pub linger: Duration,
    /// How often what was acknowledged is committed.
    #[serde(with = "duration::text")]
    pub commit_interval: Duration,
    /// How long acknowledgements are waited for before a partition is given up.
    #[serde(with = "duration::text")]
    pub revoke_timeout: Duration,
}

/// By which protocol members join a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupProtocol {
    /// The best one that the brokers have.
    #[default]
    Auto,
    /// KIP-848.
    Consumer,
    /// The classic one, cooperative-sticky (KIP-429).
    Cooperative,
    /// The classic one, range.
    Eager,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            protocol: GroupProtocol::Auto,
            instance_id: String::new(),
            shared_secret: Secret::default(),
            shared_secret_file: String::new(),
            max_members: 100,
            max_workers: 1_000,
            max_unacked_bytes: 268_435_456,
            window: 1_000,
            ack_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(30),
            commit_interval: Duration::from_millis(500),
            revoke_timeout: Duration::from_secs(3),
        }
    }
}

fn is_path(text: &str) -> bool {
    !text.contains('\0')
}

fn is_instance_id(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= 100 && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Flags};

    #[test]
    fn the_shared_secret_comes_from_its_file_and_is_printed_as_that() {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let [secret, file] = ["secret", "gate.toml"].map(|name| folder.path().join(name));
        std::fs::write(&secret, "correct-horse-battery\r\n").expect("the folder is ours");
        let name = "SLUICEGATE_GROUPS__SHARED_SECRET_FILE".to_owned();
        let given = [(name, secret.display().to_string())];
        let config = Config::load(None, given, Flags::default()).expect("it is allowed");
        assert_eq!(config.groups.shared_secret.reveal(), Some("correct-horse-battery"));
        let toml = config.to_toml();
        assert!(
            !toml.contains("correct-horse-battery") && !format!("{config:?}").contains("horse"),
            "{toml}"
        );
        std::fs::write(&file, toml).expect("the folder is ours");
        assert_eq!(Config::load(Some(&file), [], Flags::default()), Ok(config));
    }
}
