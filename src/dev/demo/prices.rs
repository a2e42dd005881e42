//! `prices`: the ticker of a small exchange. Each price takes a random walk by factors, so it moves in proportion and
//! stays above zero; a weak pull towards where it started keeps it in sight over weeks. The key is the symbol.

use super::{Entry, Feed, normal, round};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use std::time::Duration;

/// Symbol, first price, and how far it moves from one trade to the next (the deviation of its logarithm).
const LISTED: [(&str, f64, f64); 6] = [
    ("ACME", 182.40, 0.0008),
    ("BOLT", 24.15, 0.0020),
    ("CORA", 61.00, 0.0012),
    ("DYNE", 3.42, 0.0045),
    ("FERN", 410.75, 0.0006),
    ("GLOW", 97.30, 0.0015),
];

/// What part of the way back a price is pulled with each trade.
const PULL: f64 = 0.0005;

/// The exchange: where each price stands.
pub struct Prices {
    last: Vec<f64>,
}

impl Prices {
    /// Opens at the first prices.
    pub fn new() -> Self {
        Self { last: LISTED.iter().map(|(_, first, _)| *first).collect() }
    }
}

impl Feed for Prices {
    const TOPIC: &'static str = "prices";
    const PARTITIONS: i32 = 3;
    const PAUSE: Duration = Duration::from_millis(120);

    fn next(&mut self, random: &mut StdRng, _at: i64) -> Entry {
        let which = random.random_range(0..LISTED.len());
        let (symbol, first, deviation) = LISTED[which];
        let last = &mut self.last[which];
        let moved = deviation * normal(random) + PULL * (first / *last).ln();
        *last *= moved.exp();
        let price = round(*last, 2).max(0.01);
        let value = json!({
            "symbol": symbol,
            "price": price,
            "change": round((price / first - 1.0) * 100.0, 2),
            "volume": random.random_range(1..=40_u32) * 25,
        });
        Entry { key: symbol.to_owned(), value: Some(value), trace: random.random() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn prices_walk_in_small_steps_and_stay_in_sight() {
        let mut walks: HashMap<String, Vec<f64>> = HashMap::new();
        for entry in told(Prices::new(), 23, 60_000) {
            let value = entry.value.expect("a price");
            assert_eq!(value["symbol"], entry.key.as_str());
            walks.entry(entry.key).or_default().push(value["price"].as_f64().expect("a number"));
        }
        for (symbol, first, deviation) in LISTED {
            let walk = &walks[symbol];
            assert!(walk.len() > 5000, "{symbol}: {}", walk.len());
            assert!(walk.iter().all(|price| *price > first / 5.0 && *price < first * 5.0), "{symbol}");
            // A cent is the least step there is.
            let most = |price: f64| price * deviation * 8.0 + 0.02;
            assert!(walk.windows(2).all(|step| (step[1] - step[0]).abs() < most(step[0])), "{symbol}");
            assert!(walk.windows(2).any(|step| step[1] > step[0]), "{symbol} never rises");
            assert!(walk.windows(2).any(|step| step[1] < step[0]), "{symbol} never falls");
        }
    }
}
