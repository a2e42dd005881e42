//! When a record was sent, inside the record, on a clock that every process of this machine reads alike.
//!
//! The stamp has a fixed width and stands at the end of the value, so that neither finding it nor renewing it (which the
//! floor does) needs a parser or moves a byte.

use rustix::time::{ClockId, clock_gettime};

/// The size of a record's value.
pub const RECORD_BYTES: usize = 256;

const DIGITS: usize = 14;

/// What stands before the digits.
const NAME: &[u8] = br#""sent_us":""#;

/// What stands behind them, to the end of a value.
const END: &[u8] = br#""}"#;

/// Microseconds of the monotonic clock.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1000
}

/// A record's value, not stamped yet.
pub fn value() -> Vec<u8> {
    let head = br#"{"pad":""#;
    let behind = [&br#"","#[..], NAME, &[b'0'; DIGITS], END].concat();
    let pad = vec![b'x'; RECORD_BYTES - head.len() - behind.len()];
    [&head[..], &pad, &behind].concat()
}

/// Stamps a value.
pub fn put(value: &mut [u8], sent_us: u64) {
    let end = value.len() - END.len();
    write(&mut value[end - DIGITS..end], sent_us);
}

/// The stamp of the value with which `line` ends, but for the brace of its envelope.
pub fn of_line(line: &[u8]) -> Option<u64> {
    let rest = line.strip_suffix(b"}")?.strip_suffix(END)?;
    number(rest.get(rest.len().checked_sub(DIGITS)?..)?)
}

/// Where the digits of the stamps in `text` begin.
pub fn places(text: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(text, NAME).map(|at| at + NAME.len()).collect()
}

/// Renews the stamp whose digits begin at `place`.
pub fn renew(text: &mut [u8], place: usize, sent_us: u64) {
    if let Some(digits) = text.get_mut(place..place + DIGITS) {
        write(digits, sent_us);
    }
}

fn write(digits: &mut [u8], mut sent_us: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (sent_us % 10) as u8;
        sent_us /= 10;
    }
}

/// Digits and nothing else as a number.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}
