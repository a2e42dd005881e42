//! The native API, one file per resource.

pub mod acks;
pub mod cluster;
pub mod groups;
pub mod poll;
pub mod record;
pub mod records;
pub mod stream;
pub mod topics;
