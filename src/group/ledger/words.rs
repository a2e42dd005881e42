//! The words of a ledger: the rules it keeps, who holds a record, and what becomes of one.

use std::num::NonZeroU32;
use std::time::Duration;

/// The rules of a group that its ledgers keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The most records held at a time: taken from Kafka, and neither acknowledged nor given up.
    pub window: usize,
    /// How long a record that was handed out waits for its acknowledgement; where it is held for as long as its session
    /// lasts, from the end of that.
    pub lease: Duration,
    /// How often a record is handed out before it is given up; for ever if not set.
    pub max_attempts: Option<NonZeroU32>,
}

/// What a record keeps its order among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// All of its partition.
    Partition,
    /// Those with its key, of which this is a hash.
    Key(u64),
    /// None.
    Free,
}

/// Whom a record was handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The client's session.
    pub session: u64,
    /// Its number among all that the session was handed, of whatever partition; later is higher.
    pub sequence: u64,
}

/// A record as it is handed out.
#[derive(Debug, PartialEq, Eq)]
pub struct Handed<'a, T> {
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The record.
    pub record: &'a T,
}

/// A record that was handed out as often as it may be.
#[derive(Debug, PartialEq, Eq)]
pub struct Spent<'a, T> {
    /// Its offset.
    pub offset: i64,
    /// How often it was handed out.
    pub attempts: u32,
    /// How its last attempt ended.
    pub end: End,
    /// The record.
    pub record: &'a T,
}

/// How an attempt ended without an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was heard of it before its lease ended.
    Expired,
    /// Its holder gave it back.
    Nacked,
}

/// What became of an acknowledgement, positive or negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it says.
    Done,
    /// There was nothing left to do: the record is acknowledged, or a negative one came after its attempt had ended.
    Late,
    /// The record belongs to an assignment that has ended, or was never handed out under this one. Nothing was done.
    Fenced,
}
