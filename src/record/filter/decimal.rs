//! JSON's numbers, compared as the decimals they are.
//!
//! No float stands between: 9007199254740993 is not 9007199254740992, 0.1 is exactly that, and 1, 1.0 and 10e-1 are one
//! number, however many digits they have. Two numbers that differ are told apart unless both have an exponent beyond four
//! quintillions (4·10^18), which is taken for just that.

use std::cmp::Ordering;

/// What an exponent is taken for that is further from zero.
const FARTHEST: i64 = 4_000_000_000_000_000_000;

/// A number: `0.digits` times ten to the power of `point`. One form for each number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty is zero.
    digits: String,
    point: i64,
}

impl Decimal {
    /// Reads a number as JSON writes it (RFC 8259, section 6), whose form is known to be right.
    pub fn read(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |unsigned| (true, unsigned));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let behind = digits.trim_start_matches('0');
        let zeros = digits.len() - behind.len();
        let behind = behind.trim_end_matches('0');
        if behind.is_empty() {
            return Self { negative: false, digits: String::new(), point: 0 };
        }
        let farthest = if exponent.starts_with('-') { -FARTHEST } else { FARTHEST };
        let exponent = exponent.parse().unwrap_or(farthest).clamp(-FARTHEST, FARTHEST);
        // Lengths are those of texts in memory, so nothing comes near the limits of the type.
        let point = whole.len() as i64 - zeros as i64 + exponent;
        Self { negative, digits: behind.to_owned(), point }
    }

    fn sign(&self) -> i8 {
        match (self.negative, self.digits.is_empty()) {
            (_, true) => 0,
            (true, false) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits behind one and the same point compare as texts do.
        let size = || (self.point, &self.digits).cmp(&(other.point, &other.digits));
        self.sign().cmp(&other.sign()).then_with(|| if self.negative { size().reverse() } else { size() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_has_one_form() {
        for (number, same) in [
            ("0", &["-0", "0.0", "0e7", "-0.000e-9", "0e99999999999999999999"][..]),
            ("1", &["1.0", "10e-1", "0.1e1", "1E0", "1e+0", "0.001e3", "1e-0"]),
            ("-1200", &["-1.2e3", "-1200.00", "-12E+2"]),
            ("12345678901234567890.5", &["123456789012345678905e-1"]),
            ("1e400", &["10e399", "0.1e401"]),
        ] {
            for same in same {
                assert_eq!(Decimal::read(number), Decimal::read(same), "{number} {same}");
            }
        }
    }

    #[test]
    fn numbers_stand_in_their_order_however_long_they_are() {
        let order = [
            "-1e99999999999999999999",
            "-1e400",
            "-12",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-99999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000000000001",
            "0.10000000000000000000000002",
            "0.9",
            "1",
            "1.05",
            "1.5",
            "2",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "1e400",
            "1.1e400",
            "1e99999999999999999999",
        ];
        for (at, less) in order.iter().enumerate() {
            for more in &order[at + 1..] {
                assert!(Decimal::read(less) < Decimal::read(more), "{less} {more}");
                assert!(Decimal::read(more) > Decimal::read(less), "{less} {more}");
            }
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_compare_as_they_do(a in any::<i128>(), b in any::<i128>(), c in -99_i128..99, d in -99_i128..99) {
            for (a, b) in [(a, b), (a, a), (c, d), (a, c)] {
                prop_assert_eq!(Decimal::read(&a.to_string()).cmp(&Decimal::read(&b.to_string())), a.cmp(&b));
            }
        }

        #[test]
        fn floats_compare_as_they_do(a in any::<f64>(), b in -1e3..1e3) {
            prop_assume!(a.is_finite());
            for (a, b) in [(a, b), (b, -b), (a, a)] {
                let read = |number: f64| Decimal::read(&format!("{number:e}"));
                prop_assert_eq!(Some(read(a).cmp(&read(b))), a.partial_cmp(&b));
                prop_assert_eq!(read(a), Decimal::read(&format!("{a}")));
            }
        }
    }
}
