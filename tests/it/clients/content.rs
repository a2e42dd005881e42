//! Records of every kind of value, in turn.

use crate::harness::Draft;

/// What could break a frame, an envelope or a parser, and beside it what people write every day. `#` stands for a
/// number that is another one in every record.
const VALUES: [&[u8]; 36] = [
    br##"{"b":#,"a":[1,2],"b":"again"}"##,
    b"{\"lines\":\r\n[#,\r2,\n3]}\n",
    br##"{"text":"a\nb\u0000\ud83d\ude00","n":#}"##,
    b"[]",
    b"[#, [ ], {}]",
    b"#",
    b"0",
    b"-0.0e-0",
    b"12345678901234567890123456789.10e+400",
    b"9007199254740993",
    b"true",
    b"false",
    b"null",
    b"\"text #\"",
    b"\"\"",
    b"text #",
    b"{\"not\": json #",
    b"two\nlines #",
    b"two\r\nlines #",
    b"two\rlines #",
    b"\n\nempty lines first #",
    b"empty lines last #\n\n",
    b"\r",
    b"mixed\r\r\n\n\r#",
    b" leading space #",
    b"\n  and in the second line #",
    b":no comment #",
    b"#\n\nid: 1.evil\nretry: 1\nevent: end\ndata: x\n\n",
    b"data: #\r\rdata\rid\r",
    "\u{feff}byte order mark #".as_bytes(),
    "#\n\u{feff}and in the second line".as_bytes(),
    "\u{1f600}\u{1f469}\u{200d}\u{1f680} e\u{301} #".as_bytes(),
    "line \u{2028} paragraph \u{2029} next \u{85} form \u{c} feed \u{b} #".as_bytes(),
    b"nul \0 \x1b #",
    b"",
    b"\xff\xfe\0 binary \r\n\xc3 #",
];

/// Kinds beside those of the table.
const OTHERS: usize = 4;

/// The record with this number.
pub fn draft(number: usize) -> Draft {
    let kind = number % (VALUES.len() + OTHERS);
    let value = match kind.checked_sub(VALUES.len()) {
        None => Some(numbered(VALUES[kind], number)),
        Some(0) => None,
        // One level more than is taken for JSON.
        Some(1) => Some([vec![b'['; 129], vec![b']'; 129]].concat()),
        Some(2) => Some((0..=255).collect()),
        Some(_) => Some("long ü line ".repeat(200).into_bytes()),
    };
    let key = match number % 5 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(b"\xff\r\n".to_vec()),
        _ => Some(format!("key\n{number}").into_bytes()),
    };
    let headers = match number % 7 {
        0 => vec![("trace".to_owned(), Some(b"1\r\n".to_vec())), ("null".to_owned(), None)],
        _ => Vec::new(),
    };
    Draft { key, value, headers }
}

fn numbered(template: &[u8], number: usize) -> Vec<u8> {
    let number = number.to_string();
    let pieces: Vec<_> = template.split(|byte| *byte == b'#').collect();
    pieces.join(number.as_bytes())
}
