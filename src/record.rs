//! The vocabulary of records: pure values and their text forms.
//!
//! Nothing here does I/O, waits, or knows a client of Kafka, so that every room may use it.

pub mod duration;
