//! The rules of where a reader begins, as tables.

use super::*;

fn name(text: &str) -> TopicName {
    TopicName::parse(text).expect("a legal name")
}

fn mark(text: &str, id: u8) -> TopicMark {
    TopicMark::new("cluster", &name(text), (id > 0).then_some([id; 16]))
}

fn log() -> Watermarks {
    Watermarks { earliest: vec![10, 0, 0], last_stable: vec![100, 50, 0], high: vec![110, 50, 0] }
}

fn view(text: &str, id: u8) -> View {
    View {
        name: name(text),
        mark: mark(text, id),
        literal: true,
        log: Some(Arc::new(log())),
        starts: log().last_stable,
    }
}

fn asked(cursor: Option<&Cursor>) -> Asked<'_> {
    Asked {
        cursor,
        partitions: None,
        isolation: Isolation::Committed,
        on_loss: OnLoss::Earliest,
        explicit: false,
    }
}

fn cursor(text: &str, id: u8, next: &[i64]) -> Cursor {
    Cursor::of(mark(text, id), next.to_vec())
}

fn resolve(asked: Asked<'_>, views: &[View]) -> Opening {
    Opening::resolve(asked, views).expect("nothing that fails")
}

fn gap(partition: i32, from: i64, to: Option<i64>, reason: Loss) -> Gap {
    Gap { topic: name("t"), partition, from, to, reason }
}

#[test]
fn explicit_offsets_are_judged_and_others_are_taken_as_they_are() {
    let mut view = view("t", 1);
    view.starts = vec![5, 7, 0];
    let chosen = PartitionSet::of([0, 1]);
    let opening =
        resolve(Asked { explicit: true, partitions: Some(&chosen), ..asked(None) }, &[view.clone()]);
    assert_eq!(opening.places[0].next, [10, 7, 0]);
    assert_eq!(opening.places[0].selected, [true, true, false]);
    assert_eq!(opening.gaps, [gap(0, 5, Some(10), Loss::Expired)]);
    // A place found by time may lie beyond an end that was asked for a moment before.
    view.starts = vec![111, 51, 0];
    let opening = resolve(asked(None), &[view]);
    assert_eq!((opening.places[0].next.clone(), opening.loss), (vec![111, 51, 0], None));
}

#[test]
fn every_loss_is_told_and_goes_on_where_the_log_allows() {
    use Loss::{Expired, Foreign, Recreated, Truncated};
    type Next = [i64; 3];
    let table: &[(Cursor, Option<Loss>, Next, Next)] = &[
        (cursor("t", 1, &[9, 50, 0]), Some(Expired), [10, 50, 0], [100, 50, 0]),
        (cursor("t", 1, &[111, 50, 0]), Some(Truncated), [100, 50, 0], [100, 50, 0]),
        (cursor("t", 1, &[9, 51, 0]), Some(Truncated), [10, 50, 0], [100, 50, 0]),
        (cursor("t", 2, &[60, 50, 0]), Some(Recreated), [10, 0, 0], [100, 50, 0]),
        (cursor("u", 1, &[60, 50, 0]), Some(Foreign), [10, 0, 0], [100, 50, 0]),
        (cursor("t", 1, &[60, 50, 0]), None, [60, 50, 0], [60, 50, 0]),
        (cursor("t", 0, &[60, 50, 0]), None, [60, 50, 0], [60, 50, 0]),
        (cursor("t", 0, &[60, 50, 0, 7]), Some(Recreated), [10, 0, 0], [100, 50, 0]),
        // Read with `uncommitted`, come back with `committed`.
        (cursor("t", 1, &[105, 50, 0]), None, [105, 50, 0], [105, 50, 0]),
        (cursor("t", 1, &[60]), None, [60, 0, 0], [60, 0, 0]),
        (Cursor::default(), None, [100, 50, 0], [100, 50, 0]),
    ];
    for (cursor, loss, earliest, latest) in table {
        for (on_loss, next) in [(OnLoss::Earliest, earliest), (OnLoss::Latest, latest)] {
            let opening = resolve(Asked { on_loss, ..asked(Some(cursor)) }, &[view("t", 1)]);
            assert_eq!(
                (opening.loss, &opening.places[0].next[..]),
                (*loss, &next[..]),
                "{cursor:?} {on_loss:?}"
            );
        }
        let failed =
            Opening::resolve(Asked { on_loss: OnLoss::Fail, ..asked(Some(cursor)) }, &[view("t", 1)]);
        assert_eq!(failed.err(), loss.map(Lost), "{cursor:?}");
    }
}

#[test]
fn the_worst_of_several_losses_is_named() {
    let mut other = view("u", 2);
    other.log = Some(Arc::new(Watermarks { earliest: vec![0], last_stable: vec![5], high: vec![5] }));
    other.starts = vec![5];
    let mut both = cursor("t", 1, &[9, 50, 0]);
    both.segments.extend(cursor("u", 2, &[6]).segments);
    let opening = resolve(asked(Some(&both)), &[view("t", 1), other]);
    assert_eq!(opening.loss, Some(Loss::Truncated));
    assert_eq!(opening.gaps.len(), 2);
    assert_eq!(
        opening.cursor().segments.iter().map(|s| s.next.clone()).collect::<Vec<_>>(),
        [vec![10, 50, 0], vec![5]]
    );
}

#[test]
fn no_loss_is_judged_on_a_partition_that_is_not_read() {
    let (cursor, chosen) = (cursor("t", 1, &[5, 30, 0]), PartitionSet::of([1]));
    let opening = resolve(Asked { partitions: Some(&chosen), ..asked(Some(&cursor)) }, &[view("t", 1)]);
    assert_eq!((opening.loss, opening.gaps.len()), (None, 0));
    assert_eq!(opening.places[0].next, [5, 30, 0]);
}

#[test]
fn partitions_that_the_broker_has_not_heard_of_keep_their_numbers() {
    let opening = resolve(asked(Some(&cursor("t", 1, &[60, 50, 0, 7]))), &[view("t", 1)]);
    assert_eq!(opening.loss, None);
    let place = &opening.places[0];
    assert_eq!(
        (place.known, &place.next[..], &place.end[..]),
        (3, &[60, 50, 0, 7][..], &[100, 50, 0, 7][..])
    );
    assert_eq!(place.selected, [true; 4]);
}

#[test]
fn a_topic_without_a_segment_begins_as_it_was_named() {
    let mut matched = view("u", 2);
    matched.literal = false;
    let cursor = cursor("t", 1, &[60, 50, 0]);
    let opening = resolve(asked(Some(&cursor)), &[view("t", 1), matched.clone(), view("v", 3)]);
    let next: Vec<_> = opening.places.iter().map(|place| place.next.clone()).collect();
    assert_eq!(next, [vec![60, 50, 0], vec![10, 0, 0], vec![100, 50, 0]]);
    assert_eq!(opening.loss, None);
    // Without any cursor a pattern's topics begin where `from` says, like all others.
    assert_eq!(resolve(asked(None), &[matched.clone()]).places[0].next, [100, 50, 0]);
    // A cursor without segments was written before any topic matched.
    assert_eq!(resolve(asked(Some(&Cursor::default())), &[matched]).places[0].next, [10, 0, 0]);
}

#[test]
fn a_deleted_topic_is_told_and_keeps_its_segment() {
    let mut gone = view("t", 0);
    gone.log = None;
    let mut cursor = cursor("t", 1, &[60, 50]);
    cursor.segments.extend(self::cursor("u", 2, &[20, 2, 0]).segments);
    let opening = resolve(asked(Some(&cursor)), &[gone, view("u", 2)]);
    assert_eq!(opening.gaps, [gap(0, 60, None, Loss::Deleted), gap(1, 50, None, Loss::Deleted)]);
    assert_eq!(opening.loss, None, "the stream of the others is whole");
    assert_eq!(opening.places[0].known, 0);
    assert_eq!(opening.cursor().segments[0], cursor.segments[0]);
}
