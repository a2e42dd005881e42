//! How much may be under way to Kafka, in all and to one partition.
//!
//! One partition gets at most an eighth, so that one without a leader, whose records wait for their time-out, cannot
//! make the gateway answer "overloaded" for all the others.

use crate::kafka::Error;
use crate::record::TopicName;
use crate::telemetry::Metrics;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The part of the budget that one partition may use.
const PARTITION_SHARE: usize = 8;

/// Records without a partition share one account per topic: they go to partitions that have a leader.
pub type Account = (TopicName, Option<i32>);

#[derive(Debug)]
pub struct Budget {
    limit: Load,
    used: Mutex<Used>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Used {
    total: Load,
    accounts: HashMap<Account, Load>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    records: usize,
    bytes: usize,
}

/// A record's place in the budget, given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    account: Account,
    bytes: usize,
}

impl Budget {
    pub fn new(records: usize, bytes: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.produce.limit_records.set(records as i64);
        metrics.produce.limit_bytes.set(bytes as i64);
        Arc::new(Self { limit: Load { records, bytes }, used: Mutex::default(), metrics })
    }

    /// Takes a place for a record of `bytes`. What stands alone is always let in, however large.
    ///
    /// # Errors
    /// [`Error::QueueFull`] when the whole or the partition's share is used up.
    pub fn admit(self: &Arc<Self>, account: &Account, bytes: usize) -> Result<Share, Error> {
        let part =
            Load { records: self.limit.records / PARTITION_SHARE, bytes: self.limit.bytes / PARTITION_SHARE };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = used.accounts.get(account).copied().unwrap_or_default();
        if !used.total.takes(bytes, self.limit) || !mine.takes(bytes, part) {
            return Err(Error::QueueFull);
        }
        used.total = used.total.plus(bytes);
        used.accounts.insert(account.clone(), mine.plus(bytes));
        self.metrics.produce.queue_records.inc();
        self.metrics.produce.queue_bytes.inc_by(bytes as i64);
        Ok(Share { budget: self.clone(), account: account.clone(), bytes })
    }
}

impl Load {
    fn takes(self, bytes: usize, limit: Load) -> bool {
        self.records == 0 || (self.records < limit.records && self.bytes + bytes <= limit.bytes)
    }

    fn plus(self, bytes: usize) -> Self {
        Self { records: self.records + 1, bytes: self.bytes + bytes }
    }

    fn minus(self, bytes: usize) -> Self {
        Self { records: self.records - 1, bytes: self.bytes - bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = self.budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.total = used.total.minus(self.bytes);
        self.budget.metrics.produce.queue_records.dec();
        self.budget.metrics.produce.queue_bytes.dec_by(self.bytes as i64);
        if let Some(mine) = used.accounts.get_mut(&self.account) {
            *mine = mine.minus(self.bytes);
            if mine.records == 0 {
                used.accounts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicName {
        TopicName::parse(name).expect("a legal name")
    }

    #[test]
    fn one_partition_cannot_use_up_the_budget_of_all() {
        let budget = Budget::new(800, 8000, Arc::default());
        let stuck = topic("stuck");
        let held: Vec<_> =
            (0..100).map(|_| budget.admit(&(stuck.clone(), Some(0)), 1).expect("within its share")).collect();
        assert!(matches!(budget.admit(&(stuck.clone(), Some(0)), 1), Err(Error::QueueFull)));
        assert!(budget.admit(&(stuck.clone(), Some(1)), 1).is_ok(), "its neighbour goes on");
        assert!(budget.admit(&(topic("other"), None), 1).is_ok(), "another topic goes on");
        drop(held);
        assert!(budget.admit(&(stuck.clone(), Some(0)), 1).is_ok());
    }

    #[test]
    fn a_large_record_is_let_in_when_it_stands_alone() {
        let budget = Budget::new(800, 8000, Arc::default());
        let alone = budget.admit(&(topic("t"), Some(0)), 1_000_000).expect("it stands alone");
        assert!(matches!(budget.admit(&(topic("t"), Some(1)), 1), Err(Error::QueueFull)));
        drop(alone);
        assert_eq!(budget.used.lock().expect("not poisoned").total, Load::default());
        assert!(budget.used.lock().expect("not poisoned").accounts.is_empty());
    }

    #[test]
    fn a_share_is_bounded_in_bytes_too() {
        let budget = Budget::new(800, 8000, Arc::default());
        let _held = budget.admit(&(topic("t"), Some(0)), 900).expect("within its share");
        assert!(matches!(budget.admit(&(topic("t"), Some(0)), 101), Err(Error::QueueFull)));
        assert!(budget.admit(&(topic("t"), Some(0)), 100).is_ok());
    }
}
