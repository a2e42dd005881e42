//! A cursor read by the tests' own code: which next offset stands for which partition of which topic.
//!
//! Topics are hashed in it, so their names have to be known beforehand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// The next offset of each partition: topic, partition number.
pub type Position = BTreeMap<(String, i32), i64>;

/// Reads cursors over topics of one cluster.
#[derive(Clone, Debug)]
pub struct CursorReader {
    names: HashMap<[u8; 4], String>,
}

impl CursorReader {
    /// For these topics of the cluster with this id.
    pub fn new<'a>(cluster: &str, topics: impl IntoIterator<Item = &'a str>) -> Self {
        let hash = |topic: &str| {
            let hash = Sha256::new().chain_update(cluster).chain_update([0]).chain_update(topic).finalize();
            [hash[0], hash[1], hash[2], hash[3]]
        };
        Self { names: topics.into_iter().map(|topic| (hash(topic), topic.to_owned())).collect() }
    }

    /// The numbers of a live cursor.
    #[track_caller]
    pub fn read(&self, cursor: &str) -> Position {
        let body = cursor.strip_prefix("1.").unwrap_or_else(|| panic!("no live cursor: {cursor:?}"));
        let bytes = URL_SAFE_NO_PAD.decode(body).expect("base64url without padding");
        let (mut rest, mut position) = (bytes.as_slice(), Position::new());
        while let Some((hash, tail)) = rest.split_first_chunk::<4>() {
            let name = self.names.get(hash).unwrap_or_else(|| panic!("{cursor} names an unknown topic"));
            // The next two bytes tell which topic of that name it is.
            rest = tail.get(2..).expect("a segment tells its topic's id");
            for partition in 0..number(&mut rest) {
                position.insert((name.clone(), partition as i32), number(&mut rest));
            }
        }
        assert!(rest.is_empty(), "{cursor} ends amid a segment");
        position
    }
}

/// A number in LEB128.
fn number(rest: &mut &[u8]) -> i64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, tail) = rest.split_first().expect("a number ends before the cursor does");
        *rest = tail;
        number |= i64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}
