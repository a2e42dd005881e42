//! The seed of a test that chooses at random: its choices can be repeated.

use rand::RngExt;

/// `PROPERTY_SEED`, or else a number of its own, which is printed.
pub fn seed(what: &str) -> u64 {
    let given = std::env::var("PROPERTY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    eprintln!("{what}: PROPERTY_SEED={seed}");
    seed
}
