//! `[access]`: who may do what.

use super::field::{Field, Rule, Section};
use serde::{Deserialize, Serialize};

/// What the keys of `[access]` mean and may be.
pub(super) const SECTION: Section = Section {
    name: "access",
    about: "Who may do what.",
    fields: &[Field {
        key: "anonymous",
        meaning: "Where callers without credentials are let in. `loopback`: only on a listener that other machines \
                  cannot reach; with any other listener the gateway refuses to start. `allow`: everywhere, and \
                  whoever reaches the port may do all that Kafka lets the gateway do.",
        rule: Rule::OneOf(&["loopback", "allow"]),
    }],
};

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
