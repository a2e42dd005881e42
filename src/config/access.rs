//! `[access]`: who may do what.

use serde::{Deserialize, Serialize};

/// The `[access]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Where callers without credentials are let in.
    pub anonymous: Anonymous,
}

/// Where callers without credentials are let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// Only on a listener that other machines cannot reach; any other refuses to start.
    #[default]
    Loopback,
    /// On every listener.
    Allow,
}
