//! The Kafka room: the only one that names librdkafka.
//!
//! It offers the rest of the house what it needs of a cluster in the house's own words: a [`Catalog`] of topics, a
//! shared [`Producer`], a [`reader::Feed`] of explicit positions, a [`Member`] of a consumer group, [`Admin`] for making and
//! describing topics, and [`Groups`] for looking after consumer groups. Errors leave
//! it classified by remedy ([`Error`]), never as codes. There are no traits to mock: tests run against a broker.

pub mod admin;
mod admittance;
pub mod catalog;
mod context;
pub mod error;
#[expect(unsafe_code, reason = "the one door to librdkafka's own calls")]
mod ffi;
pub mod groups;
pub mod health;
pub mod member;
pub mod producer;
pub mod reader;
pub mod settings;
mod statistics;

pub use admin::Admin;
pub use catalog::{Catalog, Topic};
pub use error::Error;
pub use groups::Groups;
pub use health::Health;
pub use member::Member;
pub use producer::Producer;
pub use settings::Settings;

/// The version of librdkafka.
pub fn client_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// The partition, of `partitions` in all, that Java's default partitioner gives a key (murmur2).
pub fn partition_for(key: &[u8], partitions: i32) -> i32 {
    ffi::murmur2_partition(key, partitions)
}

/// Runs a call that blocks, about nothing that is written, off the async threads.
async fn off_thread<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(call).await.unwrap_or_else(|error| Err(Error::unavailable(error)))
}
