//! Sees the records in what the gateway writes, and their ids, without parsing the rest.
//!
//! The envelope of a record begins with its topic, partition and offset, and its last member is its id. The topic's name
//! is random, so no value looks like that beginning.

use crate::Result;
use crate::tally::Tally;
use memchr::memmem::{Finder, rfind};

/// Sees the records of one topic.
pub struct Scanner {
    beginning: Finder<'static>,
}

impl Scanner {
    pub fn new(topic: &str) -> Self {
        let beginning = format!(r#"{{"topic":"{topic}","partition":"#);
        Self { beginning: Finder::new(beginning.as_bytes()).into_owned() }
    }

    /// Marks all records of a text that begins and ends with a whole one; how many.
    ///
    /// # Errors
    /// As [`Tally::see`], and when an envelope goes on as none does.
    pub fn scan(&self, text: &[u8], tally: &Tally) -> Result<u64> {
        let (mut at, mut seen) = (0, 0);
        while let Some(found) = self.beginning.find(&text[at..]) {
            at += found + self.beginning.needle().len();
            let (partition, rest) = number(&text[at..]);
            let offset = rest.strip_prefix(br#","offset":"#).ok_or("a partition without an offset")?;
            tally.see(partition, number(offset).0)?;
            seen += 1;
        }
        Ok(seen)
    }
}

/// The id of the last record in a text, and what follows it.
pub fn last_id(text: &[u8]) -> Result<(&str, &[u8])> {
    const BEFORE: &[u8] = br#""id":""#;
    let begin = rfind(text, BEFORE).ok_or("a record without an id")? + BEFORE.len();
    let length = memchr::memchr(b'"', &text[begin..]).ok_or("an id without an end")?;
    let (id, rest) = text[begin..].split_at(length);
    Ok((std::str::from_utf8(id)?, rest))
}

/// The digits that a text begins with, as a number, and what follows them.
fn number(text: &[u8]) -> (u64, &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text[..length].iter();
    (digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')), &text[length..])
}
