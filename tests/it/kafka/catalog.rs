//! Many topics at once: how few questions it takes, and that answers are as young as was asked for.

use super::{catalog, name};
use crate::harness::{Context, Draft, Test, until, within};
use crate::tests;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sluicegate::dev::{ApiKey, Broker};
use sluicegate::kafka::Error;
use sluicegate::record::{Isolation, TopicName};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        many_topics_are_described_by_one_request_in_the_order_asked,
        callers_that_ask_at_once_share_one_question,
        who_asks_for_the_truth_is_not_given_what_was_true_before_an_outage,
        the_ends_of_many_logs_take_three_requests,
        the_end_of_a_log_is_the_isolations needs [Transactions],
        a_topic_deleted_since_it_was_described_is_not_found_at_once,
        a_time_stands_for_the_first_offset_at_or_after_it,
        names_are_remembered_as_long_as_the_caller_allows,
        added_partitions_are_seen_by_who_asks_for_the_truth,
    ]
}

const HOUR: Duration = Duration::from_secs(3600);

fn asked(broker: &Broker, api: ApiKey, before: u64) -> u64 {
    broker.requests(api) - before
}

async fn many_topics_are_described_by_one_request_in_the_order_asked(context: Context) {
    let own = context.own_broker().await;
    let (kafka, catalog) = (own.kafka(), catalog(&own.kafka()));
    for (topic, partitions) in [("a", 1), ("b", 2), ("c", 3)] {
        kafka.create_topic(topic, partitions, &[]).await;
    }
    catalog.cluster().await.expect("the client is connected");
    let before = own.broker().requests(ApiKey::Metadata);
    let names = ["c", "missing", "a", "b", "c"].map(name);
    let described = catalog.describe(&names, Duration::ZERO).await;
    let partitions: Vec<_> =
        described.iter().map(|topic| topic.as_ref().ok().map(|topic| topic.partitions.len())).collect();
    assert_eq!(partitions, [Some(3), None, Some(1), Some(2), Some(3)]);
    assert!(matches!(&described[1], Err(Error::TopicNotFound(topic)) if topic.as_str() == "missing"));
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 1);

    catalog.describe(&names, HOUR).await;
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 1, "all of it is remembered");
    kafka.create_topic("d", 1, &[]).await;
    let before = own.broker().requests(ApiKey::Metadata);
    catalog.describe(&["a", "d", "b"].map(name), HOUR).await;
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 1, "one was not");
    catalog.describe(&["a", "b"].map(name), Duration::ZERO).await;
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 2, "now means now");
    assert!(catalog.describe(&[], Duration::ZERO).await.is_empty());
}

async fn callers_that_ask_at_once_share_one_question(context: Context) {
    let own = context.own_broker().await;
    let catalog = catalog(&own.kafka());
    for topic in ["a", "b", "c"] {
        own.kafka().create_topic(topic, 1, &[]).await;
    }
    catalog.cluster().await.expect("the client is connected");
    own.faults().delay(ApiKey::Metadata, Duration::from_millis(200));
    let before = own.broker().requests(ApiKey::Metadata);
    let (up, down) = (["a", "b", "c"].map(name), ["c", "b", "a"].map(name));
    let ask = |names| catalog.describe(names, Duration::ZERO);
    let all = async { tokio::join!(ask(&up), ask(&up), ask(&down), ask(&up), ask(&down), ask(&up)) };
    let (first, second, ..) = within("all answers", all).await;
    assert!(first.iter().chain(&second).all(Result::is_ok));
    // The first was under way when the others called; what it is told is too old for them.
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 2);
    // Whoever took turns in the order asked would wait in a circle here.
    let all = async { tokio::join!(ask(&up), ask(&down[..2]), ask(&up[..2]), ask(&down), ask(&up[2..])) };
    within("all answers", all).await;
}

async fn who_asks_for_the_truth_is_not_given_what_was_true_before_an_outage(context: Context) {
    let own = context.own_broker().await;
    let (catalog, topic) = (catalog(&own.kafka()), name("t"));
    own.kafka().create_topic("t", 1, &[]).await;
    catalog.refresh(&topic).await.expect("the topic");
    own.away().await;
    let names = [topic.clone()];
    let described = catalog.describe(&names, Duration::ZERO).await;
    assert!(matches!(described[..], [Err(Error::Unavailable { .. })]), "{described:?}");
    assert!(catalog.describe(&names, HOUR).await[0].is_ok(), "this caller lets it be an hour old");
    assert!(catalog.topic(&topic).await.is_ok(), "and this one any age");
    own.back().await;
    until("the truth is told again", || async { catalog.refresh(&topic).await.ok() }).await;
}

async fn the_ends_of_many_logs_take_three_requests(context: Context) {
    let own = context.own_broker().await;
    let (kafka, catalog) = (own.kafka(), catalog(&own.kafka()));
    let writer = kafka.writer();
    let names: Vec<_> = (1..=5).map(|i| format!("t{i}")).collect();
    for (i, topic) in (1..).zip(&names) {
        kafka.create_topic(topic, i, &[]).await;
        writer.write_all(topic, i - 1, (0..i).map(|_| Draft::value("v"))).await;
    }
    kafka.delete_records("t5", 4, 2).await;
    let names: Vec<TopicName> = names.iter().map(|topic| name(topic)).collect();
    let mut topics = Vec::new();
    for topic in catalog.describe(&names, Duration::ZERO).await {
        topics.push(topic.expect("a topic"));
    }
    let before = own.broker().requests(ApiKey::ListOffsets);
    let marks = catalog.watermarks(&topics).await.expect("watermarks");
    assert_eq!(asked(own.broker(), ApiKey::ListOffsets, before), 3);
    for (i, marks) in (1..).zip(&marks) {
        let mut high = vec![0; i];
        high[i - 1] = i as i64;
        assert_eq!((&marks.last_stable, &marks.high), (&high, &high));
    }
    assert_eq!((&marks[3].earliest, &marks[4].earliest), (&vec![0; 4], &vec![0, 0, 0, 0, 2]));
    assert!(catalog.watermarks(&[]).await.expect("nothing").is_empty());
}

async fn the_end_of_a_log_is_the_isolations(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 1).await);
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    kafka.writer().write(&topic, 0, &Draft::value("plain")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("open")).await;
    let catalog = catalog(&kafka);
    let described = [catalog.refresh(&name(&topic)).await.expect("the topic")];
    let marks = || async { catalog.watermarks(&described).await.expect("watermarks").remove(0) };
    let open = marks().await;
    assert_eq!((open.end(Isolation::Committed), open.end(Isolation::Uncommitted)), (&[1][..], &[2][..]));
    writer.commit().await;
    let closed = until("the marker is written", || async {
        Some(marks().await).filter(|marks| marks.last_stable != [1])
    });
    let closed = closed.await;
    assert_eq!((closed.end(Isolation::Committed), closed.end(Isolation::Uncommitted)), (&[3][..], &[3][..]));
}

async fn a_topic_deleted_since_it_was_described_is_not_found_at_once(context: Context) {
    let (kafka, catalog) = (context.kafka(), catalog(&context.kafka()));
    let (kept, gone) = (context.topic("kept", 1).await, context.topic("gone", 2).await);
    let mut topics = Vec::new();
    for topic in catalog.describe(&[name(&kept), name(&gone)], Duration::ZERO).await {
        topics.push(topic.expect("a topic"));
    }
    catalog.watermarks(&topics).await.expect("both are there");
    kafka.delete_topic(&gone).await;
    let told = within("an answer", catalog.watermarks(&topics)).await;
    assert!(matches!(&told, Err(Error::TopicNotFound(topic)) if topic.as_str() == gone), "{told:?}");
    assert!(catalog.watermarks(&topics[..1]).await.is_ok());
    // Made again, it is another topic, and known as one at once.
    kafka.create_topic(&gone, 1, &[]).await;
    let again = until("the new topic is told", || async { catalog.refresh(&name(&gone)).await.ok() }).await;
    assert!(again.id.is_none() || again.id != topics[1].id);
    assert_eq!(catalog.watermarks(&[again]).await.expect("watermarks")[0].high, [0]);
}

/// Writes a record with this time to partition 0.
async fn write_at(producer: &FutureProducer, topic: &str, timestamp: i64) {
    let record = FutureRecord::<(), str>::to(topic).partition(0).payload("v").timestamp(timestamp);
    producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error).expect("delivered");
}

async fn a_time_stands_for_the_first_offset_at_or_after_it(context: Context) {
    // Kafka 4 refuses records from the future unless told otherwise (KIP-937).
    let far = [("message.timestamp.after.max.ms", "9223372036854775807")];
    let (topic, empty) = (context.topic_with("t", 2, &far).await, context.topic("empty", 1).await);
    let producer = context.kafka().client().set("linger.ms", "0").create().expect("a producer");
    let (past, now, future) = (1, 1_763_795_871_123, 4_102_444_800_000);
    for timestamp in [now, past, now + 500, future, now + 100, past] {
        write_at(&producer, &topic, timestamp).await;
    }
    let catalog = catalog(&context.kafka());
    let mut topics = Vec::new();
    for topic in catalog.describe(&[name(&empty), name(&topic)], Duration::ZERO).await {
        topics.push(topic.expect("a topic"));
    }
    for (timestamp, expected) in [
        (i64::MIN, Some(0)),
        (-1, Some(0)),
        (0, Some(0)),
        (past, Some(0)),
        (now, Some(0)),
        (now + 1, Some(2)),
        (now + 500, Some(2)),
        (now + 501, Some(3)),
        (future, Some(3)),
        (future + 1, None),
        (i64::MAX, None),
    ] {
        let found = catalog.offsets_at(&topics, timestamp).await.expect("an answer");
        assert_eq!(found, [vec![None], vec![expected, None]], "timestamp {timestamp}");
    }
}

async fn names_are_remembered_as_long_as_the_caller_allows(context: Context) {
    let own = context.own_broker().await;
    let (kafka, catalog) = (own.kafka(), catalog(&own.kafka()));
    for topic in ["b", "a", "__internal"] {
        kafka.create_topic(topic, 1, &[]).await;
    }
    let old = catalog.names(HOUR).await.expect("names");
    assert!(old.is_sorted() && ["__internal", "a", "b"].iter().all(|topic| old.contains(&name(topic))));
    kafka.create_topic("c", 1, &[]).await;
    let before = own.broker().requests(ApiKey::Metadata);
    assert_eq!(catalog.names(HOUR).await.expect("names"), old);
    assert_eq!(asked(own.broker(), ApiKey::Metadata, before), 0);
    let now = || catalog.names(Duration::ZERO);
    let (one, other) = tokio::join!(now(), now());
    assert_eq!(one.expect("names").last(), Some(&name("c")));
    assert_eq!(other.expect("names").len(), old.len() + 1);
    assert!(asked(own.broker(), ApiKey::Metadata, before) <= 2);
}

async fn added_partitions_are_seen_by_who_asks_for_the_truth(context: Context) {
    let (kafka, topic) = (context.kafka(), context.topic("t", 1).await);
    let catalog = catalog(&kafka);
    let few = catalog.refresh(&name(&topic)).await.expect("the topic");
    kafka.add_partitions(&topic, 3).await;
    kafka.writer().write(&topic, 2, &Draft::value("v")).await;
    let more = until("they are told", || async {
        catalog.refresh(&name(&topic)).await.ok().filter(|topic| topic.partitions.len() == 3)
    });
    let more = more.await;
    assert_eq!((few.partitions.len(), more.id), (1, few.id), "it is the same topic");
    // The same topic twice, once as it was: each is answered as far as it was known.
    let marks = catalog.watermarks(&[few, more]).await.expect("watermarks");
    assert_eq!((&marks[0].high, &marks[1].high), (&vec![0], &vec![0, 0, 1]));
}
