//! A record that is handed out as often as it may be is given up, and nothing is committed over it before that is done.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_record_that_is_given_up_goes_to_the_dead_letter_topic_with_the_reason,
        without_a_dead_letter_topic_a_record_that_is_given_up_is_skipped,
        a_dead_letter_topic_has_to_be_there,
    ]
}

async fn a_record_that_is_given_up_goes_to_the_dead_letter_topic_with_the_reason(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let (worked, grave) = (Worked::new(&context, gateway, 1).await, context.topic("grave", 1).await);
    let query = "partition=0&key=k&header=own:yes";
    let (_, first) = worked.gateway.produce(&worked.topic, query, "0").await.receipt();
    worked.write(0, 1..3).await;
    let settings = json!({"max_attempts": 2, "dead_letter": grave, "ack_timeout_ms": 300});
    let mut settled = Vec::new();
    // The first is given back, the second is forgotten, the third is acknowledged.
    until("all are settled", || async {
        let mut poll = settings.clone();
        poll["wait_ms"] = 200.into();
        if let Some(batch) = worked.poll(poll).await {
            for (number, id) in batch.numbers().into_iter().zip(batch.ids()) {
                let body = match number {
                    0 => json!({"nacks": [{"id": id}]}),
                    1 => continue,
                    _ => json!({"ids": [id]}),
                };
                assert_eq!(worked.post("acks", &body).await.status, 204);
            }
        }
        (worked.committed(1).await == [3]).then_some(())
    })
    .await;
    let mut letters = context.kafka().consume_all(&grave).await;
    letters.sort_by_key(|letter| letter.value.clone());
    for (letter, (value, reason)) in letters.iter().zip([("0", "nacked"), ("1", "ack_timeout")]) {
        assert_eq!(letter.value.as_deref(), Some(value.as_bytes()));
        let header = |name: &str| {
            let found = letter.headers.iter().find(|(found, _)| found == name);
            let value = found.and_then(|(_, value)| value.clone()).unwrap_or_else(|| panic!("{name}"));
            String::from_utf8(value.to_vec()).expect("text")
        };
        let told = ["reason", "attempts", "group", "topic", "partition"];
        let told = told.map(|name| header(&format!("dead-letter-{name}")));
        assert_eq!(told, [reason, "2", &worked.group, &worked.topic, "0"]);
        settled.push(header("dead-letter-offset"));
    }
    assert_eq!(settled, [first.to_string(), (first + 1).to_string()]);
    let own = |letter: usize| letters[letter].headers.iter().any(|(name, _)| name == "own");
    assert!(own(0) && !own(1), "its own headers stay");
    assert_eq!(letters[0].key.as_deref(), Some(&b"k"[..]));
    let given_up =
        worked.gateway.metric("sluicegate_group_given_up_records_total{reason=\"dead_letter\"}").await;
    assert_eq!(given_up, 2);
}

async fn without_a_dead_letter_topic_a_record_that_is_given_up_is_skipped(context: Context) {
    let gateway = context.gateway_with(|_| {}).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..2).await;
    let settings = json!({"max_attempts": 1, "max": 1});
    let id = worked.next(settings.clone()).await.ids().remove(0);
    assert_eq!(worked.post("acks", &json!({"nacks": [{"id": id, "delay_ms": 60_000}]})).await.status, 204);
    worked.until_committed(&[1]).await;
    assert_eq!(worked.next(settings).await.numbers(), [1]);
    let given_up = worked.gateway.metric("sluicegate_group_given_up_records_total{reason=\"skipped\"}").await;
    assert_eq!(given_up, 1);
}

async fn a_dead_letter_topic_has_to_be_there(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let body = worked.asking(&json!({"max_attempts": 1, "dead_letter": context.name("nowhere")}));
    worked.post("poll", &body).await.refusal(404, "topic_not_found");
}
