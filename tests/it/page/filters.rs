//! Filters of pages: the same records as in a stream, and that a page always moves on.

use crate::harness::{Context, Draft, Test};
use crate::tests;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        max_counts_the_records_that_are_wanted,
        a_page_over_what_is_filtered_out_is_204_with_next_moved_on,
        a_page_that_finds_nothing_in_a_long_log_ends_and_moves_on,
        a_wait_ends_with_the_first_record_that_is_wanted,
        a_filtered_page_ends_at_until,
    ]
}

fn offsets(page: &Value) -> Vec<i64> {
    let records = page["records"].as_array().expect("records");
    records.iter().map(|record| record["offset"].as_i64().expect("an offset")).collect()
}

fn next(page: &Value) -> &str {
    page["next"].as_str().expect("a cursor")
}

async fn max_counts_the_records_that_are_wanted(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("max", 1).await);
    let drafts = (0..100).map(|n: usize| Draft::value(n.to_string()).key(["even", "odd"][n % 2]));
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    let (mut from, mut seen, mut pages) = ("earliest".to_owned(), Vec::new(), 0);
    loop {
        let reply = gateway.page(&topic, &format!("from={from}&key=odd&where=>40&max=10")).await;
        if reply.status == 204 {
            break;
        }
        let page = reply.json(200);
        assert!(offsets(&page).len() <= 10, "{page}");
        seen.extend(offsets(&page));
        from = next(&page).to_owned();
        pages += 1;
    }
    assert_eq!((seen, pages), ((41..100).step_by(2).collect::<Vec<_>>(), 3));
}

async fn a_page_over_what_is_filtered_out_is_204_with_next_moved_on(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("nothing", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..30).await;
    let page = gateway.page(&topic, "from=earliest&key=none").await;
    assert_eq!(page.status, 204, "it reaches the end");
    let end = page.header("kafka-stream-next").to_owned();
    assert_eq!(gateway.page(&topic, "from=latest").await.header("kafka-stream-next"), end);
    gateway.produce(&topic, "key=none", "behind").await.receipt();
    let page = gateway.page(&topic, &format!("from={end}&key=none")).await.json(200);
    assert_eq!((offsets(&page), &page["up_to_date"]), (vec![30], &json!(true)));
}

async fn a_page_that_finds_nothing_in_a_long_log_ends_and_moves_on(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("long", 1).await);
    let value = "x".repeat(900_000);
    let writer = context.kafka().writer();
    // More than a page may pass over.
    writer.write_all(&topic, 0, (0..42).map(|_| Draft::value(&value))).await;
    writer.write(&topic, 0, &Draft::value("1").key("wanted")).await;
    let (mut from, mut empty) = ("earliest".to_owned(), 0);
    let found = loop {
        let page = gateway.page(&topic, &format!("from={from}&key=wanted&wait=55s")).await.json(200);
        assert_ne!(next(&page), from, "it moves on");
        if offsets(&page) != Vec::<i64>::new() {
            break page;
        }
        assert_eq!(page["up_to_date"], false, "{page}");
        from = next(&page).to_owned();
        empty += 1;
    };
    assert_eq!((offsets(&found), &found["up_to_date"]), (vec![42], &json!(true)));
    assert!(empty > 0, "the first page ended before the log did");
}

async fn a_wait_ends_with_the_first_record_that_is_wanted(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("wait", 1).await);
    let (begun, asking) = (Instant::now(), gateway.clone());
    let query = "from=earliest&wait=55s&key=wanted";
    let asked = topic.clone();
    let waiting = tokio::spawn(async move { asking.page(&asked, query).await });
    for key in ["other", "another", "wanted"] {
        gateway.produce(&topic, &format!("key={key}"), "1").await.receipt();
    }
    let page = waiting.await.expect("an answer").json(200);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!((offsets(&page), &page["up_to_date"]), (vec![2], &json!(true)));
    // A wait in which nothing wanted comes ends in its time, behind all that came.
    let asking = gateway.clone();
    let (asked, query) = (topic.clone(), format!("from={}&wait=2s&key=wanted", next(&page)));
    let waiting = tokio::spawn(async move { asking.page(&asked, &query).await });
    gateway.produce(&topic, "key=other", "1").await.receipt();
    let page = waiting.await.expect("an answer");
    assert_eq!(page.status, 204);
    let behind = page.header("kafka-stream-next").to_owned();
    gateway.produce(&topic, "key=wanted", "1").await.receipt();
    let page = gateway.page(&topic, &format!("from={behind}")).await.json(200);
    assert_eq!(offsets(&page).last(), Some(&4));
}

async fn a_filtered_page_ends_at_until(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("until", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..10).await;
    let page = gateway.page(&topic, "from=earliest&until=now&where=>7").await.json(200);
    assert_eq!(offsets(&page), [8, 9]);
    assert!(next(&page).starts_with("e1."), "{page}");
    let page = gateway.page(&topic, "from=earliest&until=now&where=>9").await;
    assert_eq!((page.status, &page.header("kafka-stream-next")[..3]), (204, "e1."));
}
