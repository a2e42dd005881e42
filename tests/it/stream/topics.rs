//! Several topics in one stream: lists, globs, and the partitions chosen in each.

use crate::harness::{Context, Event, Gateway, Sse, Test};
use crate::tests;
use serde_json::json;
use sluicegate::record::Cursor;

pub fn tests() -> Vec<Test> {
    tests![
        a_list_of_topics_is_one_stream_and_one_id,
        the_order_in_which_topics_are_named_does_not_matter,
        a_glob_reads_what_it_matches_once,
        a_glob_that_matches_nothing_is_open_and_waits,
        globs_skip_internal_topics,
        a_list_with_a_missing_topic_is_refused,
        chosen_partitions_are_read_in_every_topic,
        partitions_that_no_topic_has_are_refused_unless_one_may_join,
        a_topic_added_to_a_list_begins_where_from_says,
        a_topic_that_a_glob_matches_since_begins_at_its_first_record,
        a_topic_taken_off_a_list_is_passed_over,
        a_cursor_of_none_of_the_topics_is_foreign,
    ]
}

/// Topic, partition and offset of a record.
fn place(record: &Event) -> (String, i64, i64) {
    let (partition, offset) = record.address();
    (record.json()["topic"].as_str().expect("a topic").to_owned(), partition, offset)
}

async fn places(stream: &mut Sse, count: usize) -> Vec<(String, i64, i64)> {
    let mut places: Vec<_> = stream.records(count).await.iter().map(place).collect();
    places.sort();
    places
}

async fn back(gateway: &Gateway, topics: &str, query: &str, id: &str) -> Sse {
    Sse::open(gateway.streaming(topics, query).header("last-event-id", id)).await
}

/// Topics of one partition with as many records each.
async fn filled(context: &Context, names: &[&str], count: usize) -> Vec<String> {
    let (mut topics, writer) = (Vec::new(), context.kafka().writer());
    for name in names {
        let topic = context.topic(name, 1).await;
        writer.write_numbers(&topic, 0, 0..count).await;
        topics.push(topic);
    }
    topics
}

async fn a_list_of_topics_is_one_stream_and_one_id(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["b", "a", "c"], 3).await;
    let list = topics.join(",");
    let mut sorted = topics.clone();
    sorted.sort();
    let all: Vec<_> = sorted.iter().flat_map(|t| (0..3).map(|offset| (t.clone(), 0, offset))).collect();
    for cut in [1, 4, 8] {
        let mut stream = gateway.stream(&list, "from=earliest").await;
        let ready = stream.expect("ready").await.json();
        assert_eq!(ready["topics"], json!(sorted));
        assert_eq!(ready["end"], json!({ &*sorted[0]: [3], &*sorted[1]: [3], &*sorted[2]: [3] }));
        let first = stream.records(cut).await;
        let mut seen: Vec<_> = first.iter().map(place).collect();
        let mut stream = back(&gateway, &list, "from=earliest", &first[cut - 1].id).await;
        stream.expect("ready").await;
        seen.extend(places(&mut stream, 9 - cut).await);
        seen.sort();
        assert_eq!(seen, all, "cut after {cut}");
        stream.expect("caught-up").await;
    }
}

async fn the_order_in_which_topics_are_named_does_not_matter(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["a", "b"], 2).await;
    let (forth, back_to_front) =
        (format!("{},{}", topics[0], topics[1]), format!("{1},{0},{1}", topics[0], topics[1]));
    let mut stream = gateway.stream(&forth, "from=earliest").await;
    let first = stream.records(3).await;
    let mut seen: Vec<_> = first.iter().map(place).collect();
    let mut stream = back(&gateway, &back_to_front, "", &first[2].id).await;
    assert_eq!(stream.header("kafka-stream-start"), first[2].id, "the very same cursor");
    seen.extend(places(&mut stream, 1).await);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
    stream.expect("caught-up").await;
}

async fn a_glob_reads_what_it_matches_once(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["in-1", "in-2", "out-1"], 2).await;
    let prefix = context.prefix();
    let selections = [
        (format!("{prefix}in-*"), &topics[..2]),
        (format!("{prefix}*-1"), &[topics[0].clone(), topics[2].clone()][..]),
        (format!("{prefix}in-*,{prefix}*-2,{}", topics[1]), &topics[..2]),
        (format!("{prefix}in-*,{}", topics[2]), &topics[..]),
        (format!("{prefix}in-%2A%2C{}", topics[2]), &topics[..]),
    ];
    for (selection, expected) in selections {
        let mut stream = gateway.stream(&selection, "from=earliest").await;
        assert_eq!(stream.expect("ready").await.json()["topics"], json!(expected), "{selection}");
        let all: Vec<_> = expected.iter().flat_map(|t| (0..2).map(|offset| (t.clone(), 0, offset))).collect();
        assert_eq!(places(&mut stream, all.len()).await, all, "{selection}");
        stream.expect("caught-up").await;
    }
}

async fn a_glob_that_matches_nothing_is_open_and_waits(context: Context) {
    let gateway = context.gateway().await;
    let glob = format!("{}*", context.prefix());
    let mut stream = gateway.stream(&glob, "from=earliest").await;
    assert_eq!((stream.status, stream.header("kafka-stream-loss")), (200, "none"));
    let ready = stream.expect("ready").await;
    assert_eq!(ready.id, "1.");
    let told = ready.json();
    assert_eq!(json!([told["topics"], told["positions"], told["end"]]), json!([[], {}, {}]));
    assert_eq!(stream.expect("caught-up").await.id, "1.");
    let page = gateway.page(&glob, "from=earliest").await;
    assert_eq!((page.status, page.header("kafka-stream-next")), (204, "1."));
    // Whoever comes back with that id has seen nothing of what was made since.
    let topic = filled(&context, &["made"], 2).await.remove(0);
    let mut stream = back(&gateway, &glob, "from=latest", "1.").await;
    assert_eq!(stream.expect("ready").await.json()["loss"], "none");
    assert_eq!(places(&mut stream, 2).await, [(topic.clone(), 0, 0), (topic, 0, 1)]);
}

async fn globs_skip_internal_topics(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    for name in ["__ours", "seen"] {
        broker.kafka().create_topic(name, 1, &[]).await;
        broker.kafka().writer().write_numbers(name, 0, 0..1).await;
    }
    for glob in ["*", "__*,s*", "*s*"] {
        let mut stream = gateway.stream(glob, "from=earliest").await;
        assert_eq!(stream.expect("ready").await.json()["topics"], json!(["seen"]), "{glob}");
    }
    let mut stream = gateway.stream("__ours,se*", "from=earliest").await;
    assert_eq!(stream.expect("ready").await.json()["topics"], json!(["__ours", "seen"]), "named outright");
    stream.records(2).await;
}

async fn a_list_with_a_missing_topic_is_refused(context: Context) {
    let gateway = context.gateway().await;
    let (topic, missing) = (context.topic("there", 1).await, context.name("missing"));
    for topics in [format!("{topic},{missing}"), format!("{missing},{}*", context.prefix())] {
        let stream = crate::harness::send(gateway.streaming(&topics, "")).await;
        assert!(stream.refusal(404, "topic_not_found").contains(&missing), "{topics}");
        let page = gateway.page(&topics, "").await;
        assert!(page.refusal(404, "topic_not_found").contains(&missing), "{topics}");
    }
}

async fn chosen_partitions_are_read_in_every_topic(context: Context) {
    let gateway = context.gateway().await;
    let (wide, narrow) = (context.topic("wide", 7).await, context.topic("narrow", 2).await);
    let writer = context.kafka().writer();
    for (topic, partitions) in [(&wide, 7), (&narrow, 2)] {
        for partition in 0..partitions {
            writer.write_numbers(topic, partition, 0..1).await;
        }
    }
    let topics = format!("{wide},{narrow}");
    let mut stream = gateway.stream(&topics, "from=earliest&partition=0,3-5").await;
    stream.expect("ready").await;
    let mut expected = vec![(narrow.clone(), 0, 0)];
    expected.extend([0, 3, 4, 5].map(|partition| (wide.clone(), partition, 0)));
    expected.sort();
    assert_eq!(places(&mut stream, 5).await, expected);
    let id = stream.expect("caught-up").await.id;
    writer.write_numbers(&wide, 2, 1..2).await;
    writer.write_numbers(&wide, 4, 1..2).await;
    assert_eq!(place(&stream.expect("message").await), (wide.clone(), 4, 1), "nothing of partition 2");
    // Another selection with the same cursor: what was not read begins where it stood when the stream opened.
    let mut stream = back(&gateway, &topics, "partition=2,4", &id).await;
    stream.expect("ready").await;
    let later = places(&mut stream, 3).await;
    assert_eq!(later, [(wide.clone(), 2, 0), (wide.clone(), 2, 1), (wide, 4, 1)]);
}

async fn partitions_that_no_topic_has_are_refused_unless_one_may_join(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["one", "other"], 1).await;
    for (selection, query) in [(topics[0].clone(), "partition=1"), (topics.join(","), "partition=0-3")] {
        let reply = crate::harness::send(gateway.streaming(&selection, query)).await;
        reply.refusal(400, "partition_out_of_range");
        gateway.page(&selection, query).await.refusal(400, "partition_out_of_range");
    }
    let mut stream = gateway.stream(&format!("{}*", context.prefix()), "from=earliest&partition=5").await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
}

async fn a_topic_added_to_a_list_begins_where_from_says(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["old", "new"], 3).await;
    let id = gateway.stream(&topics[0], "from=earliest").await.records(1).await.remove(0).id;
    for (from, start) in [("earliest", 0), ("latest", 3), ("-2", 1), ("1970-01-01T00:00:00Z", 0)] {
        let mut stream = back(&gateway, &topics.join(","), &format!("from={from}"), &id).await;
        assert_eq!(stream.header("kafka-stream-loss"), "none");
        let positions = json!({ topics[0].as_str(): [1], topics[1].as_str(): [start] });
        assert_eq!(stream.expect("ready").await.json()["positions"], positions, "{from}");
        stream.records(5 - start).await;
        stream.expect("caught-up").await;
    }
}

async fn a_topic_that_a_glob_matches_since_begins_at_its_first_record(context: Context) {
    let gateway = context.gateway().await;
    let old = filled(&context, &["old"], 2).await.remove(0);
    let glob = format!("{}*", context.prefix());
    let id = gateway.stream(&glob, "from=latest").await.expect("ready").await.id;
    let new = filled(&context, &["new"], 2).await.remove(0);
    let mut stream = back(&gateway, &glob, "from=latest", &id).await;
    let positions = json!({ old.as_str(): [2], new.as_str(): [0] });
    assert_eq!(stream.expect("ready").await.json()["positions"], positions);
    assert_eq!(places(&mut stream, 2).await, [(new.clone(), 0, 0), (new, 0, 1)]);
    stream.expect("caught-up").await;
}

async fn a_topic_taken_off_a_list_is_passed_over(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["kept", "left"], 2).await;
    let mut stream = gateway.stream(&topics.join(","), "from=latest").await;
    let id = stream.expect("ready").await.id;
    let mut stream = back(&gateway, &topics[0], "from=earliest", &id).await;
    assert_eq!(stream.header("kafka-stream-loss"), "none");
    let ready = stream.expect("ready").await;
    assert_eq!(ready.json()["positions"], json!({ topics[0].as_str(): [2] }));
    assert_eq!(Cursor::parse(&ready.id).expect("a cursor").segments.len(), 1);
}

async fn a_cursor_of_none_of_the_topics_is_foreign(context: Context) {
    let gateway = context.gateway().await;
    let topics = filled(&context, &["one", "two", "three"], 2).await;
    let id = gateway.stream(&topics[0], "from=earliest").await.records(1).await.remove(0).id;
    for (query, start, count) in [("from=latest", 0, 4), ("on_loss=latest&from=earliest", 2, 0)] {
        let mut stream = back(&gateway, &topics[1..].join(","), query, &id).await;
        assert_eq!(stream.header("kafka-stream-loss"), "foreign", "{query}");
        let ready = stream.expect("ready").await.json();
        let positions = json!({ topics[1].as_str(): [start], topics[2].as_str(): [start] });
        assert_eq!((&ready["loss"], &ready["positions"]), (&json!("foreign"), &positions), "{query}");
        // No gap is told: it follows `ready` only where a number was lost.
        for _ in 0..count {
            stream.expect("message").await;
        }
        stream.expect("caught-up").await;
        let page = gateway.page(&topics[1..].join(","), &format!("{query}&last_event_id={id}")).await;
        assert_eq!(page.header("kafka-stream-loss"), "foreign", "{query}");
    }
    let request = gateway.streaming(&topics[1], "on_loss=fail").header("last-event-id", &id);
    let detail = crate::harness::send(request).await.refusal(410, "position_lost");
    assert!(detail.contains("foreign"), "{detail}");
}
