//! What writers were told and viewers saw, compared with the ledger.

use super::KILLS;
use super::viewer::Watched;
use super::writer::{Fate, Sent};
use crate::harness::{Entry, Position, Wire};
use std::collections::HashMap;

/// The offset after the last record of each partition.
pub fn ends(topic: &str, ledger: &[Entry]) -> Position {
    ledger.iter().map(|entry| ((topic.to_owned(), entry.partition), entry.offset + 1)).collect()
}

/// Everything acknowledged stands where its receipt says, what was never sent nowhere, what got no answer once or not
/// at all; and nothing else is there.
pub fn writers(sent: &[Sent], ledger: &[Entry], seed: u64) {
    let mut written: HashMap<&[u8], (i32, i64)> = HashMap::new();
    for entry in ledger {
        let value = entry.value.as_deref().expect("no tombstone was sent");
        let before = written.insert(value, (entry.partition, entry.offset));
        assert_eq!(before, None, "seed {seed}: written twice: {}", String::from_utf8_lossy(value));
    }
    let (mut acknowledged, mut unknown, mut unknown_written) = (0, 0, 0);
    for Sent { value, fate } in sent {
        let place = written.remove(value.as_bytes());
        match fate {
            Fate::Acknowledged(partition, offset) => {
                acknowledged += 1;
                assert_eq!(place, Some((*partition, *offset)), "seed {seed}: acknowledged: {value}");
            }
            Fate::Refused => assert_eq!(place, None, "seed {seed}: nobody was there to take {value}"),
            Fate::Unknown => {
                unknown += 1;
                unknown_written += usize::from(place.is_some());
            }
        }
    }
    assert!(written.is_empty(), "seed {seed}: nobody sent {:?}", written.values());
    eprintln!("kill: {acknowledged} acknowledged, {unknown} unknown, {unknown_written} of them written");
    assert!(unknown > 0, "seed {seed}: no record was under way when it was killed");
}

/// A viewer saw, of every partition, exactly the ledger's records from where it began, in order.
pub fn viewer(watched: &Watched, ends: &Position, ledger: &[Entry], seed: u64) {
    let Watched { habit, start, seen, cut_amid } = watched;
    for place in ends.keys() {
        let (p, start) = (place.1, start.get(place).copied().unwrap_or(0));
        let mut seen = seen.iter().filter(|record| record.partition == p);
        for entry in ledger.iter().filter(|entry| entry.partition == p && entry.offset >= start) {
            let record = seen.next().map(|record| (record.offset, record.value.as_bytes()));
            let wanted = (entry.offset, entry.value.as_deref().unwrap_or_default());
            assert!(
                record == Some(wanted),
                "seed {seed}: {habit:?}: {p} has {wanted:?}, seen was {record:?}"
            );
        }
        let more = seen.next();
        assert!(more.is_none(), "seed {seed}: {habit:?}: {p} ends before {more:?}");
    }
    eprintln!("kill: {habit:?}: {} records, cut amid records {cut_amid} times", seen.len());
    // A page that is cut has come to no records.
    let least = if habit.wires.contains(&Wire::Page) { 0 } else { (KILLS - habit.first) / 3 };
    assert!(*cut_amid >= least, "seed {seed}: {habit:?}: cut amid records only {cut_amid} times");
}
