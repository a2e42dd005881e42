//! What a page tells of positions that are gone.

use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_gap_is_told_at_once_even_without_a_record,
        a_gap_is_told_once_and_records_go_on_behind_it needs [DeleteRecords],
        a_page_that_should_fail_is_refused,
        a_topic_that_is_gone_is_told_and_the_others_are_waited_for,
    ]
}

async fn a_gap_is_told_at_once_even_without_a_record(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("gap", 2).await);
    gateway.produce(&topic, "partition=0", "1").await.receipt();
    let begun = Instant::now();
    let page = gateway.page(&topic, "from=0:9,1:0&wait=55s").await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(page.header("kafka-stream-loss"), "truncated");
    let body = page.json(200);
    let gap = json!({ "topic": topic, "partition": 0, "from": 9, "to": 1, "reason": "truncated" });
    assert_eq!(
        (&body["records"], &body["gaps"], &body["up_to_date"]),
        (&json!([]), &json!([gap]), &json!(true))
    );
    let page = gateway.page(&topic, &format!("from={}", body["next"].as_str().expect("a cursor"))).await;
    assert_eq!((page.status, page.header("kafka-stream-loss")), (204, "none"), "it is told once");
}

async fn a_gap_is_told_once_and_records_go_on_behind_it(context: Context) {
    let (gateway, topic, kafka) =
        (context.gateway().await, context.topic("expired", 1).await, context.kafka());
    kafka.writer().write_numbers(&topic, 0, 0..10).await;
    let next = gateway.page(&topic, "from=earliest&max=2").await.json(200)["next"].clone();
    kafka.delete_records(&topic, 0, 6).await;
    let next = next.as_str().expect("a cursor");
    let page = gateway.page(&topic, &format!("from={next}&max=2")).await;
    assert_eq!(page.header("kafka-stream-loss"), "expired");
    let body = page.json(200);
    let gap = json!({ "topic": topic, "partition": 0, "from": 2, "to": 6, "reason": "expired" });
    assert_eq!(body["gaps"], json!([gap]));
    assert_eq!((&body["records"][0]["offset"], &body["records"][1]["offset"]), (&json!(6), &json!(7)));
    let behind = format!("from={}", body["next"].as_str().expect("a cursor"));
    let page = gateway.page(&topic, &behind).await;
    assert_eq!(page.header("kafka-stream-loss"), "none");
    let body = page.json(200);
    assert_eq!((body.get("gaps"), &body["records"][0]["offset"]), (None, &json!(8)));
    let page = gateway.page(&topic, &format!("from={next}&on_loss=latest")).await.json(200);
    assert_eq!((&page["gaps"][0]["to"], &page["records"]), (&json!(10), &json!([])));
}

async fn a_page_that_should_fail_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("fail", 1).await);
    let detail = gateway.page(&topic, "from=0:5&on_loss=fail&wait=55s").await.refusal(410, "position_lost");
    assert!(detail.contains("truncated"), "{detail}");
}

async fn a_topic_that_is_gone_is_told_and_the_others_are_waited_for(context: Context) {
    let (gateway, stays) = (context.gateway().await, context.topic("stays", 1).await);
    let goes = context.topic("goes", 1).await;
    let topics = format!("{goes},{stays}");
    let page = gateway.page(&topics, "from=latest").await;
    let next = page.header("kafka-stream-next").to_owned();
    context.kafka().delete_topic(&goes).await;
    let gap = json!({ "topic": goes, "partition": 0, "from": 0, "to": null, "reason": "deleted" });
    until("the gateway knows", || async {
        let page = gateway.page(&topics, &format!("from={next}")).await;
        (page.status == 200 && page.json(200)["gaps"] == json!([gap])).then_some(())
    })
    .await;
    let begun = Instant::now();
    let page = gateway.page(&topics, &format!("from={next}&wait=2s")).await.json(200);
    assert!(begun.elapsed() >= Duration::from_secs(2), "a client that asks on and on is not let spin");
    assert_eq!((&page["records"], &page["gaps"], &page["next"]), (&json!([]), &json!([gap]), &json!(next)));
    gateway.produce(&stays, "", "1").await.receipt();
    let page = gateway.page(&topics, &format!("from={next}&wait=55s")).await.json(200);
    assert_eq!((&page["records"][0]["value"], &page["gaps"]), (&json!(1), &json!([gap])));
}
