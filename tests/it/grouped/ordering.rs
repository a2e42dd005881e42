//! What records keep their order among: their partition, their key, or nothing.

use super::{Worked, take};
use crate::harness::{Context, Test};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        records_of_other_keys_do_not_wait_for_one_that_is_held,
        without_an_order_everybody_takes_what_is_next,
        a_key_that_is_given_back_with_a_delay_holds_up_itself_alone,
    ]
}

async fn write(worked: &Worked, records: &[(&str, i64)]) {
    for (key, number) in records {
        let query = format!("partition=0&key={key}");
        worked.gateway.produce(&worked.topic, &query, number.to_string()).await.receipt();
    }
}

async fn records_of_other_keys_do_not_wait_for_one_that_is_held(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    write(&worked, &[("a", 0), ("b", 1), ("a", 2), ("c", 3)]).await;
    let key = json!({"ordering": "key"});
    let mut one = key.clone();
    one["max"] = json!(1);
    let first = worked.next(one).await;
    assert_eq!(first.numbers(), [0]);
    let others = worked.next(key.clone()).await;
    assert_eq!(others.numbers(), [1, 3], "2 has the key that the first one holds");
    assert!(worked.poll(json!({"ordering": "key", "wait_ms": 0})).await.is_none());
    worked.ack(&first.ids()).await;
    assert_eq!(worked.next(key).await.numbers(), [2]);
    worked.ack(&others.ids()).await;
    worked.until_committed(&[2]).await;
}

async fn without_an_order_everybody_takes_what_is_next(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let query = "ack=explicit&ordering=none&window=4";
    let (mut one, mut other) = (worked.stream(query).await, worked.stream(query).await);
    for stream in [&mut one, &mut other] {
        stream.expect("ready").await;
        stream.expect("assigned").await;
    }
    write(&worked, &[("a", 0), ("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5)]).await;
    // Each holds half of the window at most, of one partition and one key.
    let (mine, others) = tokio::join!(take(&mut one, 2), take(&mut other, 2));
    let mut seen = [mine.numbers(), others.numbers()].concat();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
    worked.ack(&mine.ids()).await;
    worked.ack(&others.ids()).await;
    worked.until_committed(&[4]).await;
    let reply = worked.post("poll", &worked.asking(&json!({}))).await;
    reply.refusal(409, "group_settings_differ");
}

async fn a_key_that_is_given_back_with_a_delay_holds_up_itself_alone(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    write(&worked, &[("a", 0), ("a", 1), ("b", 2)]).await;
    let first = worked.next(json!({"ordering": "key", "max": 1})).await;
    let back = json!({"nacks": [{"id": first.ids()[0], "delay_ms": 1500}]});
    assert_eq!(worked.post("acks", &back).await.status, 204);
    let second = worked.next(json!({"ordering": "key"})).await;
    assert_eq!(second.numbers(), [2]);
    let third = worked.next(json!({"ordering": "key"})).await;
    assert_eq!((third.numbers(), third.attempts()), (vec![0, 1], vec![2, 1]));
    worked.ack(&second.ids()).await;
    worked.ack(&third.ids()).await;
    worked.until_committed(&[3]).await;
}
