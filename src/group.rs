//! Grouped delivery: records of a consumer group, handed to HTTP clients at least once.
//!
//! Membership of a group never belongs to an HTTP request: a member a request means a rebalance of the whole group for
//! every client that comes and goes. So what a client was handed is remembered here, apart from Kafka and from HTTP: by a
//! [`ledger`] for each assigned partition, and by the [`token`] that a record carries out and its acknowledgement brings back.
//!
//! Both are pure: time and randomness are given to them. Members, requests and routes are not here yet.

pub mod ledger;
pub mod token;
