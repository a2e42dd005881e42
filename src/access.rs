//! Who may do what. Parses nothing of HTTP and decides in one place, so that the answer is the same on every route.
//!
//! There is one rule yet: callers without credentials are let in on a listener that no other machine can reach, and
//! elsewhere only when the configuration says so. Keys, tokens and rules per topic are absent until their issue.

use crate::config::{self, Anonymous};
use crate::record::{GroupId, TopicName};
use std::fmt;
use std::net::SocketAddr;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: no credentials were shown.
    Anonymous,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anonymous")
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Put records into a topic.
    Produce(&'a TopicName),
    /// Read a topic's records.
    Read(&'a TopicName),
    /// Read the records of every topic that a pattern matches.
    ReadMatching(&'a str),
    /// See which topics there are.
    ListTopics,
    /// See a topic's partitions and settings.
    DescribeTopic(&'a TopicName),
    /// Make a topic.
    CreateTopic(&'a TopicName),
    /// See which consumer groups there are.
    ListGroups,
    /// See a group's members and where it stands.
    DescribeGroup(&'a GroupId),
    /// Commit other offsets in the place of a group.
    MoveGroup(&'a GroupId),
    /// Delete a group.
    DeleteGroup(&'a GroupId),
    /// Take part in a consumer group: be handed its records, and acknowledge them.
    JoinGroup(&'a GroupId),
    /// See the cluster's brokers.
    DescribeCluster,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be done.
    Allow,
    /// It may not.
    Deny,
}

/// Why the gateway does not start with these rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "listen.http is {0}, which other machines can reach, and callers without credentials are allowed on loopback \
     only: listen on a loopback address, or set access.anonymous = \"allow\" to let everybody in"
)]
pub struct OpenToAll(SocketAddr);

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Access {
    anonymous: bool,
}

impl Access {
    /// The rules of the configuration, for a listener at `address`.
    ///
    /// # Errors
    /// When the listener would let in everybody without the configuration saying so.
    pub fn new(settings: &config::Access, address: SocketAddr) -> Result<Self, OpenToAll> {
        let allowed = settings.anonymous == Anonymous::Allow || address.ip().is_loopback();
        if allowed { Ok(Self { anonymous: true }) } else { Err(OpenToAll(address)) }
    }

    /// Whether `caller` may do `action`.
    pub fn decide(&self, caller: &Caller, _action: Action<'_>) -> Decision {
        match caller {
            Caller::Anonymous if self.anonymous => Decision::Allow,
            Caller::Anonymous => Decision::Deny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_let_in_on_loopback_and_elsewhere_only_by_word() {
        let rules = |anonymous, address: &str| {
            Access::new(&config::Access { anonymous }, address.parse().expect("an address"))
        };
        for loopback in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80"] {
            assert!(rules(Anonymous::Loopback, loopback).is_ok(), "{loopback}");
        }
        for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"] {
            assert!(rules(Anonymous::Loopback, open).is_err(), "{open}");
            let access = rules(Anonymous::Allow, open).expect("allowed by word");
            assert_eq!(access.decide(&Caller::Anonymous, Action::ListTopics), Decision::Allow);
        }
    }
}
