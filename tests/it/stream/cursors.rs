//! What a cursor means when it comes back: to another isolation, to other logs, and however long it is.

use crate::harness::{Context, Event, Gateway, Sse, Test, send};
use crate::tests;
use serde_json::{Value, json};
use sluicegate::record::cursor::{Segment, TopicMark};
use sluicegate::record::{Cursor, TopicName};

pub fn tests() -> Vec<Test> {
    tests![
        isolation_may_change_between_requests needs [Transactions],
        a_cursor_beyond_the_last_stable_offset_is_no_loss needs [Transactions],
        every_loss_goes_on_where_on_loss_says needs [TopicIds, DeleteRecords],
        the_worst_loss_of_several_topics_is_named_and_all_are_told needs [TopicIds],
        a_cursor_without_topic_ids_is_compared_by_name_alone needs [TopicIds],
        two_hundred_and_forty_partitions_fit_into_a_cursor,
        a_long_cursor_is_told_by_ready_alone,
        a_selection_is_refused_before_its_cursor_outgrows_the_limit,
    ]
}

async fn back(gateway: &Gateway, topics: &str, query: &str, id: &str) -> Sse {
    Sse::open(gateway.streaming(topics, query).header("last-event-id", id)).await
}

/// How a cursor of this gateway's cluster names a topic with that id.
async fn mark(gateway: &Gateway, topic: &str, id: Option<[u8; 16]>) -> TopicMark {
    let cluster = gateway.get("/v1/cluster").await.json(200)["id"].as_str().expect("an id").to_owned();
    TopicMark::new(&cluster, &TopicName::parse(topic).expect("a legal name"), id)
}

/// How a cursor names a topic that is there.
async fn mark_of(gateway: &Gateway, topic: &str) -> TopicMark {
    let id = gateway.stream(topic, "").await.expect("ready").await.id;
    Cursor::parse(&id).expect("a cursor").segments[0].topic
}

/// The records up to where the stream has caught up.
async fn until_caught_up(stream: &mut Sse) -> Vec<Event> {
    let mut records = Vec::new();
    loop {
        let event = stream.next().await.expect("the stream goes on");
        match event.kind.as_str() {
            "message" => records.push(event),
            "caught-up" => return records,
            _ => {}
        }
    }
}

async fn isolation_may_change_between_requests(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("changed", 1).await);
    let (plain, writer) =
        (context.kafka().writer(), context.kafka().transactional_writer(&context.name("writer")).await);
    plain.write_numbers(&topic, 0, 0..1).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 1..4).await;
    writer.abort().await;
    plain.write_numbers(&topic, 0, 4..5).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 5..7).await;
    writer.commit().await;
    plain.write_numbers(&topic, 0, 7..8).await;
    let (committed, all) = (vec![0, 4, 5, 6, 7], vec![0, 1, 2, 3, 4, 5, 6, 7]);
    let ways = [("committed", &committed), ("uncommitted", &all)];
    let number = |record: &Event| record.value().as_i64().expect("a number");
    for (n, (isolation, numbers)) in ways.iter().enumerate() {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&isolation={isolation}")).await;
        let read = stream.records(numbers.len()).await;
        assert_eq!(read.iter().map(number).collect::<Vec<_>>(), **numbers);
        let (other, others) = ways[1 - n];
        for record in read {
            let mut stream = back(&gateway, &topic, &format!("isolation={other}"), &record.id).await;
            assert_eq!(stream.header("kafka-stream-loss"), "none");
            let behind: Vec<_> = others.iter().copied().filter(|n| *n > number(&record)).collect();
            let seen: Vec<_> = until_caught_up(&mut stream).await.iter().map(number).collect();
            assert_eq!(seen, behind, "{isolation} up to {}, then {other}", number(&record));
        }
    }
}

async fn a_cursor_beyond_the_last_stable_offset_is_no_loss(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("open", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 0..3).await;
    let id =
        gateway.stream(&topic, "from=earliest&isolation=uncommitted").await.records(2).await.remove(1).id;
    let mut stream = back(&gateway, &topic, "on_loss=fail", &id).await;
    assert_eq!((stream.status, stream.header("kafka-stream-loss")), (200, "none"));
    let ready = stream.expect("ready").await.json();
    let told = json!([ready["positions"], ready["end"]]);
    assert_eq!(told, json!([{ topic.as_str(): [2] }, { topic.as_str(): [0] }]));
    stream.expect("caught-up").await;
    writer.commit().await;
    assert_eq!(stream.expect("message").await.address(), (0, 2), "what was seen is not repeated");
}

/// Asserts what a stream and a page tell of a cursor: the loss, where it goes on, and the gaps.
async fn told(
    gateway: &Gateway,
    topics: &str,
    on_loss: &str,
    (cursor, loss): (&Cursor, &str),
    expected: (Value, &[Value]),
) {
    let (positions, gaps) = expected;
    let what = format!("{loss}, on_loss={on_loss}");
    let mut stream = back(gateway, topics, &format!("on_loss={on_loss}"), &cursor.to_string()).await;
    assert_eq!(stream.header("kafka-stream-loss"), loss, "{what}");
    let ready = stream.expect("ready").await;
    let data = ready.json();
    assert_eq!((&data["loss"], &data["positions"]), (&json!(loss), &positions), "{what}");
    assert_eq!(stream.header("kafka-stream-start"), ready.id, "{what}");
    for gap in gaps {
        assert_eq!(stream.expect("gap").await.json(), *gap, "{what}");
    }
    until_caught_up(&mut stream).await;
    let page = gateway.page(topics, &format!("on_loss={on_loss}&from={cursor}")).await;
    assert_eq!(page.header("kafka-stream-loss"), loss, "{what}");
    if page.status == 204 {
        assert!(gaps.is_empty(), "{what}: a page with gaps has a body");
    } else {
        let body = page.json(200);
        assert_eq!(body.get("gaps").cloned().unwrap_or(json!([])), json!(gaps), "{what}");
    }
}

async fn every_loss_goes_on_where_on_loss_says(context: Context) {
    let (gateway, topic, kafka) = (context.gateway().await, context.topic("lost", 1).await, context.kafka());
    kafka.writer().write_numbers(&topic, 0, 0..10).await;
    kafka.delete_records(&topic, 0, 4).await;
    let here = mark_of(&gateway, &topic).await;
    let another = mark(&gateway, &topic, Some([9; 16])).await;
    let elsewhere = TopicMark::new("another cluster", &TopicName::parse(&topic).expect("legal"), None);
    for (mark, next, loss, earliest, latest) in [
        (here, 4, "none", 4, 4),
        (here, 10, "none", 10, 10),
        (here, 3, "expired", 4, 10),
        (here, 11, "truncated", 10, 10),
        (another, 6, "recreated", 4, 10),
        (another, 0, "recreated", 4, 10),
        (elsewhere, 6, "foreign", 4, 10),
    ] {
        let cursor = Cursor::of(mark, vec![next]);
        for (on_loss, to) in [("earliest", earliest), ("latest", latest)] {
            let gap = json!({ "topic": topic, "partition": 0, "from": next, "to": to, "reason": loss });
            let gaps = if matches!(loss, "none" | "foreign") { vec![] } else { vec![gap] };
            let positions = json!({ topic.as_str(): [to] });
            told(&gateway, &topic, on_loss, (&cursor, loss), (positions, &gaps)).await;
        }
        let query = format!("on_loss=fail&from={cursor}");
        if loss == "none" {
            assert_eq!(gateway.stream(&topic, &query).await.status, 200);
            continue;
        }
        for refused in [send(gateway.streaming(&topic, &query)).await, gateway.page(&topic, &query).await] {
            let detail = refused.refusal(410, "position_lost");
            assert!(detail.contains(loss), "{detail}");
        }
    }
}

async fn the_worst_loss_of_several_topics_is_named_and_all_are_told(context: Context) {
    let gateway = context.gateway().await;
    let (first, second) = (context.topic("a", 1).await, context.topic("b", 2).await);
    let writer = context.kafka().writer();
    writer.write_numbers(&first, 0, 0..5).await;
    writer.write_numbers(&second, 1, 0..5).await;
    let truncated = Segment { topic: mark_of(&gateway, &first).await, next: vec![7] };
    let recreated = Segment { topic: mark(&gateway, &second, Some([9; 16])).await, next: vec![3, 4] };
    let cursor = Cursor { segments: vec![truncated, recreated], finished: false };
    let gap = |topic: &str, partition: i32, from: i64, to: i64, reason: &str| json!({ "topic": topic, "partition": partition, "from": from, "to": to, "reason": reason });
    let gaps = [
        gap(&first, 0, 7, 5, "truncated"),
        gap(&second, 0, 3, 0, "recreated"),
        gap(&second, 1, 4, 0, "recreated"),
    ];
    let positions = json!({ first.as_str(): [5], second.as_str(): [0, 0] });
    let topics = format!("{first},{second}");
    told(&gateway, &topics, "earliest", (&cursor, "recreated"), (positions, &gaps)).await;
}

async fn a_cursor_without_topic_ids_is_compared_by_name_alone(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("idless", 2).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..5).await;
    let idless = mark(&gateway, &topic, None).await;
    let positions = json!({ topic.as_str(): [3, 0] });
    told(&gateway, &topic, "earliest", (&Cursor::of(idless, vec![3, 0]), "none"), (positions, &[])).await;
    // Partitions are never taken away, so a topic with fewer of them is another one.
    let gaps: Vec<_> = [(0, 3), (1, 0)]
        .map(|(partition, from)| {
            json!({ "topic": topic, "partition": partition, "from": from, "to": 0, "reason": "recreated" })
        })
        .into();
    let (cursor, positions) = (Cursor::of(idless, vec![3, 0, 0]), json!({ topic.as_str(): [0, 0] }));
    told(&gateway, &topic, "earliest", (&cursor, "recreated"), (positions, &gaps)).await;
}

async fn two_hundred_and_forty_partitions_fit_into_a_cursor(context: Context) {
    const PARTITIONS: i32 = 240;
    let (gateway, topic) = (context.gateway().await, context.topic("many", PARTITIONS).await);
    let writer = context.kafka().writer();
    for partition in 0..PARTITIONS {
        writer.write_numbers(&topic, partition, 0..2).await;
    }
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    let half = stream.records(PARTITIONS as usize).await;
    let id = half.last().map(|record| record.id.clone()).expect("records");
    assert!(id.len() < 4096 && Cursor::parse(&id).expect("a cursor").segments[0].next.len() == 240);
    let mut stream = back(&gateway, &topic, "", &id).await;
    assert_eq!(stream.header("kafka-stream-start"), id);
    let mut seen: Vec<_> = half.iter().map(Event::address).collect();
    seen.extend(stream.records(PARTITIONS as usize).await.iter().map(Event::address));
    seen.sort_unstable();
    let all: Vec<_> = (0..i64::from(PARTITIONS)).flat_map(|p| [(p, 0), (p, 1)]).collect();
    assert_eq!(seen, all);
    stream.expect("caught-up").await;
}

async fn a_long_cursor_is_told_by_ready_alone(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("long", 150).await);
    gateway.produce(&topic, "partition=7", "1").await.receipt();
    // Numbers of partitions that are not read may stand as they are.
    let mut next = vec![1 << 50; 150];
    next[7] = 0;
    let cursor = Cursor::of(mark_of(&gateway, &topic).await, next);
    assert!((1025..4096).contains(&cursor.to_string().len()));
    let mut stream = back(&gateway, &topic, "partition=7", &cursor.to_string()).await;
    assert_eq!((stream.status, stream.header("kafka-stream-loss")), (200, "none"));
    assert_eq!(stream.headers.get("kafka-stream-start"), None, "proxies refuse long headers");
    let ready = stream.expect("ready").await;
    assert_eq!(Cursor::parse(&ready.id).expect("a cursor").segments[0].next[7], 0);
    let record = stream.expect("message").await;
    assert_eq!(record.address(), (7, 0));
    let mut stream = back(&gateway, &topic, "partition=7", &record.id).await;
    stream.expect("ready").await;
    stream.expect("caught-up").await;
}

async fn a_selection_is_refused_before_its_cursor_outgrows_the_limit(context: Context) {
    let gateway = context.gateway_with(|config| config.streams.max_cursor_bytes = 256).await;
    let (fits, wide) = (context.topic("fits", 30).await, context.topic("wide", 32).await);
    let reply = send(gateway.streaming(&wide, "")).await;
    assert!(reply.refusal(400, "selection_too_wide").contains("256"));
    gateway.page(&wide, "").await.refusal(400, "selection_too_wide");
    // Of what fits no id is ever refused, though each of its numbers grows to more bytes.
    let writer = context.kafka().writer();
    let mut stream = gateway.stream(&fits, "").await;
    let begun = stream.expect("ready").await.id;
    for partition in 0..30 {
        writer.write_numbers(&fits, partition, 0..130).await;
    }
    let id = stream.records(30 * 130).await.pop().expect("records").id;
    assert!(id.len() > begun.len() + 30, "{id}");
    let mut stream = back(&gateway, &fits, "until=now", &id).await;
    let end = stream.rest().await.pop().expect("an end");
    assert_eq!((stream.status, end.kind.as_str()), (200, "end"));
    assert_eq!(back(&gateway, &fits, "until=now", &end.id).await.status, 204);
}
