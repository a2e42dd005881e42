//! By which protocol a member joins its group, and what was learnt of the brokers about it.

use crate::config::GroupProtocol;
use std::sync::atomic::{AtomicBool, Ordering};

/// A protocol as a client is set to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The brokers assign (KIP-848).
    Consumer,
    /// The classic one; a rebalance moves only what has to be moved (KIP-429).
    Cooperative,
    /// The classic one; a rebalance takes everything from everybody first.
    Eager,
}

/// Knows by which protocol the next member joins. librdkafka does not show what requests a broker takes, so with `auto` the
/// first member tries, and what it finds is remembered for as long as the process lives.
#[derive(Debug)]
pub struct Protocols {
    wanted: GroupProtocol,
    lacking: AtomicBool,
    /// A member has joined by KIP-848.
    proven: AtomicBool,
}

impl Protocols {
    /// As the configuration has it.
    pub fn new(wanted: GroupProtocol) -> Self {
        Self { wanted, lacking: AtomicBool::new(false), proven: AtomicBool::new(false) }
    }

    /// The one to join by.
    pub fn next(&self) -> Protocol {
        match self.wanted {
            GroupProtocol::Auto if self.lacking.load(Ordering::Relaxed) => Protocol::Cooperative,
            GroupProtocol::Auto | GroupProtocol::Consumer => Protocol::Consumer,
            GroupProtocol::Cooperative => Protocol::Cooperative,
            GroupProtocol::Eager => Protocol::Eager,
        }
    }

    /// Whether the next member is to find out whether the brokers have KIP-848.
    pub fn is_open(&self) -> bool {
        self.next() == Protocol::Consumer && !self.proven.load(Ordering::Relaxed)
    }

    /// A member has joined by this one.
    pub fn is_proven(&self, protocol: Protocol) {
        if protocol == Protocol::Consumer {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    /// The brokers do not have KIP-848. Returns whether there is another protocol to try.
    pub fn is_lacking(&self) -> bool {
        self.lacking.store(true, Ordering::Relaxed);
        self.wanted == GroupProtocol::Auto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_auto_falls_back_and_it_remembers() {
        let auto = Protocols::new(GroupProtocol::Auto);
        assert!(auto.next() == Protocol::Consumer && auto.is_open());
        assert!(auto.is_lacking());
        assert_eq!(auto.next(), Protocol::Cooperative);
        let fixed = Protocols::new(GroupProtocol::Consumer);
        assert!(!fixed.is_lacking());
        assert_eq!(fixed.next(), Protocol::Consumer);
        fixed.is_proven(Protocol::Consumer);
        assert!(!fixed.is_open());
    }
}
