//! Strangers' text made fit for a line of log: it cannot forge lines, colour terminals, or fill a disk.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line of at most about `most` bytes. What a terminal would obey instead of showing it (control
/// characters, C1 among them, and those that change the direction of writing) becomes U+FFFD; a text that was cut ends
/// in `…`.
pub fn plain(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len().min(most) + '…'.len_utf8());
    for char in text.chars() {
        if line.len() + char.len_utf8() > most {
            line.push('…');
            break;
        }
        line.push(match char {
            '\n' | '\r' | '\t' => ' ',
            char if is_obeyed(char) => char::REPLACEMENT_CHARACTER,
            char => char,
        });
    }
    Cow::Owned(line)
}

/// A request's path of at most about `most` bytes, in ASCII: bytes beyond it, which clients may send although no URL has
/// them (RFC 3986), are percent-encoded.
pub fn plain_path(path: &str, most: usize) -> Cow<'_, str> {
    if path.len() <= most && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(path);
    }
    let mut line = String::with_capacity(path.len().min(most) + '…'.len_utf8());
    for byte in path.bytes() {
        if line.len() >= most {
            line.push('…');
            break;
        }
        if byte.is_ascii_graphic() {
            line.push(char::from(byte));
        } else {
            write!(line, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    Cow::Owned(line)
}

/// Control characters, and the marks of direction (Unicode's `Bidi_Control`) and line ends that no ASCII has.
fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_only_shown() {
        for (text, line) in [
            ("all is well – ça va", "all is well – ça va"),
            ("one\ntwo\r\nthree\tfour", "one two  three four"),
            ("\u{1b}[31mred", "\u{fffd}[31mred"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("\u{202e}txt.exe", "\u{fffd}txt.exe"),
            ("nul\0bell\u{7}", "nul\u{fffd}bell\u{fffd}"),
        ] {
            assert_eq!(plain(text, 100), line);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(plain("äöü", 6), "äöü");
        assert_eq!(plain("äöüß", 6), "äöü…");
        assert_eq!(plain("aäöü", 6), "aäö…");
        assert_eq!(plain_path("/abc", 3), "/ab…");
    }

    #[test]
    fn a_path_is_ascii() {
        assert_eq!(plain_path("/v1/topics/a%20b", 100), "/v1/topics/a%20b");
        assert_eq!(plain_path("/\u{9b}31m\u{7f}ä", 100), "/%C2%9B31m%7F%C3%A4");
    }
}
