//! The native API, one file per resource.

pub mod cluster;
pub mod record;
pub mod records;
pub mod stream;
pub mod topics;
