//! What a ring keeps.

use super::*;
use crate::record::TopicName;

const NOW: fn() -> Instant = Instant::now;

fn ring(bytes: usize) -> Ring {
    let name = TopicName::parse("t").expect("a legal name");
    let mark = TopicMark::new("cluster", &name, Some([1; 16]));
    Ring::new(mark, vec![0], Bounds { bytes, age: Duration::from_secs(3600) }, Arc::default())
}

/// Appends a record whose value has so many bytes, as a block of its own.
fn append(ring: &mut Ring, offset: i64, bytes: usize) {
    let (topic, value) = (TopicName::parse("t").expect("a legal name"), Some(vec![b'x'; bytes].into()));
    let record =
        Record { topic, partition: 0, offset, timestamp: None, key: None, value, headers: Vec::new() };
    ring.record(record, NOW());
    ring.seal(NOW());
}

#[test]
fn a_ring_lets_go_of_the_oldest_when_it_has_too_much() {
    let mut ring = ring(10_000);
    (0..20).for_each(|offset| append(&mut ring, offset, 1_000));
    assert!(ring.bytes() <= 10_000 && ring.head() == 20);
    assert!(matches!(ring.read(0), Found::Gone));
    assert!(ring.place(|_| 0).is_behind());
    assert_eq!(ring.place(|_| 20), Course::At(20));
    // The last one stays, whatever it weighs.
    append(&mut ring, 20, 100_000);
    assert!(matches!(ring.read(20), Found::Block(_)));
}

#[test]
fn what_nobody_has_taken_stays_and_its_reader_waits() {
    let mut ring = ring(10_000);
    ring.pace();
    let mut read = 0;
    while ring.wants() {
        append(&mut ring, read, 1_000);
        read += 1;
    }
    assert!((2..5).contains(&read), "{read} were read ahead of everybody");
    // What comes at once with the last that was wanted may be larger than all that may be kept.
    append(&mut ring, read, 100_000);
    assert!(matches!(ring.read(0), Found::Block(_)));
    ring.taken(read as u64);
    assert!(!ring.wants(), "the large one is still there for the first of them");
    ring.taken(ring.head());
    assert!(ring.wants());
    // Now it may go, like all that was taken.
    append(&mut ring, read + 1, 1_000);
    assert!(matches!(ring.read(0), Found::Gone) && ring.bytes() < 10_000);
}

#[test]
fn a_ring_whose_reader_waits_for_nobody_always_wants_more() {
    let mut ring = ring(10_000);
    (0..20).for_each(|offset| append(&mut ring, offset, 1_000));
    assert!(ring.wants());
}
