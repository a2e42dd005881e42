//! The native API, one file per resource.

pub mod cluster;
pub mod groups;
pub mod record;
pub mod records;
pub mod stream;
pub mod topics;
