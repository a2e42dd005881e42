//! What is never shown: the gateway's own secrets, which have a type, and those among librdkafka's properties.
//!
//! librdkafka marks some properties as sensitive; those are the list, less two that hold a path. Beside it
//! stands a rule on the name: a property that this release does not know, or a misspelt one, is hidden as
//! well when its name sounds like a secret. Hiding too much costs a look into the file; showing too much
//! costs a password.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// What stands where a secret would be printed.
pub const MASK: &str = "********";

/// How long a secret of the gateway's own may be, in bytes: nobody guesses the shortest.
const BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

/// What a secret of the gateway's own may be, in words.
pub const ALLOWED: &str = "empty, or a text of 16 to 1024 bytes without a NUL character";

/// A secret of the gateway's own. It debugs and serialises as the mask, or as nothing where a file holds it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret {
    text: String,
    in_file: bool,
}

impl Secret {
    /// One that was read from a file, which is shown in its place.
    pub(super) fn in_file(text: &str) -> Self {
        Self { text: text.to_owned(), in_file: true }
    }

    /// The secret in clear, for a key to be made of it, never for a log; `None` if there is none.
    #[must_use]
    pub fn reveal(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| !text.is_empty())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self { text, in_file: false }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "none" } else { MASK })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.text.is_empty() || self.in_file { "" } else { MASK })
    }
}

/// Checks what is to be a secret of the gateway's own.
///
/// # Errors
/// What was found, without the text.
pub fn check(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Ok(()),
        MASK => Err("the mask that `print-config` prints"),
        _ if BYTES.contains(&text.len()) && !text.contains('\0') => Ok(()),
        _ => Err("a secret of another form"),
    }
}

/// What a secret's name ends in when its value is a path to the secret.
pub const FILE_SUFFIX: &str = "_file";

/// librdkafka's sensitive properties, their aliases included.
pub const SECRETS: [&str; 11] = [
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "sasl.username",
    "ssl.ca.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// Parts of a name that make it sound like a secret; `pas`, because `pasword` is the likeliest slip of all.
const SOUNDS: [&str; 8] = ["pas", "secret", "credential", "token", ".pem", "jaas", "pwd", "apikey"];

/// Known properties that sound like a secret and are none.
const PLAIN: [&str; 3] = [
    "oauthbearer_token_refresh_cb",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.token.endpoint.url",
];

/// Whether the value of this property must never be shown.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.as_str();
    SECRETS.contains(&name) || (SOUNDS.iter().any(|part| name.contains(part)) && !PLAIN.contains(&name))
}

/// The secret that a `…_file` name stands for, if it stands for one.
#[must_use]
pub fn twin_of(name: &str) -> Option<&str> {
    name.strip_suffix(FILE_SUFFIX).filter(|secret| is_secret(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_list_and_by_sound() {
        for name in SECRETS.iter().chain(&["sasl.pasword", "sasl.PASSWORD", "x.token", "sasl.jaas.config"]) {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "ssl.key.location",
            "ssl.ca.location",
            "security.protocol",
            "debug",
            "sasl.mechanism",
            "client.rack",
        ]
        .iter()
        .chain(&PLAIN)
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_secret_of_our_own_is_checked_and_never_shown() {
        for (text, right) in [
            ("", true),
            ("sixteen bytes: 16", true),
            ("fifteen bytes..", false),
            ("sixteen\0bytes: 16", false),
            (&"x".repeat(1024), true),
            (&"x".repeat(1025), false),
            (MASK, false),
        ] {
            assert_eq!(check(text).is_ok(), right, "{text:?}");
        }
        let text = "correct-horse-battery";
        for (secret, shown) in [(Secret::from(text.to_owned()), MASK), (Secret::in_file(text), "")] {
            assert_eq!(secret.reveal(), Some(text));
            assert_eq!(format!("{secret:?}"), MASK);
            assert_eq!(serde_json::to_value(&secret).expect("a text"), shown);
        }
        assert_eq!(Secret::default().reveal(), None);
    }

    #[test]
    fn only_a_secret_has_a_file_twin() {
        assert_eq!(twin_of("sasl.password_file"), Some("sasl.password"));
        assert_eq!(twin_of("sasl.password"), None);
        assert_eq!(twin_of("ssl.ca.location_file"), None);
        assert_eq!(twin_of("sasl.oauthbearer.assertion.private.key.file"), None);
    }
}
