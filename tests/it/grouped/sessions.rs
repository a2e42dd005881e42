//! A reply that is lost on its way costs nothing: the same number in the same session brings the same records.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        the_same_number_brings_the_same_records_until_the_next,
        a_number_whose_records_are_no_longer_held_is_a_poll_like_any_other,
        a_session_may_hold_more_than_one_batch,
    ]
}

async fn the_same_number_brings_the_same_records_until_the_next(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 2).await;
    worked.write(0, 0..3).await;
    worked.write(1, 0..3).await;
    let poll = |seq: u64| json!({"session": "s", "seq": seq, "max": 2});
    let first = worked.next(poll(1)).await;
    for _ in 0..3 {
        let again = worked.next(poll(1)).await;
        assert_eq!((again.ids(), again.attempts()), (first.ids(), vec![1, 1]));
    }
    let second = worked.next(poll(2)).await;
    assert!(second.places().iter().all(|place| !first.places().contains(place)), "{second:?}");
}

async fn a_number_whose_records_are_no_longer_held_is_a_poll_like_any_other(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let poll = json!({"session": "s", "seq": 1, "ack_timeout_ms": 300});
    let first = worked.next(poll.clone()).await;
    assert_eq!(first.attempts(), [1, 1]);
    let again = until("the leases have ended", || async {
        worked.poll(poll.clone()).await.filter(|batch| batch.attempts() != [1, 1])
    })
    .await;
    assert_eq!((again.numbers(), again.attempts()), (vec![0, 1], vec![2, 2]));
    assert_ne!(again.ids(), first.ids());
}

async fn a_session_may_hold_more_than_one_batch(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..6).await;
    let mut numbers = Vec::new();
    let mut last = String::new();
    for seq in 1..=3 {
        let batch = worked.next(json!({"session": "s", "seq": seq, "max": 2})).await;
        numbers.extend(batch.numbers());
        last = batch.ids().pop().expect("two");
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert_eq!(worked.post("acks", &json!({"up_to": [last]})).await.status, 204);
    worked.until_committed(&[6]).await;
}
