//! Which partitions to read: `0,3-5`.

use super::number;
use std::ops::RangeInclusive;

/// The most members of a list: more than any topic has partitions worth naming.
const MAX_RANGES: usize = 1024;

/// Partitions by number, as ranges in order that do not touch.
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
        ranges.filter(|ranges| ranges.len() <= MAX_RANGES).map(Self::merged).ok_or_else(invalid)
    }

    /// A set of single partitions.
    pub fn of(partitions: impl IntoIterator<Item = i32>) -> Self {
        Self::merged(partitions.into_iter().map(|partition| partition..=partition).collect())
    }

    /// One form for each set, so that sets compare.
    fn merged(mut ranges: Vec<RangeInclusive<i32>>) -> Self {
        ranges.sort_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<i32>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// Whether a partition is among them.
    pub fn contains(&self, partition: i32) -> bool {
        self.0.iter().any(|range| range.contains(&partition))
    }

    /// The highest partition named.
    pub fn highest(&self) -> i32 {
        self.0.last().map_or(0, |range| *range.end())
    }
}

fn range(text: &str) -> Option<RangeInclusive<i32>> {
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
        assert_eq!(PartitionSet::of([4, 0, 5, 3]), set);
        assert_eq!(PartitionSet::parse("5,3-4,4,0"), Ok(set));
        for bad in ["", "a", "1,", "5-3", "-1", "1-", "1-2-3", "+1", "99999999999"] {
            assert!(PartitionSet::parse(bad).is_err(), "{bad:?} passed");
        }
    }
}
