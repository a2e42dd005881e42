//! Records of random content: every kind that is treated in a way of its own, and sizes from nothing to 100 KB.

use crate::harness::Draft;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// The largest value, in bytes.
const LARGEST: usize = 100 * 1024;

/// Pieces of text that could break a frame, an envelope or a parser.
const PIECES: [&str; 16] = [
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "id: 1.evil",
    "data:",
    "event: fault\n",
    "retry: 1\r",
    ":",
    " ",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\"",
    "\\",
    "ü€😀",
];

/// A record as only a native client can write it: headers may be null.
pub fn native(random: &mut StdRng) -> Draft {
    draft(random, true)
}

/// A record that HTTP can carry.
pub fn over_http(random: &mut StdRng) -> Draft {
    draft(random, false)
}

fn draft(random: &mut StdRng, null_headers: bool) -> Draft {
    let key = match random.random_range(0..4) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(text(random, 30).into_bytes()),
        _ => Some(bytes(random, 30)),
    };
    let headers = (0..random.random_range(0..4)).map(|_| {
        let name = ["a", "A", "trace-id", "ü name"][random.random_range(0..4)].to_owned();
        let value = match random.random_range(0..3) {
            0 if null_headers => None,
            0 | 1 => Some(text(random, 20).into_bytes()),
            _ => Some(bytes(random, 20)),
        };
        (name, value)
    });
    let headers = headers.collect();
    Draft { key, value: value(random), headers }
}

fn value(random: &mut StdRng) -> Option<Vec<u8>> {
    let size = match random.random_range(0..100) {
        0..70 => random.random_range(0..500),
        70..95 => random.random_range(0..10_000),
        _ => random.random_range(0..=LARGEST),
    };
    match random.random_range(0..10) {
        0 => None,
        1 => Some(Vec::new()),
        2..5 => Some(bytes(random, size)),
        5..8 => Some(text(random, size).into_bytes()),
        _ => Some(json(random, size).into_bytes()),
    }
}

fn bytes(random: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(0..=most)];
    random.fill_bytes(&mut bytes);
    bytes
}

fn text(random: &mut StdRng, most: usize) -> String {
    let (mut text, size) = (String::new(), random.random_range(0..=most));
    while text.len() < size {
        if random.random_bool(0.3) {
            text.push_str(PIECES[random.random_range(0..PIECES.len())]);
        } else {
            text.extend((0..random.random_range(1..20)).map(|_| random.random_range('a'..='z')));
        }
    }
    text
}

/// JSON whose bytes a parser would not give back: spaces, line breaks, long numbers, repeated members.
fn json(random: &mut StdRng, most: usize) -> String {
    let scalar = |random: &mut StdRng| match random.random_range(0..5) {
        0 => "null".to_owned(),
        1 => {
            format!("{}.{}0e+{}", random.random::<u64>(), random.random::<u64>(), random.random_range(0..500))
        }
        2 => "\"\\u0000\\n \\\" { [\"".to_owned(),
        3 => serde_json::to_string(&text(random, 20)).expect("a string"),
        _ => "{ }".to_owned(),
    };
    let space = |random: &mut StdRng| ["", " ", "\n", "\r\n", "\t"][random.random_range(0..5)];
    if random.random_bool(0.3) {
        return format!("{}{}{}", space(random), scalar(random), space(random));
    }
    let mut text = format!("{}[", space(random));
    while text.len() < most {
        text.push_str(&format!("{{\"b\":{}{},\"a\":1,\"b\":2}},", scalar(random), space(random)));
    }
    text.push_str("0]");
    text.push_str(space(random));
    text
}
