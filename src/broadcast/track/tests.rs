//! The rules of a reader's positions, as tables.

use super::*;

fn name(text: &str) -> TopicName {
    TopicName::parse(text).expect("a legal name")
}

fn mark(text: &str, id: u8) -> TopicMark {
    TopicMark::new("cluster", &name(text), Some([id; 16]))
}

fn place(text: &str, next: &[i64], end: &[i64]) -> Place {
    let (next, end, known) = (next.to_vec(), end.to_vec(), next.len());
    Place { name: name(text), mark: mark(text, 1), known, selected: vec![true; known], next, end }
}

fn opening(places: Vec<Place>) -> Opening {
    Opening { places, ..Opening::default() }
}

fn track(next: &[i64], end: &[i64], until: Option<Until>) -> Track {
    Track::new(&opening(vec![place("t", next, end)]), until, NOW)
}

const NOW: i64 = 1_000_000;

fn record(topic: &str, partition: i32, offset: i64) -> Record {
    let (topic, timestamp) = (name(topic), Some(NOW - 1));
    Record { topic, partition, offset, timestamp, key: None, value: None, headers: vec![] }
}

fn next(track: &Track) -> Vec<i64> {
    track.cursor().segments.iter().flat_map(|segment| segment.next.clone()).collect()
}

#[test]
fn a_reader_at_the_end_has_caught_up_and_one_behind_it_has_not() {
    assert!(track(&[5, 0], &[5, 0], None).caught_up());
    let mut behind = track(&[0, 0], &[2, 1], None);
    for (partition, offset, caught_up) in [(0, 0, false), (0, 1, false), (1, 0, true), (1, 1, true)] {
        assert!(behind.take(0, &record("t", partition, offset)));
        assert_eq!(behind.caught_up(), caught_up, "after {partition}:{offset}");
    }
}

#[test]
fn an_end_that_was_met_moves_the_position_to_where_it_is_and_no_further() {
    let mut track = track(&[0], &[9], None);
    assert!(track.take(0, &record("t", 0, 0)));
    // A replica that lags behind ends earlier than what was told.
    assert!(track.moved(0, 0, 5));
    assert_eq!((next(&track), track.caught_up()), (vec![5], false));
    assert!(!track.moved(0, 0, 5), "it stands there already");
    // The last records below the end were aborted: only the end itself is seen.
    assert!(track.moved(0, 0, 9));
    assert_eq!((next(&track), track.caught_up()), (vec![9], true));
}

#[test]
fn a_record_seen_before_is_not_taken_again() {
    let mut track = track(&[0], &[9], None);
    assert!(track.take(0, &record("t", 0, 4)));
    for (partition, offset) in [(0, 4), (0, 1), (7, 0), (-1, 0)] {
        assert!(!track.take(0, &record("t", partition, offset)), "{partition}:{offset}");
    }
    assert_eq!(next(&track), [5]);
}

#[test]
fn until_now_ends_every_partition_where_it_ended() {
    let mut track = track(&[0, 3], &[2, 3], Some(Until::Now));
    assert_eq!(track.stands(0, 1), i64::MAX, "it is at its end");
    assert!(track.take(0, &record("t", 0, 0)) && !track.finished());
    // The record below the end was aborted, and what follows is not asked for.
    assert!(!track.take(0, &record("t", 0, 7)));
    assert!(track.finished() && track.caught_up());
    assert_eq!(next(&track), [2, 3]);
    assert!(!track.take(0, &record("t", 0, 8)) && !track.take(0, &record("t", 1, 3)));
    let mut quiet = self::track(&[0], &[2], Some(Until::Now));
    quiet.moved(0, 0, 40);
    assert_eq!((next(&quiet), quiet.finished()), (vec![2], true), "records may come between 2 and 40");
}

#[test]
fn until_a_time_ends_a_partition_before_the_first_record_of_that_time() {
    let mut track = track(&[0, 0], &[9, 1], Some(Until::Time(NOW + 10)));
    let late = Record { timestamp: Some(NOW + 10), ..record("t", 0, 4) };
    assert!(track.take(0, &record("t", 0, 2)));
    assert!(!track.take(0, &late));
    assert_eq!(next(&track), [4, 0], "the late record is still to be read");
    assert!(!track.take(0, &record("t", 0, 5)), "earlier-stamped records behind it are past the end");
    assert!(track.take(0, &record("t", 1, 0)) && !track.finished(), "the time has not come");
    assert!(track.caught_up(), "a partition that ended comes no nearer to its end");
    let gaps = track.reopen(&opening(vec![place("t", &[4, 1], &[9, 3])]), NOW + 10);
    assert_eq!((gaps.len(), track.finished()), (0, false));
    assert!(track.take(0, &record("t", 1, 2)) && track.finished(), "now it ends where the log does");
}

#[test]
fn nothing_to_read_is_at_an_end_that_has_come() {
    let none = Opening::default();
    assert!(Track::new(&none, Some(Until::Now), NOW).finished());
    assert!(Track::new(&none, Some(Until::Time(NOW)), NOW).finished());
    assert!(!Track::new(&none, Some(Until::Time(NOW + 1)), NOW).finished(), "a topic may join yet");
    assert!(!Track::new(&none, None, NOW).finished());
}

#[test]
fn the_end_that_was_told_does_not_move_when_the_place_is_found_anew() {
    for until in [None, Some(Until::Now)] {
        let mut track = track(&[0], &[2], until);
        // The log grew, a partition was added, and a topic joined.
        let grown = place("t", &[0, 0], &[900, 50]);
        track.reopen(&opening(vec![grown, place("u", &[0], &[7])]), NOW);
        assert!(track.take(0, &record("t", 0, 0)) && !track.caught_up());
        assert!(track.take(0, &record("t", 0, 1)) && track.caught_up(), "900, 50 and 7 were told to nobody");
        assert_eq!(track.take(1, &record("u", 0, 0)), until.is_none());
        assert_eq!(track.finished(), until.is_some());
    }
    // The log was cut back: what was told can never be reached.
    let mut cut = track(&[5], &[90], Some(Until::Now));
    cut.reopen(&opening(vec![place("t", &[5], &[6])]), NOW);
    assert!(cut.take(0, &record("t", 0, 5)) && cut.finished());
}

#[test]
fn a_deleted_topic_is_told_once_and_holds_nothing_back() {
    let mut track = Track::new(&opening(vec![place("t", &[3], &[9]), place("u", &[0], &[1])]), None, NOW);
    let gap = Gap { topic: name("t"), partition: 0, from: 3, to: None, reason: Loss::Deleted };
    let deleted = Place { known: 0, end: vec![3], ..place("t", &[3], &[3]) };
    let gone = Opening {
        places: vec![deleted, place("u", &[0], &[1])],
        gaps: vec![gap.clone()],
        ..Opening::default()
    };
    assert_eq!(track.reopen(&gone, NOW), [gap]);
    assert_eq!(track.reopen(&gone, NOW), []);
    assert_eq!(track.live().map(|(t, _)| t).collect::<Vec<_>>(), [1]);
    assert_eq!(track.topics().count(), 2, "its segment stays");
    assert!(track.take(1, &record("u", 0, 0)) && track.caught_up());
}

#[test]
fn the_topics_differ_when_one_joined_went_grew_or_was_made_anew() {
    let track = track(&[0, 0], &[0, 0], None);
    let seen = |topic: &str, id, partitions| (name(topic), mark(topic, id), partitions);
    assert!(!track.differs(&[seen("t", 1, 2)]));
    assert!(!track.differs(&[seen("t", 1, 1)]), "a broker that has not heard yet");
    for sights in [
        vec![],
        vec![seen("t", 1, 3)],
        vec![seen("t", 2, 2)],
        vec![seen("u", 1, 2)],
        vec![seen("t", 1, 2), seen("u", 1, 1)],
    ] {
        assert!(track.differs(&sights), "{sights:?}");
    }
}
