//! `wait`: a page is answered as soon as there is anything, and with 204 when the wait is over.

use crate::harness::{Context, Draft, Gateway, Reply, Test, until};
use crate::stream::faults::stuck;
use crate::tests;
use serde_json::json;
use sluicegate::config::Config;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        what_is_there_is_answered_at_once_however_long_the_wait,
        a_wait_ends_with_the_first_record,
        a_wait_ends_with_the_first_record_of_any_topic,
        a_wait_that_is_over_is_204_with_the_place_to_go_on,
        without_a_wait_an_empty_page_is_204_at_once,
        a_wait_ends_when_a_transaction_is_committed needs [Transactions],
        a_page_over_what_was_aborted_moves_on_without_a_record needs [Transactions],
        a_wait_is_bounded,
        a_page_that_waits_needs_no_reader_and_one_that_finds_none_is_told_so,
        a_broker_that_is_away_is_a_plain_status,
    ]
}

/// A page that is asked for beside what follows.
fn asked(gateway: &Gateway, topics: &str, query: String) -> tokio::task::JoinHandle<(Reply, Duration)> {
    let (gateway, topics, begun) = (gateway.clone(), topics.to_owned(), Instant::now());
    tokio::spawn(async move {
        let reply = gateway.page(&topics, &query).await;
        (reply, begun.elapsed())
    })
}

/// The cursor of the end of these topics.
async fn end(gateway: &Gateway, topics: &str) -> String {
    let page = gateway.page(topics, "from=latest").await;
    assert_eq!(page.status, 204);
    page.header("kafka-stream-next").to_owned()
}

async fn what_is_there_is_answered_at_once_however_long_the_wait(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("there", 2).await);
    context.kafka().writer().write_numbers(&topic, 1, 0..3).await;
    for query in ["from=earliest&wait=55s", "from=-1&wait=55s", "from=1:2&wait=55s"] {
        let begun = Instant::now();
        let page = gateway.page(&topic, query).await.json(200);
        assert!(begun.elapsed() < Duration::from_secs(20), "{query}: {:?}", begun.elapsed());
        let last = page["records"].as_array().and_then(|records| records.last()).expect("records");
        assert_eq!((&last["offset"], &page["up_to_date"]), (&json!(2), &json!(true)), "{query}");
    }
}

async fn a_wait_ends_with_the_first_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("first", 3).await);
    let mut next = end(&gateway, &topic).await;
    for round in 0..5 {
        let waiting = asked(&gateway, &topic, format!("from={next}&wait=55s"));
        let sent = gateway.produce(&topic, "", round.to_string()).await.receipt();
        let (reply, took) = waiting.await.expect("an answer");
        assert!(took < Duration::from_secs(20), "{took:?}");
        let page = reply.json(200);
        let records = page["records"].as_array().expect("records");
        assert_eq!(records.len(), 1, "{page}");
        let told = (records[0]["partition"].as_i64(), records[0]["offset"].as_i64());
        assert_eq!(told, (Some(sent.0.into()), Some(sent.1)));
        assert_eq!((&records[0]["value"], &page["up_to_date"]), (&json!(round), &json!(true)));
        next = page["next"].as_str().expect("a cursor").to_owned();
    }
}

async fn a_wait_ends_with_the_first_record_of_any_topic(context: Context) {
    let gateway = context.gateway().await;
    let topics = [context.topic("quiet", 1).await, context.topic("other", 1).await];
    let glob = format!("{}*", context.prefix());
    for selection in [topics.join(","), glob] {
        let next = end(&gateway, &selection).await;
        let waiting = asked(&gateway, &selection, format!("from={next}&wait=55s"));
        gateway.produce(&topics[1], "", "1").await.receipt();
        let (reply, took) = waiting.await.expect("an answer");
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert_eq!(reply.json(200)["records"][0]["topic"], topics[1]);
    }
}

async fn a_wait_that_is_over_is_204_with_the_place_to_go_on(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("over", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..2).await;
    let begun = Instant::now();
    let page = gateway.page(&topic, "from=latest&wait=1500ms").await;
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert_eq!((page.status, page.body.len()), (204, 0));
    assert_eq!(page.header("kafka-stream-loss"), "none");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("etag"), "");
    let next = page.header("kafka-stream-next");
    gateway.produce(&topic, "", "after").await.receipt();
    let page = gateway.page(&topic, &format!("from={next}")).await.json(200);
    assert_eq!(
        (&page["records"][0]["value"], page["records"].as_array().map(Vec::len)),
        (&json!("after"), Some(1))
    );
}

async fn without_a_wait_an_empty_page_is_204_at_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("empty", 2).await);
    for query in ["", "wait=0", "from=earliest&wait=0", "from=earliest", "from=-3", "from=0:0"] {
        let begun = Instant::now();
        let page = gateway.page(&topic, query).await;
        assert_eq!(page.status, 204, "{query}");
        assert!(page.header("kafka-stream-next").starts_with("1."), "{query}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{query}: {:?}", begun.elapsed());
    }
}

async fn a_wait_ends_when_a_transaction_is_committed(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("open", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("held")).await;
    assert_eq!(gateway.page(&topic, "from=earliest").await.status, 204, "it is not yet committed");
    let all = gateway.page(&topic, "from=earliest&isolation=uncommitted").await.json(200);
    assert_eq!(all["records"][0]["value"], "held");
    let waiting = asked(&gateway, &topic, "from=earliest&wait=55s".to_owned());
    writer.commit().await;
    let (reply, took) = waiting.await.expect("an answer");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(reply.json(200)["records"][0]["value"], "held");
}

async fn a_page_over_what_was_aborted_moves_on_without_a_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("aborted", 1).await);
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write_numbers(&topic, 0, 0..3).await;
    writer.abort().await;
    let first = end(&gateway, &topic).await;
    let page = gateway.page(&topic, "from=earliest").await;
    assert_eq!(page.status, 204, "what was aborted is nothing");
    let next = page.header("kafka-stream-next").to_owned();
    assert_ne!(next, gateway.page(&topic, "from=0:0&isolation=uncommitted&max=1").await.json(200)["next"]);
    gateway.produce(&topic, "", "behind").await.receipt();
    for cursor in [first, next] {
        let page = gateway.page(&topic, &format!("from={cursor}")).await.json(200);
        assert_eq!(page["records"].as_array().map(Vec::len), Some(1));
        assert_eq!(page["records"][0]["value"], "behind");
    }
}

async fn a_wait_is_bounded(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bounds", 1).await);
    for wait in ["56s", "5", "-1s", "", "1m", "soon"] {
        let detail = gateway.page(&topic, &format!("wait={wait}")).await.refusal(400, "invalid_parameter");
        assert!(detail.starts_with("wait"), "{detail}");
    }
}

/// Waits until as many topics are read at their ends.
async fn live(gateway: &Gateway, topics: usize) {
    until("live topics", async || (gateway.metric("sluicegate_live_topics").await == topics).then_some(()))
        .await;
}

async fn a_page_that_waits_needs_no_reader_and_one_that_finds_none_is_told_so(context: Context) {
    let topic = context.topic("left", 1).await;
    let small = |config: &mut Config| {
        config.streams.max_readers = 1;
        // A ring that is too small to begin before the end.
        config.streams.ring_bytes = 1000;
    };
    let gateway = context.gateway_with(small).await;
    context.kafka().writer().write_numbers(&topic, 0, 0..1).await;
    let next = end(&gateway, &topic).await;
    let stuck = stuck(&context, &gateway).await;
    let waiting: Vec<_> = (0..5).map(|_| asked(&gateway, &topic, format!("from={next}&wait=55s"))).collect();
    let begun = Instant::now();
    let refused = gateway.page(&topic, "from=earliest").await;
    refused.refusal(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(begun.elapsed() < Duration::from_secs(15), "told soon: {:?}", begun.elapsed());
    live(&gateway, 2).await;
    gateway.produce(&topic, "", "1").await.receipt();
    for page in waiting {
        assert_eq!(page.await.expect("an answer").0.json(200)["records"][0]["value"], 1);
    }
    // The next page is in the ring.
    assert_eq!(gateway.page(&topic, &format!("from={next}")).await.json(200)["records"][0]["offset"], 1);
    drop(stuck);
    let page = until("the reader is free again", async || {
        let page = gateway.page(&topic, "from=earliest").await;
        (page.status == 200).then_some(page)
    });
    assert_eq!(page.await.json(200)["records"][0]["value"], 0);
}

async fn a_broker_that_is_away_is_a_plain_status(context: Context) {
    let (broker, topic) = (context.own_broker().await, context.name("away"));
    broker.kafka().create_topic(&topic, 1, &[]).await;
    let short = Duration::from_secs(1);
    let gateway = context.gateway_before(&broker, |config| config.kafka.request_timeout = short).await;
    let next = end(&gateway, &topic).await;
    let waiting = asked(&gateway, &topic, format!("from={next}&wait=55s"));
    live(&gateway, 1).await;
    broker.away().await;
    let page = gateway.page(&topic, "from=earliest").await;
    assert!([503, 504].contains(&page.status), "{}", page.status);
    assert_eq!(page.header("content-type"), "application/problem+json");
    assert_eq!(gateway.lines(&topic, "").await.status / 100, 5, "lines have a plain status too");
    broker.back().await;
    broker.kafka().writer().write_numbers(&topic, 0, 0..1).await;
    // What waited meanwhile is answered as if nothing had been.
    let page = waiting.await.expect("an answer").0.json(200);
    assert_eq!(page["records"][0]["value"], 0);
}
