//! Which partitions to read: `0,3-5`.

use std::ops::RangeInclusive;

/// The most members of a list: more than any topic has partitions worth naming.
const MAX_RANGES: usize = 1024;

/// Partitions by number, as ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSet(Vec<RangeInclusive<i32>>);

/// Why a text names no partitions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no list of partitions such as `0,3-5`")]
pub struct InvalidPartitions(String);

impl PartitionSet {
    /// Reads a list of numbers and ranges.
    ///
    /// # Errors
    /// When a member is neither, or a range runs backwards.
    pub fn parse(text: &str) -> Result<Self, InvalidPartitions> {
        let invalid = || InvalidPartitions(text.chars().take(80).collect());
        let ranges: Option<Vec<_>> = text.split(',').take(MAX_RANGES + 1).map(range).collect();
        ranges.filter(|ranges| ranges.len() <= MAX_RANGES).map(Self).ok_or_else(invalid)
    }

    /// Whether a partition is among them.
    pub fn contains(&self, partition: i32) -> bool {
        self.0.iter().any(|range| range.contains(&partition))
    }

    /// The highest partition named.
    pub fn highest(&self) -> i32 {
        self.0.iter().map(|range| *range.end()).max().unwrap_or(0)
    }
}

fn range(text: &str) -> Option<RangeInclusive<i32>> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_name_partitions() {
        let set = PartitionSet::parse("0,3-5").expect("a list");
        let named: Vec<_> = (0..8).filter(|partition| set.contains(*partition)).collect();
        assert_eq!((named, set.highest()), (vec![0, 3, 4, 5], 5));
        for bad in ["", "a", "1,", "5-3", "-1", "1-", "1-2-3", "+1", "99999999999"] {
            assert!(PartitionSet::parse(bad).is_err(), "{bad:?} passed");
        }
    }
}
