//! What a viewer writes.

use super::*;
use crate::broadcast::Problem;
use crate::broadcast::block::Filters;
use crate::broadcast::opening::Place;
use crate::record::cursor::TopicMark;
use crate::record::{Cursor, Filter, OnSlow, TopicName, ValueForm};
use crate::wire::Format;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

fn viewer(ids: Ids, form: ValueForm, until: Option<Until>) -> Viewer {
    filtering(None, ids, form, until)
}

fn filtering(filter: Option<Filter>, ids: Ids, form: ValueForm, until: Option<Until>) -> Viewer {
    let name = TopicName::parse("t").expect("a legal name");
    let mark = TopicMark::new("cluster", &name, Some([1; 16]));
    let place = Place { name, mark, known: 2, next: vec![0, 0], selected: vec![true, true], end: vec![9, 9] };
    let opening = Opening { places: vec![place], ..Opening::default() };
    let manner = Manner {
        format: Format::Lines(form),
        ids,
        heartbeat: Duration::from_secs(15),
        ping: false,
        max_age: None,
        flush: Duration::ZERO,
        on_slow: OnSlow::Replay,
        not_json: Problem(Arc::new(|record| format!("{{\"offset\":{}}}", record.offset))),
    };
    Viewer::new(manner, filter.map(Arc::new), until, &opening, 0)
}

/// What the viewer makes of a record that comes alone; whether it was given.
fn record(
    viewer: &mut Viewer,
    (partition, offset): (i32, i64),
    value: &'static str,
    out: &mut BytesMut,
) -> bool {
    let (topic, value) = (TopicName::parse("t").expect("a legal name"), Some(Bytes::from(value)));
    pass(
        viewer,
        Passed::Record(Record {
            topic,
            partition,
            offset,
            timestamp: None,
            key: None,
            value,
            headers: vec![],
        }),
        out,
    )
}

fn pass(viewer: &mut Viewer, passed: Passed, out: &mut BytesMut) -> bool {
    let segment = &viewer.track().cursor().segments[0];
    let (mark, mut before, mut after) = (segment.topic, segment.next.clone(), segment.next.clone());
    let (partition, next) = passed.next();
    (before[partition], after[partition]) = (before[partition].min(next - 1), next);
    let block = Block::new(
        mark,
        vec![passed],
        (before.into(), after.into()),
        (Instant::now(), 0),
        (Filters::default(), Arc::default()),
    );
    let (given, frames) = viewer.block(0, &block, None, out);
    out.extend_from_slice(&frames.unwrap_or_default());
    given > 0
}

fn lines(out: &mut BytesMut) -> Vec<Value> {
    let text = String::from_utf8(out.split().to_vec()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn next(line: &Value) -> Option<Vec<i64>> {
    line["cursor"].as_str().map(|text| Cursor::parse(text).expect("a cursor").segments[0].next.clone())
}

#[test]
fn the_cursor_of_a_record_stands_behind_it() {
    let (mut viewer, mut out) = (viewer(Ids::Event, ValueForm::Auto, None), BytesMut::new());
    assert!(record(&mut viewer, (1, 6), "1", &mut out) && record(&mut viewer, (0, 2), "2", &mut out));
    assert!(!record(&mut viewer, (1, 6), "1", &mut out));
    let lines = lines(&mut out);
    assert_eq!(lines.iter().map(next).collect::<Vec<_>>(), [Some(vec![0, 7]), Some(vec![3, 7])]);
}

#[test]
fn of_a_flush_only_the_last_record_has_a_cursor() {
    let (mut viewer, mut out) = (viewer(Ids::Flush, ValueForm::Auto, None), BytesMut::new());
    for offset in 0..3 {
        record(&mut viewer, (0, offset), "0", &mut out);
    }
    viewer.flush(&mut out);
    viewer.flush(&mut out);
    assert_eq!(lines(&mut out).iter().map(next).collect::<Vec<_>>(), [None, None, Some(vec![3, 0])]);
    // An event closes the flush: nothing it speaks of comes after it.
    record(&mut viewer, (0, 3), "0", &mut out);
    viewer.checkpoint(&mut out);
    assert_eq!(lines(&mut out).iter().map(next).collect::<Vec<_>>(), [Some(vec![4, 0]), Some(vec![4, 0])]);
}

#[test]
fn a_value_that_is_no_json_is_told_with_the_cursor_behind_it() {
    for ids in [Ids::Event, Ids::Flush] {
        let (mut viewer, mut out) = (viewer(ids, ValueForm::Json, None), BytesMut::new());
        record(&mut viewer, (0, 0), "no", &mut out);
        viewer.flush(&mut out);
        let lines = lines(&mut out);
        assert_eq!(next(&lines[0]), Some(vec![1, 0]));
        assert_eq!((&lines[0]["@"], &lines[0]["problem"]["offset"]), (&json!("fault"), &json!(0)));
        assert_eq!(lines[0]["final"], false);
    }
}

#[test]
fn a_position_that_moved_is_untold_until_something_tells_it() {
    let (mut viewer, mut out) = (viewer(Ids::Event, ValueForm::Auto, None), BytesMut::new());
    pass(&mut viewer, Passed::Moved { partition: 0, next: 5 }, &mut out);
    assert!(viewer.untold() && out.is_empty());
    record(&mut viewer, (1, 0), "1", &mut out);
    assert!(!viewer.untold());
    assert_eq!(next(&lines(&mut out)[0]), Some(vec![5, 1]));
}

#[test]
fn the_end_has_a_finished_cursor() {
    let (mut viewer, mut out) = (viewer(Ids::Event, ValueForm::Auto, Some(Until::Now)), BytesMut::new());
    viewer.end(&mut out);
    let end = &lines(&mut out)[0];
    let cursor = Cursor::parse(end["cursor"].as_str().expect("a cursor")).expect("a cursor");
    assert!(cursor.finished && end["@"] == "end");
}

#[test]
fn what_a_filter_does_not_want_moves_the_position_and_writes_nothing() {
    let ones = || Filter::default().with_conditions(&["=1".to_owned()]).expect("a filter");
    for ids in [Ids::Event, Ids::Flush] {
        let (mut viewer, mut out) = (filtering(Some(ones()), ids, ValueForm::Json, None), BytesMut::new());
        for (offset, value) in [(0, "0"), (1, "1"), (2, "no json"), (3, "2")] {
            assert_eq!(record(&mut viewer, (0, offset), value, &mut out), value == "1");
        }
        viewer.flush(&mut out);
        // The last id of a flush stands behind all that the flush considered.
        let behind = if ids == Ids::Event { 2 } else { 4 };
        assert_eq!(lines(&mut out).iter().map(next).collect::<Vec<_>>(), [Some(vec![behind, 0])]);
        assert_eq!(viewer.untold(), ids == Ids::Event);
        viewer.checkpoint(&mut out);
        assert_eq!(next(&lines(&mut out)[0]), Some(vec![4, 0]));
        assert!(!viewer.untold());
    }
}

#[test]
fn caught_up_and_the_end_come_though_everything_is_filtered_out() {
    let none = Filter::default().with_keys(vec![Bytes::new()]).expect("a filter");
    let mut viewer = filtering(Some(none), Ids::Event, ValueForm::Auto, Some(Until::Now));
    let mut out = BytesMut::new();
    for partition in [0, 1] {
        for offset in 0..9 {
            assert!(out.is_empty() && !viewer.track().finished());
            record(&mut viewer, (partition, offset), "1", &mut out);
        }
    }
    assert!(viewer.track().finished());
    let told = lines(&mut out);
    assert_eq!((told.len(), &told[0]["@"], next(&told[0])), (1, &json!("caught-up"), Some(vec![9, 9])));
}
