//! The token that a record of grouped delivery carries, and that acknowledges it.
//!
//! Text form: the kind `g1.` and unpadded base64url of the body and 16 bytes of its HMAC-SHA-256 (RFC 2104), which also
//! covers the group and its delivery settings. So a token is good for nothing but the group it came from, under the settings
//! it came under, and nobody makes one. It holds numbers and a topic's name, and no address. Whether what it names is still
//! held is for the [`ledger`](super::ledger) to say: a token does not grow old by itself.

use super::ledger::Holder;
use super::sessions::Address;
use crate::record::TopicName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use integer_encoding::VarInt;
use sha2::Sha256;

const KIND: &str = "g1.";

/// How many bytes of the MAC a token carries.
const MAC: usize = 16;

/// The longest text of a token, in bytes: the longest topic's name, and every number at its longest.
pub const MAX_BYTES: usize = KIND.len() + ((3 * 8 + 10 + 2 + 249 + 5 + 10 + MAC) * 4).div_ceil(3);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The gateway that holds the record.
    pub replica: u64,
    /// The assignment of the partition under which it was handed out.
    pub assignment: u64,
    /// The session that it was handed to.
    pub session: u64,
    /// Its number among all that the session was handed.
    pub sequence: u64,
    /// Its topic.
    pub topic: TopicName,
    /// Its partition; not negative.
    pub partition: i32,
    /// Its offset; not negative.
    pub offset: i64,
}

/// Why a text is no token of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It cannot be one, of any group.
    #[error("it is not an `id` of grouped delivery: those begin with `g1.`")]
    Malformed,
    /// It looks like one, but this group under these settings did not give it: it is another group's, or another process's
    /// or settings', or forged. Which of these cannot be told.
    #[error("this group, as it is delivered now, has given no such `id`")]
    Foreign,
}

/// The key of a gateway's tokens.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

/// Writes and reads the tokens of one group under its settings.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

impl Key {
    /// The key that all who know `secret` have.
    pub fn new(secret: &[u8]) -> Self {
        let mac = Hmac::new_from_slice(secret).expect("an HMAC takes keys of any length");
        Self(mac.chain_update("grouped delivery's token, kind g1\0"))
    }

    /// A key that only this process has: its tokens end with it.
    pub fn random() -> Self {
        Self::new(&rand::random::<[u8; 32]>())
    }

    /// The seal of a group; `settings` is any text that differs where the settings do.
    pub fn seal(&self, group: &str, settings: &str) -> Seal {
        let length = |text: &str| (text.len() as u64).to_be_bytes();
        Seal(
            self.0
                .clone()
                .chain_update(length(group))
                .chain_update(group)
                .chain_update(length(settings))
                .chain_update(settings),
        )
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// The text of a token, of `[A-Za-z0-9._-]` and at most [`MAX_BYTES`] long.
    pub fn write(&self, token: &Token) -> String {
        let mut bytes = Vec::with_capacity(MAX_BYTES);
        for number in [token.replica, token.assignment, token.session] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        varint(token.sequence, &mut bytes);
        varint(token.topic.as_str().len() as u64, &mut bytes);
        bytes.extend_from_slice(token.topic.as_str().as_bytes());
        varint(u64::from(token.partition.max(0).unsigned_abs()), &mut bytes);
        varint(token.offset.max(0).unsigned_abs(), &mut bytes);
        let mac = self.0.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC]);
        let mut text = KIND.to_owned();
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
        text
    }

    /// Reads a token that this seal wrote.
    ///
    /// # Errors
    /// When it is none. Its contents are looked at only after its MAC, which is compared in constant time.
    pub fn read(&self, text: &str) -> Result<Token, TokenError> {
        let bytes = decode(text).ok_or(TokenError::Malformed)?;
        let (body, mac) = bytes.split_last_chunk::<MAC>().ok_or(TokenError::Malformed)?;
        let ours = self.0.clone().chain_update(body).verify_truncated_left(mac);
        ours.map_err(|_| TokenError::Foreign)?;
        parse(body).ok_or(TokenError::Malformed)
    }
}

/// Writes the ids that one gateway gives of one group.
#[derive(Clone, Debug)]
pub struct Ids {
    /// The gateway.
    pub replica: u64,
    /// The group's seal.
    pub seal: Seal,
}

impl Ids {
    /// The id of a record that was handed out.
    pub fn write(&self, address: &Address) -> String {
        let (topic, partition) = address.partition.clone();
        let Holder { session, sequence } = address.holder;
        let (replica, assignment, offset) = (self.replica, address.assignment, address.offset);
        self.seal.write(&Token { replica, assignment, session, sequence, topic, partition, offset })
    }
}

/// Whether a text could be a token, of any group.
pub fn is_token(text: &str) -> bool {
    decode(text).is_some_and(|bytes| bytes.len() >= MAC)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let body = text.strip_prefix(KIND).filter(|_| text.len() <= MAX_BYTES)?;
    URL_SAFE_NO_PAD.decode(body).ok()
}

fn parse(mut rest: &[u8]) -> Option<Token> {
    let [replica, assignment, session] = [fixed(&mut rest)?, fixed(&mut rest)?, fixed(&mut rest)?];
    let sequence = take_varint(&mut rest)?;
    let length = usize::try_from(take_varint(&mut rest)?).ok()?;
    let (name, tail) = rest.split_at_checked(length)?;
    rest = tail;
    let topic = TopicName::parse(std::str::from_utf8(name).ok()?).ok()?;
    let partition = i32::try_from(take_varint(&mut rest)?).ok()?;
    let offset = i64::try_from(take_varint(&mut rest)?).ok()?;
    rest.is_empty().then_some(Token { replica, assignment, session, sequence, topic, partition, offset })
}

fn fixed(rest: &mut &[u8]) -> Option<u64> {
    let (number, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_be_bytes(*number))
}

fn varint(value: u64, out: &mut Vec<u8>) {
    let mut room = [0; 10];
    let used = value.encode_var(&mut room);
    out.extend_from_slice(&room[..used]);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (value, used) = u64::decode_var(rest)?;
    *rest = &rest[used..];
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn orders(offset: i64) -> Token {
        let topic = TopicName::parse("orders").expect("a legal name");
        Token { replica: 1, assignment: 2, session: 3, sequence: 4, topic, partition: 5, offset }
    }

    fn seal(key: &str, group: &str, settings: &str) -> Seal {
        Key::new(key.as_bytes()).seal(group, settings)
    }

    #[test]
    fn a_token_is_foreign_to_every_other_group_settings_and_key() {
        let text = seal("key", "billing", "explicit").write(&orders(7));
        assert_eq!(seal("key", "billing", "explicit").read(&text), Ok(orders(7)));
        for other in [
            seal("key", "shipping", "explicit"),
            seal("key", "billing", "written"),
            seal("kez", "billing", "explicit"),
            // The same bytes one after the other, cut elsewhere.
            seal("key", "billinge", "xplicit"),
            seal("key", "", "billingexplicit"),
            Key::random().seal("billing", "explicit"),
        ] {
            assert_eq!(other.read(&text), Err(TokenError::Foreign));
        }
    }

    #[test]
    fn what_cannot_be_a_token_is_malformed() {
        let seal = seal("key", "billing", "explicit");
        let text = seal.write(&orders(7));
        let padded = format!("{text}==");
        let long = format!("{text}{}", "A".repeat(MAX_BYTES));
        let cursor = text.replacen("g1.", "1.", 1);
        let later = text.replacen("g1.", "g2.", 1);
        for none in ["", "g1.", "g1", "g1.AAAA", "1.AA", "g1.a b", &padded, &long, &cursor, &later] {
            assert_eq!(seal.read(none), Err(TokenError::Malformed), "{none}");
        }
    }

    #[test]
    fn the_longest_token_is_as_long_as_one_may_be() {
        let seal = seal("key", "billing", "explicit");
        let topic = TopicName::parse(&"t".repeat(249)).expect("a legal name");
        let [replica, assignment, session, sequence] = [u64::MAX; 4];
        let longest =
            Token { replica, assignment, session, sequence, topic, partition: i32::MAX, offset: i64::MAX };
        let text = seal.write(&longest);
        assert!(text.len() <= MAX_BYTES && text.len() + 2 >= MAX_BYTES, "{} of {MAX_BYTES}", text.len());
        assert_eq!(seal.read(&text), Ok(longest));
    }

    #[test]
    fn neither_a_key_nor_a_seal_shows_what_it_is_made_of() {
        let key = Key::new(b"hunter2");
        assert_eq!(format!("{key:?} {:?}", key.seal("g", "s")), "Key(…) Seal(…)");
    }

    prop_compose! {
        fn any_token()(
            [replica, assignment, session, sequence] in any::<[u64; 4]>(),
            topic in "[a-zA-Z0-9_-]{1,249}", partition in 0..i32::MAX, offset in 0..i64::MAX,
        ) -> Token {
            let topic = TopicName::parse(&topic).expect("a legal name");
            Token { replica, assignment, session, sequence, topic, partition, offset }
        }
    }

    proptest! {
        #[test]
        fn any_token_survives_its_text_and_fits_a_header(token in any_token(), group in ".{0,40}", settings in ".{0,40}") {
            let seal = seal("key", &group, &settings);
            let text = seal.write(&token);
            prop_assert!(text.len() <= MAX_BYTES);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            prop_assert_eq!(seal.read(&text), Ok(token));
        }

        #[test]
        fn no_token_survives_a_change(token in any_token(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let seal = seal("key", "billing", "explicit");
            let text = seal.write(&token);
            let at = at.index(text.len());
            prop_assume!(text[at..=at] != to);
            let forged = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert!(seal.read(&forged).is_err());
            prop_assert!(seal.read(&text[..at]).is_err());
        }

        #[test]
        fn no_text_makes_the_reader_panic_or_pass(text in ".{0,400}", body in "[A-Za-z0-9_-]{0,400}") {
            let seal = seal("key", "billing", "explicit");
            prop_assert!(seal.read(&text).is_err());
            let body = format!("g1.{body}");
            prop_assert!(seal.read(&body).is_err());
        }
    }
}
