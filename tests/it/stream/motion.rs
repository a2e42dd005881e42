//! Topics that change under a running stream: they join, grow, go, and are made anew.
//!
//! A stream looks at its topics every few seconds, so these tests take some, nearly all of it waiting.

use crate::harness::{Context, Draft, Event, Gateway, Sse, Test, send, until};
use crate::tests;
use serde_json::{Value, json};
use sluicegate::record::Cursor;

pub fn tests() -> Vec<Test> {
    tests![
        topics_that_begin_to_match_join_a_running_stream,
        partitions_added_under_a_running_stream_begin_at_their_first_record,
        a_topic_deleted_from_a_list_is_a_gap_and_keeps_its_segment needs [TopicIds],
        a_list_ends_when_its_last_topic_is_deleted,
        a_glob_outlives_its_topics_and_knows_them_when_they_come_back needs [TopicIds],
        a_topic_made_anew_under_running_streams_is_told_to_each_as_it_asked needs [TopicIds],
        a_glob_that_grows_too_wide_ends_with_a_final_fault,
        a_change_of_topics_needs_no_second_reader,
    ]
}

async fn back(gateway: &Gateway, topics: &str, query: &str, id: &str) -> Sse {
    Sse::open(gateway.streaming(topics, query).header("last-event-id", id)).await
}

/// A stream that has caught up with nothing.
async fn begun(gateway: &Gateway, topics: &str, query: &str) -> Sse {
    let mut stream = gateway.stream(topics, query).await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
    stream
}

/// The next event that tells more than a position.
async fn next(stream: &mut Sse) -> Event {
    loop {
        let event = stream.next().await.expect("the stream goes on");
        if event.kind != "checkpoint" {
            return event;
        }
    }
}

/// A gap's topic, partition, from, to and reason.
#[track_caller]
fn gap(event: &Event) -> Value {
    assert_eq!(event.kind, "gap", "{event:?}");
    let data = event.json();
    json!([data["topic"], data["partition"], data["from"], data["to"], data["reason"]])
}

fn segments(id: &str) -> usize {
    Cursor::parse(id).expect("a cursor").segments.len()
}

async fn topics_that_begin_to_match_join_a_running_stream(context: Context) {
    let gateway = context.gateway().await;
    let glob = format!("{}*", context.prefix());
    let mut stream = begun(&gateway, &glob, "from=latest").await;
    let first = context.topic("first", 2).await;
    let writer = context.kafka().writer();
    for partition in [0, 1] {
        writer.write_numbers(&first, partition, 0..2).await;
    }
    // All of it is younger than the stream, whatever was written before the stream noticed.
    let mut seen: Vec<_> = stream.records(4).await.iter().map(Event::address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    let second = context.topic("second", 1).await;
    writer.write_numbers(&second, 0, 0..1).await;
    let record = stream.records(1).await.remove(0);
    assert_eq!((&record.json()["topic"], segments(&record.id)), (&json!(second), 2));
    // The id that it has by now stands behind all of it.
    writer.write_numbers(&first, 1, 2..3).await;
    let mut again = back(&gateway, &glob, "from=latest", &record.id).await;
    again.expect("ready").await;
    for stream in [&mut stream, &mut again] {
        assert_eq!(stream.records(1).await[0].address(), (1, 2));
    }
    again.expect("caught-up").await;
}

async fn partitions_added_under_a_running_stream_begin_at_their_first_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("grown", 1).await);
    let mut stream = begun(&gateway, &topic, "from=latest").await;
    context.kafka().add_partitions(&topic, 3).await;
    let writer = context.kafka().writer();
    for partition in [2, 0] {
        writer.write_numbers(&topic, partition, 0..2).await;
    }
    let records = stream.records(4).await;
    let mut seen: Vec<_> = records.iter().map(Event::address).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (0, 1), (2, 0), (2, 1)]);
    writer.write_numbers(&topic, 1, 0..1).await;
    let mut again = back(&gateway, &topic, "from=latest", &records[3].id).await;
    again.expect("ready").await;
    for stream in [&mut stream, &mut again] {
        assert_eq!(stream.records(1).await[0].address(), (1, 0));
    }
    again.expect("caught-up").await;
}

async fn a_topic_deleted_from_a_list_is_a_gap_and_keeps_its_segment(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (gone, kept) = (context.topic("gone", 2).await, context.topic("kept", 1).await);
    let list = format!("{gone},{kept}");
    kafka.writer().write_numbers(&gone, 0, 0..3).await;
    let mut stream = gateway.stream(&list, "from=earliest").await;
    stream.records(3).await;
    kafka.delete_topic(&gone).await;
    stream.expect("caught-up").await;
    let gaps = [json!([gone, 0, 3, null, "deleted"]), json!([gone, 1, 0, null, "deleted"])];
    for expected in &gaps {
        assert_eq!(gap(&next(&mut stream).await), *expected);
    }
    kafka.writer().write_numbers(&kept, 0, 0..1).await;
    let record = next(&mut stream).await;
    assert_eq!((&record.json()["topic"], segments(&record.id)), (&json!(kept), 2));
    // Whoever comes back is told again, and goes on with what is left; pages too.
    let mut again = back(&gateway, &list, "", &record.id).await;
    assert_eq!((again.status, again.header("kafka-stream-loss")), (200, "none"));
    assert_eq!(again.expect("ready").await.json()["topics"], json!([kept]));
    for expected in &gaps {
        assert_eq!(gap(&again.expect("gap").await), *expected);
    }
    let page = gateway.page(&list, &format!("from={}", record.id)).await.json(200);
    assert_eq!((page["gaps"].as_array().map(Vec::len), &page["records"]), (Some(2), &json!([])));
    assert_eq!(segments(page["next"].as_str().expect("a cursor")), 2);
    // A topic of that name that is made later, and is longer, is told from it.
    kafka.create_topic(&gone, 2, &[]).await;
    kafka.writer().write_numbers(&gone, 0, 0..5).await;
    // That there is no such topic is believed for a second.
    let mut again = until("the new topic is seen", async || {
        let again = back(&gateway, &list, "", &record.id).await;
        (again.header("kafka-stream-loss") != "none").then_some(again)
    })
    .await;
    assert_eq!(again.header("kafka-stream-loss"), "recreated");
    assert_eq!(again.expect("ready").await.json()["loss"], "recreated");
    assert_eq!(gap(&again.expect("gap").await), json!([gone, 0, 3, 0, "recreated"]));
    assert_eq!(gap(&again.expect("gap").await), json!([gone, 1, 0, 0, "recreated"]));
    let offsets: Vec<_> = again.records(5).await.iter().map(|record| record.address().1).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
}

async fn a_list_ends_when_its_last_topic_is_deleted(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let topics = [context.topic("first", 1).await, context.topic("second", 1).await];
    let list = topics.join(",");
    let mut stream = begun(&gateway, &list, "").await;
    kafka.delete_topic(&topics[0]).await;
    let told = next(&mut stream).await;
    assert_eq!(gap(&told), json!([topics[0], 0, 0, null, "deleted"]));
    kafka.delete_topic(&topics[1]).await;
    let fault = next(&mut stream).await;
    let data = fault.json();
    assert_eq!(
        (&fault.kind[..], &data["final"], &data["problem"]["code"]),
        ("fault", &json!(true), &json!("topic_not_found"))
    );
    assert_eq!((fault.id, fault.retry), (told.id.clone(), None), "the position stays what it was");
    assert_eq!(stream.next().await, None);
    let request = gateway.streaming(&list, "").header("last-event-id", &told.id);
    send(request).await.refusal(404, "topic_not_found");
}

async fn a_glob_outlives_its_topics_and_knows_them_when_they_come_back(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let topic = context.topic("there", 1).await;
    let glob = format!("{}*", context.prefix());
    kafka.writer().write_numbers(&topic, 0, 0..2).await;
    let mut stream = gateway.stream(&glob, "from=earliest").await;
    stream.records(2).await;
    stream.expect("caught-up").await;
    kafka.delete_topic(&topic).await;
    assert_eq!(gap(&next(&mut stream).await), json!([topic, 0, 2, null, "deleted"]));
    let other = context.topic("other", 1).await;
    kafka.writer().write_numbers(&other, 0, 0..1).await;
    let record = next(&mut stream).await;
    assert_eq!((&record.json()["topic"], segments(&record.id)), (&json!(other), 2), "its segment stays");
    kafka.create_topic(&topic, 1, &[]).await;
    kafka.writer().write_numbers(&topic, 0, 0..4).await;
    assert_eq!(gap(&next(&mut stream).await), json!([topic, 0, 2, 0, "recreated"]));
    for offset in 0..4 {
        assert_eq!(next(&mut stream).await.address(), (0, offset));
    }
}

/// Deletes a topic with three records and makes another one of its name, with six.
async fn made_anew(context: &Context, topic: &str) {
    let kafka = context.kafka();
    kafka.delete_topic(topic).await;
    kafka.create_topic(topic, 1, &[]).await;
    kafka.writer().write_all(topic, 0, (0..6).map(|_| Draft::value("new"))).await;
}

/// Reads on until the topic is told to be another one; what comes before may be records, of either topic.
async fn recreated(stream: &mut Sse) -> Event {
    loop {
        let event = next(stream).await;
        match event.kind.as_str() {
            "gap" if event.json()["reason"] == "deleted" => {}
            "message" => {}
            _ => return event,
        }
    }
}

async fn a_topic_made_anew_under_running_streams_is_told_to_each_as_it_asked(context: Context) {
    let gateway = context.gateway().await;
    let (topic, other) = (context.topic("anew", 1).await, context.topic("other", 1).await);
    let list = format!("{topic},{other}");
    context.kafka().writer().write_numbers(&topic, 0, 0..3).await;
    let mut streams = Vec::new();
    for on_loss in ["earliest", "latest", "fail"] {
        let mut stream = gateway.stream(&list, &format!("from=earliest&on_loss={on_loss}")).await;
        stream.records(3).await;
        stream.expect("caught-up").await;
        streams.push(stream);
    }
    made_anew(&context, &topic).await;
    let [earliest, latest, fail] = &mut streams[..] else { unreachable!("three were opened") };

    let told = recreated(earliest).await;
    let data = told.json();
    assert_eq!((&data["reason"], &data["to"]), (&json!("recreated"), &json!(0)), "{told:?}");
    let mut last = told;
    for offset in 0..6 {
        last = next(earliest).await;
        assert_eq!((last.address(), last.value()), ((0, offset), json!("new")));
    }
    let mut again = back(&gateway, &list, "", &last.id).await;
    assert_eq!(again.header("kafka-stream-loss"), "none", "its id is one of the new topic");
    again.expect("ready").await;
    again.expect("caught-up").await;

    let told = recreated(latest).await.json();
    assert_eq!(told["reason"], "recreated");
    let mut expected = told["to"].as_i64().expect("the end when it was noticed");
    context.kafka().writer().write(&topic, 0, &Draft::value("last")).await;
    loop {
        let record = next(latest).await;
        assert_eq!(record.address(), (0, expected));
        expected += 1;
        if record.value() == "last" {
            break;
        }
    }

    let fault = recreated(fail).await;
    let data = fault.json();
    let problem = &data["problem"];
    assert_eq!((fault.kind.as_str(), &data["final"]), ("fault", &json!(true)), "{data}");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(410), &json!("position_lost")));
    assert_eq!(fault.retry, None);
    assert_eq!(fail.next().await, None);
    let request = gateway.streaming(&list, "on_loss=fail").header("last-event-id", &fault.id);
    let detail = send(request).await.refusal(410, "position_lost");
    assert!(detail.contains("recreated"), "{detail}");
}

async fn a_glob_that_grows_too_wide_ends_with_a_final_fault(context: Context) {
    let gateway = context.gateway_with(|config| config.streams.max_cursor_bytes = 256).await;
    let narrow = context.topic("narrow", 1).await;
    let glob = format!("{}*", context.prefix());
    let mut stream = begun(&gateway, &glob, "").await;
    gateway.produce(&narrow, "", "1").await.receipt();
    let id = stream.expect("message").await.id;
    context.topic("wide", 200).await;
    let fault = next(&mut stream).await;
    let data = fault.json();
    assert_eq!((fault.kind.as_str(), &data["final"]), ("fault", &json!(true)), "{data}");
    assert_eq!(
        (&data["problem"]["status"], &data["problem"]["code"]),
        (&json!(400), &json!("selection_too_wide"))
    );
    assert_eq!((&fault.id, fault.retry), (&id, None));
    assert_eq!(stream.next().await, None);
    let request = gateway.streaming(&glob, "").header("last-event-id", &id);
    send(request).await.refusal(400, "selection_too_wide");
}

async fn a_change_of_topics_needs_no_second_reader(context: Context) {
    let gateway = context.gateway_with(|config| config.streams.max_readers = 1).await;
    let first = context.topic("first", 1).await;
    let glob = format!("{}*", context.prefix());
    let mut stream = begun(&gateway, &glob, "").await;
    let (second, writer) = (context.topic("second", 1).await, context.kafka().writer());
    for topic in [&first, &second] {
        writer.write_numbers(topic, 0, 0..2).await;
    }
    let mut seen = Vec::new();
    for record in stream.records(4).await {
        seen.push((record.json()["topic"].as_str().expect("a topic").to_owned(), record.address().1));
    }
    seen.sort();
    assert_eq!(seen, [(first.clone(), 0), (first, 1), (second.clone(), 0), (second, 1)]);
}
