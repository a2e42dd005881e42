//! `until` on pages: the last one's `next` is a finished cursor, which is answered with 204.

use crate::harness::{Context, Gateway, Test};
use crate::tests;
use serde_json::Value;
use std::time::SystemTime;

pub fn tests() -> Vec<Test> {
    tests![
        the_last_page_until_now_has_a_finished_cursor,
        pages_until_a_time_end_before_it,
        an_end_without_a_record_is_told_in_the_head,
        until_a_time_to_come_is_no_end_yet,
    ]
}

fn next(page: &Value) -> &str {
    page["next"].as_str().expect("a cursor")
}

/// A page asked for with a finished cursor is 204, whatever came since.
async fn is_over(gateway: &Gateway, topic: &str, query: &str, finished: &str) {
    assert!(finished.starts_with("e1."), "{finished}");
    gateway.produce(topic, "", "since").await.receipt();
    for query in [format!("from={finished}"), format!("{query}&last_event_id={finished}")] {
        let page = gateway.page(topic, &query).await;
        assert_eq!((page.status, page.body.len()), (204, 0), "{query}");
        assert_eq!(page.header("kafka-stream-next"), finished, "{query}");
    }
    assert_eq!(gateway.stream(topic, &format!("from={finished}")).await.status, 204);
}

async fn the_last_page_until_now_has_a_finished_cursor(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("now", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..5).await;
    let (mut from, mut count) = ("earliest".to_owned(), 0);
    let finished = loop {
        let page = gateway.page(&topic, &format!("from={from}&until=now&max=2")).await.json(200);
        count += page["records"].as_array().expect("records").len();
        assert_eq!(page["up_to_date"], count == 5);
        from = next(&page).to_owned();
        if from.starts_with("e1.") {
            break from;
        }
    };
    assert_eq!(count, 5);
    is_over(&gateway, &topic, "until=now", &finished).await;
}

async fn pages_until_a_time_end_before_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("time", 1).await);
    for stamp in [1000, 2000, 9000, 1500] {
        gateway.produce(&topic, &format!("timestamp={stamp}"), stamp.to_string()).await.receipt();
    }
    let query = "from=earliest&until=5000";
    let page = gateway.page(&topic, query).await.json(200);
    let values: Vec<_> =
        page["records"].as_array().expect("records").iter().map(|r| r["value"].clone()).collect();
    assert_eq!(values, [1000, 2000]);
    is_over(&gateway, &topic, query, next(&page)).await;
    // A page that is full before the end does not say that it is there.
    let page = gateway.page(&topic, &format!("{query}&max=1")).await.json(200);
    assert!(next(&page).starts_with("1."), "{page}");
    let page = gateway.page(&topic, &format!("until=5000&wait=20s&from={}", next(&page))).await.json(200);
    assert_eq!(page["records"].as_array().map(Vec::len), Some(1));
    let last = gateway.page(&topic, &format!("until=5000&from={}", next(&page))).await;
    let finished =
        if next(&page).starts_with("e1.") { next(&page) } else { last.header("kafka-stream-next") };
    is_over(&gateway, &topic, query, finished).await;
}

async fn an_end_without_a_record_is_told_in_the_head(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("empty", 2).await);
    for query in ["until=now&wait=55s", "from=earliest&until=now", "from=earliest&until=1000&wait=55s"] {
        let page = gateway.page(&topic, query).await;
        assert_eq!(page.status, 204, "{query}");
        assert!(page.header("kafka-stream-next").starts_with("e1."), "{query}");
    }
    let page = gateway.page(&format!("{}nothing-*", context.prefix()), "until=now&wait=55s").await;
    assert_eq!((page.status, page.header("kafka-stream-next")), (204, "e1."));
}

async fn until_a_time_to_come_is_no_end_yet(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("later", 1).await);
    gateway.produce(&topic, "", "1").await.receipt();
    let hour =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() + 3_600_000;
    let page = gateway.page(&topic, &format!("from=earliest&until={hour}")).await.json(200);
    assert!(next(&page).starts_with("1."), "{page}");
    let page = gateway.page(&topic, &format!("until={hour}&from={}", next(&page))).await;
    assert_eq!(page.status, 204);
    assert!(page.header("kafka-stream-next").starts_with("1."));
}
