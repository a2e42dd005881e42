//! The cursor: where a reader stands in every partition of every topic it reads, as text a client hands back.
//!
//! A cursor holds the **next** offset of each partition, so holes left by compaction and by transactions do not
//! matter, and it is complete in itself: any gateway of the same cluster can go on from it. It names topics by
//! hash, to stay short, and marks which incarnation of a topic it means by a hash of the topic id (KIP-516).
//!
//! Text form: a kind (`1.`, or `e1.` for a stream that has reached its end) and unpadded base64url of, for each
//! topic, 4 bytes of name hash, 2 bytes of id hash, a LEB128 count and that many LEB128 offsets.

use super::TopicName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use integer_encoding::VarInt;
use sha2::{Digest, Sha256};

const LIVE: &str = "1.";
const FINISHED: &str = "e1.";

/// How many bytes of a cursor an offset is given room for: 2^42 records in one partition.
const ROOM: usize = 6;

/// Where a reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// One segment a topic, in byte order of the topics' names.
    pub segments: Vec<Segment>,
    /// Whether the stream that wrote it had reached the end it was asked for.
    pub finished: bool,
}

/// A topic's part of a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which topic.
    pub topic: TopicMark,
    /// The next offset of every partition, by partition number.
    pub next: Vec<i64>,
}

/// A topic as a cursor names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicMark {
    name: [u8; 4],
    id: [u8; 2],
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It begins with a kind this release does not know.
    #[error("the cursor is of a kind that this release does not know; it reads `1.` and `e1.`")]
    Kind,
    /// It is not base64url without padding.
    #[error("the cursor is not base64url without padding")]
    Base64,
    /// The bytes end early, or a number does not fit.
    #[error("the cursor is cut short or damaged")]
    Damaged,
}

impl TopicMark {
    /// The mark of a topic: `cluster` is the cluster's id, `id` the topic's (`None` where the cluster has none).
    pub fn new(cluster: &str, name: &TopicName, id: Option<[u8; 16]>) -> Self {
        let hash =
            Sha256::new().chain_update(cluster).chain_update([0]).chain_update(name.as_str()).finalize();
        let id = match id.map(Sha256::digest) {
            None => [0, 0],
            // Zero says "no ids here", so an id that hashes to it takes its neighbour.
            Some(hash) if hash[..2] == [0, 0] => [0, 1],
            Some(hash) => [hash[0], hash[1]],
        };
        Self { name: [hash[0], hash[1], hash[2], hash[3]], id }
    }

    /// Whether both mean a topic of the same name on the same cluster.
    pub fn same_name(self, other: Self) -> bool {
        self.name == other.name
    }

    /// Whether it says which incarnation of the topic it means.
    pub fn has_id(self) -> bool {
        self.id != [0, 0]
    }

    /// Whether both mean the same incarnation, as far as both sides know ids.
    pub fn same_id(self, other: Self) -> bool {
        self.id == other.id || !self.has_id() || !other.has_id()
    }
}

impl Cursor {
    /// A cursor over one topic.
    pub fn of(topic: TopicMark, next: Vec<i64>) -> Self {
        Self { segments: vec![Segment { topic, next }], finished: false }
    }

    /// The same place, as the end that a reader was asked for.
    pub fn finish(self) -> Self {
        Self { finished: true, ..self }
    }

    /// Whether a text claims to be a cursor of some kind, known or not: a short word, then a dot.
    pub fn resembles(text: &str) -> bool {
        text.split_once('.').is_some_and(|(kind, _)| {
            (1..=3).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    }

    /// How long its text may become, in bytes, while the logs grow and the end is reached: its numbers take more bytes
    /// the higher they are, and a client that brings it back then must not be refused for that.
    pub fn room(&self) -> usize {
        let segment = |segment: &Segment| {
            let next = segment.next.iter().map(|next| ((*next).max(0) as u64).required_space().max(ROOM));
            size_of::<TopicMark>() + (segment.next.len() as u64).required_space() + next.sum::<usize>()
        };
        let bytes: usize = self.segments.iter().map(segment).sum();
        FINISHED.len() + (bytes * 4).div_ceil(3)
    }

    /// Reads a cursor's text.
    ///
    /// # Errors
    /// When the kind is unknown or the rest is not exactly what a cursor holds. Nothing is guessed.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        let (finished, body) = match (text.strip_prefix(LIVE), text.strip_prefix(FINISHED)) {
            (Some(body), _) => (false, body),
            (None, Some(body)) => (true, body),
            (None, None) => return Err(CursorError::Kind),
        };
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| CursorError::Base64)?;
        let mut rest = bytes.as_slice();
        let mut segments = Vec::new();
        while !rest.is_empty() {
            segments.push(segment(&mut rest)?);
        }
        Ok(Self { segments, finished })
    }

    /// Appends the text form to `out`; `scratch` is working room that a caller may keep between calls.
    pub fn write(&self, scratch: &mut Vec<u8>, out: &mut String) {
        scratch.clear();
        for segment in &self.segments {
            scratch.extend_from_slice(&segment.topic.name);
            scratch.extend_from_slice(&segment.topic.id);
            varint(segment.next.len() as u64, scratch);
            for next in &segment.next {
                varint((*next).max(0) as u64, scratch);
            }
        }
        out.push_str(if self.finished { FINISHED } else { LIVE });
        URL_SAFE_NO_PAD.encode_string(scratch.as_slice(), out);
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut Vec::new(), &mut text);
        f.write_str(&text)
    }
}

fn varint(value: u64, out: &mut Vec<u8>) {
    let mut room = [0; 10];
    let used = value.encode_var(&mut room);
    out.extend_from_slice(&room[..used]);
}

fn take_varint(rest: &mut &[u8]) -> Result<i64, CursorError> {
    let (value, used) = u64::decode_var(rest).ok_or(CursorError::Damaged)?;
    *rest = &rest[used..];
    i64::try_from(value).map_err(|_| CursorError::Damaged)
}

fn segment(rest: &mut &[u8]) -> Result<Segment, CursorError> {
    let (mark, tail) = rest.split_first_chunk::<6>().ok_or(CursorError::Damaged)?;
    *rest = tail;
    let count = usize::try_from(take_varint(rest)?).map_err(|_| CursorError::Damaged)?;
    if count > rest.len() {
        return Err(CursorError::Damaged);
    }
    let next = (0..count).map(|_| take_varint(rest)).collect::<Result<_, _>>()?;
    let [a, b, c, d, e, f] = *mark;
    Ok(Segment { topic: TopicMark { name: [a, b, c, d], id: [e, f] }, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(name: &str, id: Option<[u8; 16]>) -> TopicMark {
        TopicMark::new("cluster-a", &TopicName::parse(name).expect("a legal name"), id)
    }

    fn several(segments: &[(TopicMark, Vec<i64>)]) -> Cursor {
        let segment = |(topic, next): &(TopicMark, Vec<i64>)| Segment { topic: *topic, next: next.clone() };
        Cursor { segments: segments.iter().map(segment).collect(), finished: false }
    }

    /// These bytes stand in the hands of clients: they must never change within kind `1.`.
    #[test]
    fn the_text_of_a_cursor_never_changes() {
        let orders = mark("orders", Some([7; 16]));
        let table = [
            (Cursor::default(), "1."),
            (Cursor::of(orders, vec![0, 127, 128]), "1.MR5zTddhAwB_gAE"),
            (Cursor::of(mark("orders", None), vec![i64::MAX]), "1.MR5zTQAAAf__________fw"),
            (Cursor { finished: true, ..Cursor::of(orders, vec![]) }, "e1.MR5zTddhAA"),
            (
                several(&[(orders, vec![0]), (mark("payments", Some([9; 16])), vec![300, 1 << 40])]),
                "1.MR5zTddhAQCM8SsUBiMCrAKAgICAgCA",
            ),
            (
                several(&[(mark("orders", None), vec![]), (mark("payments", None), vec![5, 0])]).finish(),
                "e1.MR5zTQAAAIzxKxQAAAIFAA",
            ),
            (
                Cursor::of(orders, (0..130).collect()),
                "1.MR5zTddhggEAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4ABgQE",
            ),
            // An id whose hash begins with two zero bytes: they would say that there are no ids.
            (Cursor::of(mark("orders", Some(119704_u128.to_be_bytes())), vec![3]), "1.MR5zTQABAQM"),
        ];
        for (cursor, text) in table {
            assert_eq!(cursor.to_string(), text);
            assert_eq!(Cursor::parse(text), Ok(cursor));
        }
    }

    #[test]
    fn damaged_cursors_are_refused_not_guessed() {
        assert_eq!(Cursor::parse("2.AAAA"), Err(CursorError::Kind));
        assert_eq!(Cursor::parse(""), Err(CursorError::Kind));
        assert_eq!(Cursor::parse("1.AA=="), Err(CursorError::Base64));
        assert_eq!(Cursor::parse("1.a b"), Err(CursorError::Base64));
        let whole = Cursor::of(mark("orders", None), vec![300, 70_000]).to_string();
        for cut in 3..whole.len() {
            assert!(Cursor::parse(&whole[..cut]).is_err(), "{} passed", &whole[..cut]);
        }
    }

    #[test]
    fn marks_tell_names_and_incarnations_apart() {
        let (first, second) = (mark("orders", Some([1; 16])), mark("orders", Some([2; 16])));
        assert!(first.same_name(second) && !first.same_id(second));
        assert!(first.same_id(mark("orders", None)), "a cluster without ids compares by name alone");
        assert!(!first.same_name(mark("payments", Some([1; 16]))));
    }

    proptest! {
        #[test]
        fn any_cursor_survives_its_text(nexts in prop::collection::vec(prop::collection::vec(0..i64::MAX, 0..260), 0..5)) {
            let segments = nexts.into_iter().enumerate()
                .map(|(n, next)| Segment { topic: mark(&format!("t{n}"), Some([n as u8; 16])), next })
                .collect();
            let cursor = Cursor { segments, finished: false };
            prop_assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        }

        #[test]
        fn no_cursor_outgrows_its_room(now in prop::collection::vec(0..i64::MAX, 0..20), grown in 0..(1_i64 << 42)) {
            let orders = mark("orders", Some([7; 16]));
            let room = Cursor::of(orders, now.clone()).room();
            let later = now.iter().map(|next| grown.max(*next)).collect();
            prop_assert!(Cursor::of(orders, later).finish().to_string().len() <= room);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = Cursor::parse(&format!("1.{text}"));
        }
    }
}
