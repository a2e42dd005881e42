//! Which librdkafka properties are secrets.
//!
//! librdkafka marks some properties as sensitive; those are the list, less two that hold a path. Beside it
//! stands a rule on the name: a property that this release does not know, or a misspelt one, is hidden as
//! well when its name sounds like a secret. Hiding too much costs a look into the file; showing too much
//! costs a password.

/// What stands where a secret would be printed.
pub const MASK: &str = "********";

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
    fn only_a_secret_has_a_file_twin() {
        assert_eq!(twin_of("sasl.password_file"), Some("sasl.password"));
        assert_eq!(twin_of("sasl.password"), None);
        assert_eq!(twin_of("ssl.ca.location_file"), None);
        assert_eq!(twin_of("sasl.oauthbearer.assertion.private.key.file"), None);
    }
}
