//! Several viewers of one topic that is read once for all of them, while it changes: wherever each stands, it sees what it
//! asked for, once and in order.
//!
//! Two stand at the end, one of them filters, one has another topic beside it, and one is so far behind that the log is read
//! for it. What becomes of a single viewer is `motion`'s and `losses`' to test.

use crate::harness::{Context, Draft, Event, Gateway, Kafka, Sse, Test, until};
use crate::tests;
use serde_json::{Value, json};
use sluicegate::dev::ApiKey;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        kafka_sees_no_more_connections_of_a_hundred_viewers_than_of_one,
        added_partitions_are_seen_by_all_from_their_first_record,
        a_topic_made_anew_is_told_to_all_and_seen_by_all_from_its_beginning needs [TopicIds],
        a_deleted_topic_ends_the_streams_of_it_alone_and_is_a_gap_to_the_others needs [TopicIds],
        retention_that_passes_one_viewer_costs_the_others_nothing needs [DeleteRecords],
        retention_that_passes_the_reader_of_all_is_a_gap_to_each,
        a_hanging_transaction_holds_up_all_who_see_committed_records_and_nobody_else needs [Transactions],
    ]
}

/// What the topic holds when viewers come: more than one that is not read can hold.
const BACKLOG: usize = 201;

/// A viewer, and what comes next for it by topic and partition.
struct Viewer {
    what: &'static str,
    stream: Sse,
    next: BTreeMap<(String, i64), i64>,
}

impl Viewer {
    async fn open(what: &'static str, gateway: &Gateway, topics: &str, query: &str) -> Self {
        let mut stream = gateway.stream(topics, query).await;
        let ready = stream.expect("ready").await.json();
        let mut next = BTreeMap::new();
        for (topic, positions) in ready["positions"].as_object().expect("by topic") {
            let positions = positions.as_array().expect("by partition").iter();
            next.extend(
                (0..).zip(positions).map(|(p, at)| ((topic.clone(), p), at.as_i64().expect("offset"))),
            );
        }
        Self { what, stream, next }
    }

    /// The next event that tells more than a position, if there is one. A record must be the next of its partition.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.stream.next().await?;
            match event.kind.as_str() {
                "caught-up" | "checkpoint" => continue,
                "message" => self.see(&event),
                _ => {}
            }
            return Some(event);
        }
    }

    fn see(&mut self, record: &Event) {
        let (topic, (partition, offset)) = (record.json()["topic"].clone(), record.address());
        let next = self.next.entry((topic.as_str().expect("a topic").to_owned(), partition)).or_default();
        // Of the records that the filter passes over the odd ones are not seen.
        let expected = if self.what == FILTERED { *next + *next % 2 } else { *next };
        assert_eq!(offset, expected, "{} in partition {partition} of {topic}", self.what);
        *next = offset + 1;
    }

    /// Reads records until those before the `ends` of these partitions were seen, as far as they are read at all.
    async fn reach(&mut self, topic: &str, ends: &[i64]) {
        let there = |next: &BTreeMap<_, i64>| {
            (0..).zip(ends).all(|(p, end)| next.get(&(topic.to_owned(), p)).is_some_and(|at| at >= end))
        };
        while !there(&self.next) {
            let event = self.next().await.unwrap_or_else(|| panic!("{} ended", self.what));
            assert_eq!(event.kind, "message", "{}: {event:?}", self.what);
        }
    }

    /// The data of the next checkpoint; no record may come before it.
    async fn checkpoint(&mut self) -> Value {
        loop {
            let event = self.stream.next().await.unwrap_or_else(|| panic!("{} ended", self.what));
            match event.kind.as_str() {
                "checkpoint" => return event.json(),
                kind => assert_eq!(kind, "caught-up", "{}: {event:?}", self.what),
            }
        }
    }

    /// Reads records until something else comes, which must be a gap of this reason.
    async fn gap(&mut self, reason: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("{} ended", self.what));
            if event.kind != "message" {
                let gap = event.json();
                assert_eq!(
                    (event.kind.as_str(), &gap["reason"]),
                    ("gap", &json!(reason)),
                    "{}: {event:?}",
                    self.what
                );
                return gap;
            }
        }
    }

    /// A gap that leads from where the viewer stands in the first partition to `to`, from which it goes on.
    async fn gap_to(&mut self, topic: &str, reason: &str, to: i64) {
        let gap = self.gap(reason).await;
        let next = self.next.get_mut(&(topic.to_owned(), 0)).expect("it stood there");
        // What is filtered out moves the position of who filters.
        let from = if self.what == FILTERED { gap["from"].clone() } else { json!(*next) };
        let expected = json!({ "topic": topic, "partition": 0, "from": from, "to": to, "reason": reason });
        assert_eq!(gap, expected, "{}", self.what);
        *next = to;
    }
}

const LIVE: &str = "at the end";
const FILTERED: &str = "filtered";
const OF_TWO: &str = "of two topics";
const BEHIND: &str = "behind";

/// Numbered records, of which the even ones have a key of their own.
fn drafts(numbers: std::ops::Range<usize>, bytes: usize) -> impl Iterator<Item = Draft> {
    numbers.map(move |n| Draft::value(vec![b'x'; bytes]).key(if n % 2 == 0 { "even" } else { "odd" }))
}

/// A topic with a backlog, another one, and viewers of the first, each in a place of its own. All but the last stand at the end
/// of the backlog.
async fn viewers(gateway: &Gateway, kafka: &Kafka, [topic, other]: [&str; 2]) -> Vec<Viewer> {
    kafka.create_topic(topic, 1, &[]).await;
    kafka.create_topic(other, 1, &[]).await;
    kafka.writer().write_all(topic, 0, drafts(0..BACKLOG, 100_000)).await;
    let list = format!("{topic},{other}");
    let mut viewers = vec![
        Viewer::open(LIVE, gateway, topic, "").await,
        Viewer::open(LIVE, gateway, topic, "flush=0").await,
        Viewer::open(FILTERED, gateway, topic, "key=even").await,
        Viewer::open(OF_TWO, gateway, &list, "").await,
    ];
    for viewer in &mut viewers {
        viewer.stream.expect("caught-up").await;
    }
    let mut behind = Viewer::open(BEHIND, gateway, topic, "from=earliest").await;
    behind.reach(topic, &[1]).await;
    viewers.push(behind);
    read_once(gateway, 2).await;
    viewers
}

/// Waits until the gateway says that so many topics are read, each once.
async fn read_once(gateway: &Gateway, topics: usize) {
    until("each topic is read once", || async {
        (gateway.metric("sluicegate_live_topics").await == topics).then_some(())
    })
    .await;
}

fn names(context: &Context) -> [String; 2] {
    [context.name("watched"), context.name("other")]
}

async fn kafka_sees_no_more_connections_of_a_hundred_viewers_than_of_one(context: Context) {
    const VIEWERS: usize = 100;
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let topics = ["first", "second", "third"].map(|name| context.name(name));
    for topic in &topics {
        broker.kafka().create_topic(topic, 2, &[]).await;
    }
    let list = topics.join(",");
    let numbers = async |from| {
        let writer = broker.kafka().writer();
        for topic in &topics {
            writer.write_all(topic, 0, drafts(from..from + 5, 10)).await;
        }
    };
    let mut viewers = vec![Viewer::open(LIVE, &gateway, &list, "").await];
    numbers(0).await;
    for topic in &topics {
        viewers[0].reach(topic, &[5]).await;
    }
    let before = broker.broker().connections().total;
    for n in 1..VIEWERS {
        let query = ["", "key=even", "isolation=committed&flush=0", "format=envelope&ids=flush"][n % 4];
        let what = if n % 4 == 1 { FILTERED } else { LIVE };
        let of = if n % 3 == 0 { &list } else { &topics[n % 3] };
        viewers.push(Viewer::open(what, &gateway, of, query).await);
    }
    // One that broke on a busy machine may have been opened anew.
    let more = broker.broker().connections().total.saturating_sub(before) as usize;
    assert!(more < VIEWERS / 20, "none was opened for another viewer, and there are {more} more");
    numbers(5).await;
    for viewer in &mut viewers {
        let watched: Vec<_> = viewer.next.keys().map(|(topic, _)| topic.clone()).collect();
        for topic in watched {
            viewer.reach(&topic, &[9]).await;
        }
    }
    read_once(&gateway, 3).await;
}

async fn added_partitions_are_seen_by_all_from_their_first_record(context: Context) {
    let (gateway, kafka) = (context.gateway_with(|_| {}).await, context.kafka());
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    kafka.add_partitions(topic, 3).await;
    let writer = kafka.writer();
    for partition in [2, 1] {
        writer.write_all(topic, partition, drafts(0..41, 10)).await;
    }
    writer.write_all(topic, 0, drafts(BACKLOG..BACKLOG + 40, 10)).await;
    writer.write_all(other, 0, drafts(0..5, 10)).await;
    for viewer in &mut viewers {
        viewer.reach(topic, &[241, 41, 41]).await;
        if viewer.what == OF_TWO {
            viewer.reach(other, &[5]).await;
        }
    }
    read_once(&gateway, 2).await;
}

async fn a_topic_made_anew_is_told_to_all_and_seen_by_all_from_its_beginning(context: Context) {
    let (gateway, kafka) = (context.gateway_with(|_| {}).await, context.kafka());
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    kafka.delete_topic(topic).await;
    kafka.create_topic(topic, 1, &[]).await;
    kafka.writer().write_all(topic, 0, drafts(0..7, 10)).await;
    for viewer in &mut viewers {
        viewer.gap_to(topic, "recreated", 0).await;
        viewer.reach(topic, &[7]).await;
    }
    let writer = kafka.writer();
    writer.write_all(topic, 0, drafts(7..9, 10)).await;
    writer.write_all(other, 0, drafts(0..5, 10)).await;
    for viewer in &mut viewers {
        if viewer.what == OF_TWO {
            viewer.reach(other, &[5]).await;
        }
        viewer.reach(topic, &[9]).await;
    }
}

async fn a_deleted_topic_ends_the_streams_of_it_alone_and_is_a_gap_to_the_others(context: Context) {
    let (gateway, kafka) = (context.gateway_with(|_| {}).await, context.kafka());
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    kafka.delete_topic(topic).await;
    for viewer in &mut viewers {
        if viewer.what == OF_TWO {
            let gap = viewer.gap("deleted").await;
            assert_eq!(
                (&gap["topic"], &gap["from"], &gap["to"]),
                (&json!(topic), &json!(BACKLOG), &Value::Null)
            );
            kafka.writer().write_all(other, 0, drafts(0..5, 10)).await;
            viewer.reach(other, &[5]).await;
            continue;
        }
        let mut last = viewer.next().await;
        while last.as_ref().is_some_and(|event| event.kind == "message") {
            last = viewer.next().await;
        }
        let fault = last.unwrap_or_else(|| panic!("{} ended without a word", viewer.what));
        let told = fault.json();
        assert_eq!(
            (fault.kind.as_str(), &told["final"]),
            ("fault", &json!(true)),
            "{}: {fault:?}",
            viewer.what
        );
        assert_eq!(told["problem"]["code"], "topic_not_found");
        assert_eq!(viewer.next().await, None);
    }
}

async fn retention_that_passes_one_viewer_costs_the_others_nothing(context: Context) {
    let (gateway, kafka) = (context.gateway_with(|_| {}).await, context.kafka());
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    kafka.delete_records(topic, 0, BACKLOG as i64 - 1).await;
    kafka.writer().write_all(topic, 0, drafts(BACKLOG..BACKLOG + 10, 10)).await;
    for viewer in &mut viewers {
        if viewer.what == BEHIND {
            viewer.gap_to(topic, "expired", BACKLOG as i64 - 1).await;
        }
        viewer.reach(topic, &[BACKLOG as i64 + 10]).await;
    }
}

async fn retention_that_passes_the_reader_of_all_is_a_gap_to_each(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let kafka = broker.kafka();
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    // The answer that is on its way to the reader comes so late that what follows it is gone by then.
    broker.faults().delay(ApiKey::Fetch, Duration::from_secs(3));
    let (writer, end) = (kafka.writer(), BACKLOG as i64 + 100);
    writer.write_all(topic, 0, drafts(BACKLOG..BACKLOG + 1, 10)).await;
    writer.write_all(topic, 0, drafts(BACKLOG + 1..BACKLOG + 100, 10)).await;
    kafka.delete_records(topic, 0, end).await;
    broker.faults().delay(ApiKey::Fetch, Duration::ZERO);
    for viewer in &mut viewers {
        viewer.gap_to(topic, "expired", end).await;
    }
    writer.write_all(topic, 0, drafts(BACKLOG + 100..BACKLOG + 112, 10)).await;
    for viewer in &mut viewers {
        viewer.reach(topic, &[end + 12]).await;
    }
}

async fn a_hanging_transaction_holds_up_all_who_see_committed_records_and_nobody_else(context: Context) {
    let kafka = context.kafka();
    let gateway = context.gateway_with(|config| config.streams.checkpoint = Duration::from_secs(1)).await;
    let [topic, other] = &names(&context);
    let mut viewers = viewers(&gateway, &kafka, [topic, other]).await;
    let mut uncommitted = Viewer::open("uncommitted", &gateway, topic, "isolation=uncommitted").await;
    let hanging = kafka.transactional_writer(&context.name("hanging")).await;
    hanging.begin().await;
    hanging.write_all(topic, 0, drafts(BACKLOG..BACKLOG + 1, 10)).await;
    let writer = kafka.writer();
    writer.write_all(topic, 0, drafts(BACKLOG + 1..BACKLOG + 20, 10)).await;
    writer.write_all(other, 0, drafts(0..5, 10)).await;
    uncommitted.reach(topic, &[BACKLOG as i64 + 20]).await;
    for viewer in &mut viewers {
        match viewer.what {
            BEHIND => viewer.reach(topic, &[BACKLOG as i64]).await,
            OF_TWO => viewer.reach(other, &[5]).await,
            _ => {}
        }
        // The first may have been on its way before.
        for _ in 0..2 {
            let positions = viewer.checkpoint().await["positions"].clone();
            assert_eq!(positions[topic], json!([BACKLOG]), "{}", viewer.what);
        }
    }
    let mut late = Viewer::open("late", &gateway, topic, "from=latest").await;
    assert_eq!(late.next[&(topic.clone(), 0)], BACKLOG as i64, "the end is where the transaction begins");
    late.stream.expect("caught-up").await;
    hanging.commit().await;
    viewers.push(late);
    for viewer in &mut viewers {
        viewer.reach(topic, &[BACKLOG as i64 + 20]).await;
    }
}
