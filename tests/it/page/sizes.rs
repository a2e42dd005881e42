//! How much a page holds: `max`, `max_bytes`, and that it always moves on.

use crate::harness::{Context, Draft, Gateway, Reply, Test};
use crate::tests;
use serde_json::{Value, json};

pub fn tests() -> Vec<Test> {
    tests![
        a_page_holds_a_hundred_records_unless_told_otherwise,
        max_of_one_goes_through_a_whole_topic,
        max_bytes_bounds_a_page_and_loses_nothing,
        a_record_larger_than_max_bytes_comes_alone,
        up_to_date_is_told_where_the_logs_end,
        records_that_are_no_json_count_as_records,
        max_and_max_bytes_are_bounded,
    ]
}

fn records(page: &Value) -> &Vec<Value> {
    page["records"].as_array().expect("records")
}

fn next(page: &Value) -> &str {
    page["next"].as_str().expect("a cursor")
}

/// Every page from the beginning to the first that is empty.
async fn pages(gateway: &Gateway, topics: &str, query: &str) -> Vec<Reply> {
    let (mut pages, mut from) = (Vec::new(), "earliest".to_owned());
    loop {
        let page = gateway.page(topics, &format!("{query}&from={from}")).await;
        if page.status == 204 {
            assert_eq!(page.header("kafka-stream-next"), from, "it stays where it is");
            return pages;
        }
        let cursor = next(&page.json(200)).to_owned();
        assert_ne!(cursor, from, "it moves on");
        from = cursor;
        pages.push(page);
    }
}

async fn a_page_holds_a_hundred_records_unless_told_otherwise(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("hundred", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..250).await;
    let counts = async |query: &str| {
        let pages = pages(&gateway, &topic, query).await;
        pages.iter().map(|page| records(&page.json(200)).len()).collect::<Vec<_>>()
    };
    assert_eq!(counts("").await, [100, 100, 50]);
    assert_eq!(counts("max=240").await, [240, 10]);
    assert_eq!(counts("max=10000").await, [250]);
}

async fn max_of_one_goes_through_a_whole_topic(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("single", 3).await);
    let writer = context.kafka().writer();
    for partition in 0..3 {
        writer.write_numbers(&topic, partition, 0..7).await;
    }
    let mut seen = Vec::new();
    for page in pages(&gateway, &topic, "max=1").await {
        let page = page.json(200);
        assert_eq!(records(&page).len(), 1);
        seen.push((records(&page)[0]["partition"].as_i64(), records(&page)[0]["offset"].as_i64()));
        assert_eq!(page["up_to_date"], seen.len() == 21);
    }
    seen.sort_unstable();
    let all: Vec<_> = (0..3).flat_map(|p| (0..7).map(move |offset| (Some(p), Some(offset)))).collect();
    assert_eq!(seen, all);
}

async fn max_bytes_bounds_a_page_and_loses_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bytes", 1).await);
    let drafts = (0..60).map(|n: usize| Draft::value("x".repeat(n * 37 % 500)));
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    for most in [1, 700, 5000] {
        let mut offsets = Vec::new();
        for page in pages(&gateway, &topic, &format!("max_bytes={most}")).await {
            let page = page.json(200);
            let records = records(&page);
            let bytes: usize = records.iter().map(|record| record.to_string().len()).sum();
            assert!(records.len() == 1 || bytes <= most, "{bytes} of {most} in {}", records.len());
            offsets.extend(records.iter().map(|record| record["offset"].as_i64().expect("an offset")));
        }
        assert_eq!(offsets, (0..60).collect::<Vec<_>>(), "max_bytes={most}");
    }
}

async fn a_record_larger_than_max_bytes_comes_alone(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("large", 1).await);
    let sizes = [10, 20_000, 10, 30_000, 40_000, 10];
    let drafts = sizes.map(|size| Draft::value("x".repeat(size)));
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    let told: Vec<Vec<usize>> = pages(&gateway, &topic, "max_bytes=2000")
        .await
        .iter()
        .map(|page| {
            let length = |record: &Value| record["value"].as_str().expect("a text").len();
            records(&page.json(200)).iter().map(length).collect()
        })
        .collect();
    assert_eq!(told, [vec![10], vec![20_000], vec![10], vec![30_000], vec![40_000], vec![10]]);
    // Its own bound, unless told otherwise, is a MiB.
    let page = gateway.page(&topic, "from=earliest").await.json(200);
    assert_eq!(records(&page).len(), 6);
}

async fn up_to_date_is_told_where_the_logs_end(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ends", 2).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..5).await;
    let told: Vec<_> =
        pages(&gateway, &topic, "max=2").await.iter().map(|p| p.json(200)["up_to_date"].clone()).collect();
    assert_eq!(told, [json!(false), json!(false), json!(true)]);
    let page = gateway.page(&topic, "from=earliest&partition=0&max=5").await.json(200);
    assert_eq!(page["up_to_date"], true);
}

async fn records_that_are_no_json_count_as_records(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("json", 1).await);
    for value in ["1", "not json", "also not", "2"] {
        gateway.produce(&topic, "", value).await.receipt();
    }
    let pages = pages(&gateway, &topic, "max=1&value=json").await;
    let told: Vec<_> = pages
        .iter()
        .map(|page| {
            let page = page.json(200);
            let count = |name: &str| page[name].as_array().map_or(0, Vec::len);
            (count("records"), count("faults"))
        })
        .collect();
    assert_eq!(told, [(1, 0), (0, 1), (0, 1), (1, 0)]);
    let fault = &pages[1].json(200)["faults"][0];
    assert_eq!((&fault["status"], &fault["code"]), (&json!(422), &json!("value_not_json")));
}

async fn max_and_max_bytes_are_bounded(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("bounds", 1).await);
    for query in
        ["max=0", "max=10001", "max=", "max=-1", "max=ten", "max_bytes=0", "max_bytes=1k", "max=1&max=2"]
    {
        gateway.page(&topic, query).await.refusal(400, "invalid_parameter");
    }
}
