//! Ids that are none, another group's, forged, or of another time: the documented answer, and nothing moves.

use super::Worked;
use crate::harness::{Context, Test};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        what_is_no_id_is_refused_and_nothing_is_acknowledged,
        ids_of_another_group_and_forged_ones_are_fenced_and_the_rest_is_done,
        an_id_from_before_a_restart_is_fenced_and_its_record_comes_again,
        a_poll_names_fenced_ids_and_goes_on,
    ]
}

async fn what_is_no_id_is_refused_and_nothing_is_acknowledged(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let ids = worked.next(json!({})).await.ids();
    let long = format!("{}{}", ids[0], "A".repeat(2000));
    for none in ["", "g1.", "1.AAAA", "g2.AAAA", "g1.a b", "0", "null", &long, &ids[0][..20]] {
        for body in [
            json!({"ids": [ids[0], none]}),
            json!({"up_to": [ids[0], none]}),
            json!({"ids": [ids[0]], "nacks": [{"id": none}]}),
        ] {
            worked.post("acks", &body).await.refusal(400, "invalid_id");
            let poll = worked.post("poll", &worked.asking(&body)).await;
            poll.refusal(400, "invalid_id");
        }
    }
    assert_eq!(worked.committed(1).await, [0]);
    worked.ack(&ids).await;
    worked.until_committed(&[2]).await;
}

async fn ids_of_another_group_and_forged_ones_are_fenced_and_the_rest_is_done(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let other = Worked { group: context.name("other"), ..worked.clone() };
    worked.write(0, 0..3).await;
    let (ids, foreign) = (worked.next(json!({})).await.ids(), other.next(json!({})).await.ids());
    let flipped = |id: &str, at: usize| {
        let other = if &id[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &id[..at], &id[at + 1..])
    };
    let forged =
        [flipped(&ids[1], 10), flipped(&ids[1], ids[1].len() - 3), flipped(&ids[1], ids[1].len() / 2)];
    let reply =
        worked.post("acks", &json!({"ids": [foreign[1], ids[0], forged[0], forged[1], forged[2]]})).await;
    let problem = reply.problem(409, "fenced");
    assert_eq!(problem["fenced"], json!([foreign[1], forged[0], forged[1], forged[2]]));
    worked.until_committed(&[1]).await;
    let nobody = Worked { group: context.name("nobody"), ..worked.clone() };
    nobody.post("acks", &json!({"up_to": [ids[2]]})).await.refusal(409, "fenced");
    assert_eq!((worked.committed(1).await, other.committed(1).await), (vec![1], vec![0]));
}

async fn an_id_from_before_a_restart_is_fenced_and_its_record_comes_again(context: Context) {
    let worked = Worked::new(&context, context.gateway_with(|_| {}).await, 1).await;
    worked.write(0, 0..2).await;
    let old = worked.next(json!({})).await.ids();
    worked.gateway.stop().await;
    let after = worked.through(&context.gateway_with(|_| {}).await);
    after.post("acks", &json!({"ids": old})).await.refusal(409, "fenced");
    let again = after.next(json!({})).await;
    assert_eq!(again.numbers(), [0, 1]);
    after.post("acks", &json!({"up_to": [old[1]]})).await.refusal(409, "fenced");
    assert_eq!(after.committed(1).await, [0]);
}

async fn a_poll_names_fenced_ids_and_goes_on(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let other = Worked { group: context.name("other"), ..worked.clone() };
    worked.write(0, 0..2).await;
    let foreign = other.next(json!({})).await.ids();
    let ids = worked.next(json!({"max": 1})).await.ids();
    let body = worked.asking(&json!({"ids": [ids[0], foreign[0]]}));
    let reply = worked.post("poll", &body).await.json(200);
    assert_eq!(reply["fenced"], json!([foreign[0]]));
    assert_eq!(reply["records"][0]["value"], 1);
    let nothing = worked.asking(&json!({"ids": [foreign[0]], "wait_ms": 0}));
    let reply = worked.post("poll", &nothing).await.json(200);
    assert_eq!((&reply["fenced"], &reply["records"]), (&json!([foreign[0]]), &json!([])));
}
