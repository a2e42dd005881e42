//! The body of an HTTP/1.1 answer, out of the chunks it comes in (RFC 9112, section 7.1) or as it is.

/// What was read of an answer so far.
#[derive(Debug, Default)]
pub struct Chunks {
    head: Option<Vec<u8>>,
    plain: bool,
    /// What is left of a chunk, the end of its line included.
    left: usize,
    size: usize,
    /// Whether the body has come to its end in good order.
    pub over: bool,
}

impl Chunks {
    /// Takes bytes as they come and appends those of the body to `text`.
    ///
    /// # Errors
    /// The head of an answer that is no 200.
    pub fn take(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
        const END: &[u8] = b"\r\n\r\n";
        let head = self.head.get_or_insert_default();
        while !head.ends_with(END) {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            head.push(*first);
            bytes = rest;
            if head.ends_with(END) {
                if !head.starts_with(b"HTTP/1.1 200 ") {
                    return Err(String::from_utf8_lossy(head).into_owned());
                }
                self.plain = memchr::memmem::find(head, b"transfer-encoding: chunked").is_none();
            }
        }
        if self.plain {
            text.extend_from_slice(bytes);
            return Ok(());
        }
        while let Some((first, rest)) = bytes.split_first().filter(|_| !self.over) {
            if self.left > 2 {
                let (piece, rest) = bytes.split_at(bytes.len().min(self.left - 2));
                text.extend_from_slice(piece);
                self.left -= piece.len();
                bytes = rest;
                continue;
            }
            match first {
                _ if self.left > 0 => self.left -= 1,
                b'\n' => {
                    self.over = self.size == 0;
                    self.left = std::mem::take(&mut self.size) + 2;
                }
                b'\r' => {}
                digit => {
                    self.size = self.size * 16 + char::from(*digit).to_digit(16).expect("a size") as usize
                }
            }
            bytes = rest;
        }
        Ok(())
    }
}
