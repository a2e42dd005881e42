//! How the lines of a head end. hyper takes an LF alone for an end, as it may (RFC 9112, section 2.2); a server in front
//! may not, and then the two see different headers. So it is noticed here, where the bytes are, and refused by the router.
//!
//! Only bytes that come while a head is waited for are looked at: what is sent ahead of its turn, behind a request that is
//! still being answered, might as well be a body.

/// The lines of the head that is coming in.
#[derive(Debug, Default)]
pub struct Lines {
    /// Bytes of the current line.
    length: usize,
    after_cr: bool,
    /// A line that is not empty has come: the next empty one ends the head.
    begun: bool,
    over: bool,
}

impl Lines {
    /// Takes bytes; whether a line among them ends in LF alone.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.over {
                break;
            }
            if *byte != b'\n' {
                self.after_cr = *byte == b'\r';
                self.length += usize::from(!self.after_cr);
                continue;
            }
            if !self.after_cr {
                self.over = true;
                return true;
            }
            self.over = self.begun && self.length == 0;
            self.begun |= self.length > 0;
            (self.length, self.after_cr) = (0, false);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lf_alone_is_noticed_in_a_head_however_it_is_cut_and_nowhere_else() {
        for (bytes, noticed) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\r\n\r\nab\ncd\n", false),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n", false),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", true),
            ("\nGET / HTTP/1.1\r\n\r\n", true),
        ] {
            for cut in 0..bytes.len() {
                let (first, rest) = bytes.as_bytes().split_at(cut);
                let mut lines = Lines::default();
                assert_eq!(lines.take(first) | lines.take(rest), noticed, "{bytes:?} cut at {cut}");
            }
        }
    }
}
